#!/bin/bash
# SPDX-License-Identifier: ISC
# The source tarball, made twice in different folders: the bytes are the same.
set -euo pipefail
shopt -s inherit_errexit
# shellcheck source=contrib/release/lib/release.sh
. "$(dirname "$0")/lib/release.sh"
# shellcheck source=contrib/release/lib/box.sh
. "$RELEASE_ROOT/contrib/release/lib/box.sh"

tarball=$(basename "$RELEASE_TARBALL")
system=$(box_grow bookworm build "$(build_packages "$RELEASE_OWN_ARCH")")

# All that is committed; of an unpacked tarball, all that was in it.
if git -C "$RELEASE_ROOT" rev-parse HEAD >/dev/null 2>&1; then
	git -C "$RELEASE_ROOT" archive -o "$RELEASE_SHARE/tree.tar" HEAD
else
	tar -C "$RELEASE_ROOT" --exclude=./build --exclude=./dist \
	    -cf "$RELEASE_SHARE/tree.tar" .
fi

# shellcheck disable=SC2016 # expanded in there
make_it='
	umask 022
	mkdir -p "$1" && cd "$1"
	tar -xf /mnt/tree.tar --no-same-owner
	autoreconf -i
	mkdir -p build/dist && cd build/dist
	../../configure
	make dist GZIP_ENV=-9n am__tar="tar --format=ustar --sort=name \
	    --mtime=@$SOURCE_DATE_EPOCH --owner=0 --group=0 --numeric-owner \
	    --mode=u+rw,go=rX -chf - \"\$\$tardir\""
	mkdir -p "/mnt/$2"
	cp "$3" "/mnt/$2/"
'
logged box_run "$system" "$make_it" /build/orthrus first "$tarball"
logged box_run "$system" "$make_it" /var/other/folder second "$tarball"
cmp "$RELEASE_SHARE/first/$tarball" "$RELEASE_SHARE/second/$tarball" ||
    die 70 "two builds of $tarball differ"
mv "$RELEASE_SHARE/first/$tarball" "$RELEASE_TARBALL"
tarball_of >"$RELEASE_WORK/tarball.of"
rm -r "$RELEASE_SHARE"/{first,second,tree.tar}
