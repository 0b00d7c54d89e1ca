# SPDX-License-Identifier: ISC
# Builds the libraries of contrib/release/sources.txt with musl, for $arch, into
# /opt/static; run by box_grow, with what they are made of in /mnt/sources.
# shellcheck shell=sh
set -eu

prefix=/opt/static
# shellcheck disable=SC2154 # who runs this sets it
case $arch in
amd64)	triplet=x86_64-linux-gnu branches=-fcf-protection openssl=linux-x86_64 ;;
arm64)	triplet=aarch64-linux-gnu branches=-mbranch-protection=standard
	openssl=linux-aarch64 ;;
armhf)	triplet=arm-linux-gnueabihf branches='' openssl=linux-armv4 ;;
esac
own=$(dpkg --print-architecture)
other=
[ "$arch" = "$own" ] || other="gcc-$triplet libc6-dev-$arch-cross"

apt-get update
# shellcheck disable=SC2086 # lists of words
apt-get -y --no-install-recommends install autoconf automake bzip2 cmake gcc \
    gperf libc6-dev libtool make patch perl pkgconf protobuf-c-compiler tcl \
    xz-utils $other
apt-get clean

jobs=-j$(nproc)
flags="-O2 -fPIE -ffunction-sections -fdata-sections -fstack-protector-strong \
    -fstack-clash-protection $branches -ffile-prefix-map=/build=."
cc=$prefix/bin/musl-gcc
mkdir -p $prefix/lib/pkgconfig $prefix/include

# files NAME: what sources.txt has below a name.
files() {
	awk -v name="$1" '/^[^ ]/ { on = $1 == name } on && /^ / { print $2, $3 }
	' /mnt/sources.txt
}

# version NAME: the library's own, without what Debian adds to it.
version() {
	awk -v name="$1" '$1 == name { v = $2 } END {
		sub(/^[0-9]+:/, "", v); sub(/.*really/, "", v)
		sub(/-[^-]*$/, "", v); sub(/\+ds$/, "", v); print v }' \
	    /mnt/sources.txt
}

# unpack NAME: its source with Debian's patches in /build/NAME, and goes there.
unpack() {
	mkdir -p "/build/$1"
	cd "/build/$1"
	files "$1" | while read -r path _; do
		case $path in
		*.debian.tar.*)	tar -xf "/mnt/sources/${path##*/}" ;;
		*)	tar -xf "/mnt/sources/${path##*/}" --no-same-owner \
			    --strip-components=1 ;;
		esac
	done
	[ ! -e debian/patches/series ] ||
	    sed 's/#.*//; s/ .*//; /^$/d' debian/patches/series |
	    while read -r patch; do
		patch -s -p1 <"debian/patches/$patch"
	    done
	cd "./$(files "$1" | awk 'NR == 1 { print $2 }')"
}

# by_hand NAME FILE.c...: a library of few files; $hand are more flags for it.
by_hand() {
	name=$1
	hand=${hand:-}
	shift
	for file; do
		# shellcheck disable=SC2086 # a list of words
		$cc $flags $hand -c "$file"
	done
	"$triplet-ar" crD "$prefix/lib/lib$name.a" ./*.o
}

# describe NAME VERSION: for pkg-config.
describe() {
	cat >"$prefix/lib/pkgconfig/$1.pc" <<END
Name: $1
Description: $1
Version: $2
Cflags: -I$prefix/include
Libs: -L$prefix/lib -l${1#lib}
END
}

configure() {
	./configure --host="$triplet" --prefix=$prefix --disable-shared "$@" \
	    CC="$cc" AR="$triplet-ar" RANLIB="$triplet-ranlib" CFLAGS="$flags"
	make "$jobs"
	make install
}

cmake_build() {
	cmake -S . -B out -DCMAKE_INSTALL_PREFIX=$prefix \
	    -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR="${triplet%%-*}" \
	    -DCMAKE_C_COMPILER="$cc" -DCMAKE_C_FLAGS="$flags" \
	    -DCMAKE_AR="/usr/bin/$triplet-ar" \
	    -DCMAKE_RANLIB="/usr/bin/$triplet-ranlib" \
	    -DCMAKE_FIND_ROOT_PATH=$prefix -DCMAKE_PREFIX_PATH=$prefix \
	    -DCMAKE_FIND_ROOT_PATH_MODE_LIBRARY=ONLY \
	    -DCMAKE_FIND_ROOT_PATH_MODE_INCLUDE=ONLY \
	    -DCMAKE_INSTALL_LIBDIR=lib -DBUILD_SHARED_LIBS=OFF "$@"
	make -C out "$jobs"
	make -C out install
}

# The C library, with what it lacks: the kernel's headers, and queues.
unpack musl
./configure --target="$triplet" --prefix=$prefix --syslibdir=$prefix/lib \
    --disable-shared --enable-wrapper=gcc CC="$triplet-gcc" CFLAGS=-O2 \
    AR="$triplet-ar" RANLIB="$triplet-ranlib"
make "$jobs"
make install
ln -s /usr/include/linux /usr/include/asm-generic $prefix/include/
for dir in "/usr/$triplet/include/asm" "/usr/include/$triplet/asm"; do
	[ ! -d "$dir" ] || ln -sfn "$dir" $prefix/include/asm
done
cp /usr/include/*/sys/queue.h $prefix/include/sys/
# Ours stands in front of it, see loop_watch.c, as it may in front of glibc's.
"$triplet-objcopy" --weaken-symbol=epoll_wait $prefix/lib/libc.a

# It takes the place of musl's malloc(3), which asks the kernel too often.
unpack mimalloc
# shellcheck disable=SC2086 # a list of words
$cc $flags -Iinclude -DNDEBUG -DMI_MALLOC_OVERRIDE -DMI_STATIC_LIB \
    -DMI_LIBC_MUSL -fno-builtin-malloc -ftls-model=local-exec \
    -c src/static.c -o $prefix/lib/mimalloc.o

unpack zlib
CHOST=$triplet CC=$cc CFLAGS=$flags ./configure --static --prefix=$prefix
make "$jobs" libz.a
make install

unpack openssl
./Configure "$openssl" --prefix=$prefix --libdir=lib --openssldir=/etc/ssl \
    no-shared no-tests no-apps no-docs no-legacy no-module no-dso no-engine \
    no-async no-comp no-quic no-dtls no-ssl3 no-tls1 no-tls1_1 no-cms no-cmp \
    no-ct no-ts no-ocsp no-srp no-srtp no-psk no-gost no-aria no-camellia \
    no-seed no-idea no-bf no-cast no-rc2 no-rc4 no-md4 no-mdc2 no-whirlpool \
    no-sm2 no-sm3 no-sm4 no-uplink no-ui-console no-rfc3779 \
    CC="$cc" AR="$triplet-ar" RANLIB="$triplet-ranlib" CFLAGS="$flags"
make "$jobs" build_libs
make install_dev

unpack libssh
cmake_build -DWITH_GSSAPI=OFF -DWITH_FIDO2=OFF -DWITH_EXAMPLES=OFF \
    -DWITH_SFTP=OFF -DUNIT_TESTING=OFF

unpack libsodium
autoreconf -i
configure --disable-ssp --disable-pie

unpack libevent
autoreconf -i
configure --disable-openssl --disable-samples --disable-libevent-regress \
    --disable-debug-mode

unpack jansson
autoreconf -i
configure

unpack libseccomp
configure

unpack cmocka
cmake_build -DWITH_EXAMPLES=OFF

unpack libinih
by_hand inih ini.c
cp ini.h $prefix/include/
describe inih "$(version libinih)"

unpack protobuf-c
hand=-I. by_hand protobuf-c protobuf-c/protobuf-c.c
mkdir $prefix/include/protobuf-c
cp protobuf-c/protobuf-c.h $prefix/include/protobuf-c/
describe libprotobuf-c "$(version protobuf-c)"

unpack sqlite3
./configure --disable-tcl --disable-readline
make "$jobs" sqlite3.c
hand='-DSQLITE_OMIT_LOAD_EXTENSION -DSQLITE_THREADSAFE=1' by_hand sqlite3 \
    sqlite3.c
cp sqlite3.h $prefix/include/
describe sqlite3 "$(version sqlite3)"

unpack wslay
cp -r lib/includes/wslay $prefix/include/
sed "s/@PACKAGE_VERSION@/$(version wslay)/" lib/includes/wslay/wslayver.h.in \
    >$prefix/include/wslay/wslayver.h
hand='-Ilib -Ilib/includes -DHAVE_ARPA_INET_H -DHAVE_NETINET_IN_H' \
    by_hand wslay lib/*.c
describe wslay "$(version wslay)"

cd /
rm -rf /build
