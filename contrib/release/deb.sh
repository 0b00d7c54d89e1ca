#!/bin/bash
# SPDX-License-Identifier: ISC
# Debian packages of contrib/debian, for each release of Debian and each kind of
# machine; lintian has no word against them.
set -euo pipefail
shopt -s inherit_errexit
# shellcheck source=contrib/release/lib/release.sh
. "$(dirname "$0")/lib/release.sh"
# shellcheck source=contrib/release/lib/box.sh
. "$RELEASE_ROOT/contrib/release/lib/box.sh"

have_tarball
maintainer=$(sed -n 's/^Maintainer: //p' "$RELEASE_ROOT/contrib/debian/control")
[ -z "${DEBEMAIL:-}" ] || maintainer="${DEBFULLNAME:-$DEBEMAIL} <$DEBEMAIL>"

# A version of Debian's own would be -1 or later, and replace ours.
debian_version() {
	case $1 in
	bookworm)	echo "$RELEASE_VERSION-0~deb12" ;;
	trixie)		echo "$RELEASE_VERSION-0~deb13" ;;
	esac
}

# changelog SUITE: what is new is told by CHANGES, in the packages as well.
changelog() {
	cat <<END
orthrus ($(debian_version "$1")) $1; urgency=medium

  * Packages of orthrus $RELEASE_VERSION; changelog.gz has what is new in it.

 -- $maintainer  $(date -uRd "@$SOURCE_DATE_EPOCH")
END
}

# Unit tests are part of it, but for DEB_BUILD_PROFILES=nocheck, and other
# machines' packages.
# shellcheck disable=SC2016 # expanded in there
build='
	arch=$1 profiles=$2 parts=$4
	mkdir -p "$6" && cd "$6"
	tar -xf "/mnt/$3.tar.gz"
	cp "/mnt/$3.tar.gz" "orthrus_${3#orthrus-}.orig.tar.gz"
	cd "$3"
	cp -a contrib/debian debian
	cp /mnt/changelog debian/changelog
	sed -i "s|^Maintainer:.*|Maintainer: $5|" debian/control
	export DEB_BUILD_PROFILES="$profiles" \
	    DEB_BUILD_OPTIONS="$profiles parallel=$(nproc)"
	dpkg-buildpackage -us -uc "-a$arch" "--build=$parts"
	cd ..
	lintian --allow-root --fail-on error,warning --display-info *.changes
	mkdir -p /mnt/out
	cp *.deb /mnt/out
'

# build_for SUITE ARCH PARTS FOLDER [PROFILES]: into $RELEASE_SHARE/out
build_for() {
	local system name=build profiles=${5:-${DEB_BUILD_PROFILES:-}}
	if [ "$2" != "$RELEASE_OWN_ARCH" ]; then
		name=build-$2
		profiles="$profiles cross nocheck"
	fi
	system=$(box_grow "$1" "$name" "$(build_packages "$2")")
	changelog "$1" >"$RELEASE_SHARE/changelog"
	cp "$RELEASE_TARBALL" "$RELEASE_SHARE/"
	rm -rf "$RELEASE_SHARE/out"
	logged box_run "$system" "$build" "$2" "$profiles" \
	    "orthrus-$RELEASE_VERSION" "$3" "$maintainer" "$4"
}

# again SUITE PARTS: what was just built for this machine, in another folder and
# without its tests: the same bytes.
again() {
	local package
	build_for "$1" "$RELEASE_OWN_ARCH" "$2" /var/other/folder nocheck
	for package in "$RELEASE_SHARE"/out/*.deb; do
		cmp "$package" "$RELEASE_DIST/${package##*/}" ||
		    die 70 "two builds of ${package##*/} differ"
	done
	say "deb: $1 $RELEASE_OWN_ARCH: two builds are the same"
}

# What is for all machines comes with the first.  Once is enough to see that two
# builds are the same.
twice=
for suite in ${RELEASE_SUITES//,/ }; do
	parts=full
	for arch in ${RELEASE_ARCHS//,/ }; do
		start=$SECONDS
		build_for "$suite" "$arch" $parts /build
		cp "$RELEASE_SHARE"/out/*.deb "$RELEASE_DIST/"
		say "deb: $suite $arch: $((SECONDS - start)) s"
		if [ "$arch" = "$RELEASE_OWN_ARCH" ] && [ -z "$twice" ]; then
			again "$suite" $parts
			twice=yes
		fi
		parts=any
	done
done
