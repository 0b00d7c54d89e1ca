#!/bin/bash
# SPDX-License-Identifier: ISC
# Tarballs with the static programs and an installer, each made twice in
# different folders: the bytes are the same.
set -euo pipefail
shopt -s inherit_errexit
# shellcheck source=contrib/release/lib/release.sh
. "$(dirname "$0")/lib/release.sh"
# shellcheck source=contrib/release/lib/box.sh
. "$RELEASE_ROOT/contrib/release/lib/box.sh"

share=$RELEASE_SHARE/tarball

# $1: where; $2: version; $3: kind of machine; $4: where to
# shellcheck disable=SC2016 # expanded in there
make_it='
	umask 022
	src=/mnt/tarball/sources/orthrus-$2 name=orthrus-$2-linux-$3
	mkdir -p "$1" && cd "$1"
	share=$name/share doc=$name/share/doc/orthrus
	sh "$src/contrib/release/lib/tree.sh" "$src" /usr/local/bin "$share" \
	    "$name/systemd"
	mkdir -p "$name/bin" "$doc/examples" "$name/openrc"
	for program in orthrus charon; do
		install -m 0755 "/mnt/tarball/in/$program-$2-linux-$3" \
		    "$name/bin/$program"
		install -m 0644 "$src/contrib/$program.ini" "$doc/examples/"
		install -m 0644 "$src/contrib/openrc/$program" "$name/openrc/"
	done
	install -m 0644 "$src/contrib/debian/auth-key.conf" "$doc/examples/"
	cp -r "$src/contrib/prometheus" "$doc/examples/"
	cp "/mnt/tarball/in/orthrus-$2-linux-$3.cdx.json" "$doc/orthrus.cdx.json"
	cp "$src/contrib/tarball/README" "$src/LICENSE" "$src/CHANGES" "$doc/"
	cp "$src/contrib/tarball/README" "$src/contrib/tarball/common.sh" \
	    "$src/LICENSE" "$name/"
	for script in install.sh uninstall.sh; do
		sed "s/@VERSION@/$2/; s/@ARCH@/$3/" \
		    "$src/contrib/tarball/$script" >"$name/$script"
		chmod 0755 "$name/$script"
	done
	(cd "$name" && find . -type f -printf "%P\0" | LC_ALL=C sort -z |
	    xargs -0 sha256sum >/tmp/SHA256SUMS && cp /tmp/SHA256SUMS .)
	tar --format=ustar --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 \
	    --group=0 --numeric-owner --mode=u+rw,go=rX -cf "$name.tar" "$name"
	gzip -9n "$name.tar"
	mkdir -p "/mnt/tarball/$4"
	cp "$name.tar.gz" "/mnt/tarball/$4/"
'

make_for() {
	local base=$RELEASE_VERSION-linux-$1
	local name=orthrus-$base.tar.gz
	cp "$RELEASE_DIST"/{orthrus,charon}-"$base" \
	    "$RELEASE_DIST/orthrus-$base.cdx.json" "$share/in/"
	logged box_run "$system" "$make_it" /build/tarball "$RELEASE_VERSION" \
	    "$1" first
	logged box_run "$system" "$make_it" /var/other/folder \
	    "$RELEASE_VERSION" "$1" second
	cmp "$share"/{first,second}/"$name" ||
	    die 70 "two builds of $name differ"
	mv "$share/first/$name" "$RELEASE_DIST/"
}

have_tarball
system=$(box_make bookworm)
for arch in ${RELEASE_ARCHS//,/ }; do
	have_static "$arch"
done
rm -rf "$share"
mkdir -p "$share"/{in,sources}
tar -C "$share/sources" -xf "$RELEASE_TARBALL" --no-same-owner
for arch in ${RELEASE_ARCHS//,/ }; do
	make_for "$arch"
done
rm -r "$share"
