#!/bin/bash
# SPDX-License-Identifier: ISC
# RPM packages of the static programs, by contrib/rpm/orthrus.spec, each made
# twice in different folders: the bytes are the same.  rpmlint has no word
# against them.
set -euo pipefail
shopt -s inherit_errexit
# shellcheck source=contrib/release/lib/release.sh
. "$(dirname "$0")/lib/release.sh"
# shellcheck source=contrib/release/lib/box.sh
. "$RELEASE_ROOT/contrib/release/lib/box.sh"

share=$RELEASE_SHARE/rpm
maintainer=$(sed -n 's/^Maintainer: //p' "$RELEASE_ROOT/contrib/debian/control")
[ -z "${DEBEMAIL:-}" ] || maintainer="${DEBFULLNAME:-$DEBEMAIL} <$DEBEMAIL>"
changelog="* $(date -ud "@$SOURCE_DATE_EPOCH" '+%a %b %d %Y') $maintainer - \
$RELEASE_VERSION-1
- Packages of orthrus $RELEASE_VERSION; its CHANGES has what is new in it."

# What rpm calls a kind of machine; Fedora has 32-bit Arm no more.
cpu() {
	case $1 in
	amd64)	echo x86_64 ;;
	arm64)	echo aarch64 ;;
	esac
}

# $1: where; $2: version; $3: kind of machine; $4: where to; $5: changelog;
# $6: whose packages they are
# shellcheck disable=SC2016 # expanded in there
make_it='
	umask 022
	mkdir -p "$1" && cd "$1"
	mkdir SOURCES SPECS
	cp /mnt/rpm/in/* SOURCES/
	python3 SOURCES/fill.py SOURCES/orthrus.spec SOURCES/orthrus.cdx.json \
	    "$2" "$5" >SPECS/orthrus.spec
	rpmbuild -bb --target "$3-linux" --define "_topdir $1" \
	    --define "_buildhost reproducible" --define "packager $6" \
	    --define "_build_id_links none" \
	    --define "_binary_payload w9.xzdio" \
	    --define "use_source_date_epoch_as_buildtime 1" \
	    --define "clamp_mtime_to_source_date_epoch 1" SPECS/orthrus.spec
	mkdir -p "/mnt/rpm/$4"
	cp RPMS/*/*.rpm "/mnt/rpm/$4/"
	rpmlint -c SOURCES/rpmlint.toml SPECS/orthrus.spec RPMS/*/*.rpm
'

# make_for ARCH PACKAGE...: these go to dist/.
make_for() {
	local base=$RELEASE_VERSION-linux-$1 cpu package
	cpu=$(cpu "$1")
	cp "$RELEASE_DIST/orthrus-$base" "$share/in/orthrus-program"
	cp "$RELEASE_DIST/charon-$base" "$share/in/charon-program"
	cp "$RELEASE_DIST/orthrus-$base.cdx.json" "$share/in/orthrus.cdx.json"
	logged box_run "$system" "$make_it" /build/rpm "$RELEASE_VERSION" \
	    "$cpu" first "$changelog" "$maintainer"
	logged box_run "$system" "$make_it" /var/other/folder \
	    "$RELEASE_VERSION" "$cpu" second "$changelog" \
	    "$maintainer"
	for package in "$share"/first/*.rpm; do
		cmp "$package" "$share/second/${package##*/}" ||
		    die 70 "two builds of ${package##*/} differ"
	done
	shift
	for package; do
		mv "$share/first/$package-$RELEASE_VERSION-1".*.rpm \
		    "$RELEASE_DIST/"
	done
	rm -r "$share"/{first,second}
}

have_tarball
system=$(box_grow bookworm rpm '
	apt-get update
	apt-get -y --no-install-recommends install rpm rpmlint
	apt-get clean
')
for arch in ${RELEASE_ARCHS//,/ }; do
	[ -z "$(cpu "$arch")" ] || have_static "$arch"
done
rm -rf "$share"
mkdir -p "$share/in"
cp "$RELEASE_TARBALL" "$RELEASE_ROOT"/contrib/rpm/* "$share/in/"
# What is for all machines comes with the first.
parts="orthrus charon orthrus-tools"
for arch in ${RELEASE_ARCHS//,/ }; do
	if [ -z "$(cpu "$arch")" ]; then
		say "rpm: none for $arch, which Fedora has no more"
		continue
	fi
	# shellcheck disable=SC2086 # a list of words
	make_for "$arch" $parts
	parts="orthrus charon"
done
rm -r "$share"
