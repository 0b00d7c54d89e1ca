#!/bin/bash
# SPDX-License-Identifier: ISC
# Programs of one file each, with all that they need in them: musl, and newer
# libraries than a release of Debian has, pinned by contrib/release/sources.txt.
set -euo pipefail
shopt -s inherit_errexit
# shellcheck source=contrib/release/lib/release.sh
. "$(dirname "$0")/lib/release.sh"
# shellcheck source=contrib/release/lib/box.sh
. "$RELEASE_ROOT/contrib/release/lib/box.sh"
# shellcheck source=contrib/release/lib/sources.sh
. "$RELEASE_ROOT/contrib/release/lib/sources.sh"
# shellcheck source=contrib/release/lib/materials.sh
. "$RELEASE_ROOT/contrib/release/lib/materials.sh"

have_tarball

# What a system for ARCH is grown of: changes with what is pinned.
grow() {
	echo "arch=$1 # $(cksum <"$SOURCES_LIST")"
	cat "$RELEASE_ROOT/contrib/release/lib/static_libraries.sh"
}

# Our own programs, of the tarball, in the folder $1.
# shellcheck disable=SC2016 # expanded in there
build='
	folder=$1 tarball=$2 triplet=$3 out=$4 linked=$5
	prefix=/opt/static
	mkdir -p "$folder" && cd "$folder"
	tar -xf "/mnt/$tarball.tar.gz" --no-same-owner
	cd "$tarball"
	./configure --host="$triplet" --enable-static-pie --with-seccomp=yes \
	    CC=$prefix/bin/musl-gcc AR="$triplet-ar" RANLIB="$triplet-ranlib" \
	    CFLAGS="-O2 -g1 -ffile-prefix-map=$folder=." \
	    CPPFLAGS=-I$prefix/include \
	    LDFLAGS="-L$prefix/lib -Wl,--gc-sections -Wl,-z,stack-size=262144" \
	    LIBS=$prefix/lib/mimalloc.o PKG_CONFIG="pkg-config --static" \
	    PKG_CONFIG_LIBDIR=$prefix/lib/pkgconfig ORTHRUS_LINKED="$linked"
	make -j"$(nproc)" orthrus charon
	mkdir -p "/mnt/$out"
	"$triplet-gcc" -dumpfullversion >"/mnt/$out/gcc"
	for program in orthrus charon; do
		"$triplet-strip" -o "/mnt/$out/$program" "$program"
	done
'

triplet() {
	case $1 in
	amd64)	echo x86_64-linux-gnu ;;
	arm64)	echo aarch64-linux-gnu ;;
	armhf)	echo arm-linux-gnueabihf ;;
	esac
}

# What cannot tell its version at run time.
linked() {
	sed -n 's/^\(musl\|mimalloc\|libinih\|wslay\) \([0-9.]*\).*/\1 \2/p' \
	    "$SOURCES_LIST" | paste -sd , | sed 's/,/, /g'
}

# needs_nothing FILE: fails when anything but the kernel is needed to run it.
needs_nothing() {
	! readelf -lW "$1" | grep -q INTERP &&
	    ! readelf -dW "$1" | grep -q NEEDED
}

# take PROGRAM ARCH: into dist/, when both builds of it are the same.
take() {
	local to=$RELEASE_DIST/$1-$RELEASE_VERSION-linux-$2
	cmp "$RELEASE_SHARE"/{first,second}/"$1" ||
	    die 70 "two builds of ${to##*/} differ"
	needs_nothing "$RELEASE_SHARE/first/$1" ||
	    die 70 "${to##*/} is not all that it needs"
	mv "$RELEASE_SHARE/first/$1" "$to"
}

# build_for ARCH
build_for() {
	local system tarball=orthrus-$RELEASE_VERSION
	local to=$RELEASE_DIST/orthrus-$RELEASE_VERSION-linux-$1
	system=$(box_grow trixie "static-$1" "$(grow "$1")")
	cp "$RELEASE_TARBALL" "$RELEASE_SHARE/"
	rm -rf "$RELEASE_SHARE"/{first,second}
	logged box_run "$system" "$build" /build "$tarball" "$(triplet "$1")" \
	    first "$(linked)"
	logged box_run "$system" "$build" /var/other/folder "$tarball" \
	    "$(triplet "$1")" second "$(linked)"
	take orthrus "$1"
	take charon "$1"
	materials "$(cat "$RELEASE_SHARE/first/gcc")" "$to" \
	    "${to%/*}/charon-$RELEASE_VERSION-linux-$1" >"$to.cdx.json"
	rm -r "$RELEASE_SHARE"/{first,second}
}

mkdir -p "$RELEASE_SHARE/sources"
sources=$(sources_fetch)
cp -u "$sources"/* "$RELEASE_SHARE/sources/"
cp "$SOURCES_LIST" "$RELEASE_SHARE/"
for arch in ${RELEASE_ARCHS//,/ }; do
	start=$SECONDS
	build_for "$arch"
	say "static: $arch: $((SECONDS - start)) s"
	tarball_of >"$RELEASE_WORK/static-$arch.of"
done
