# SPDX-License-Identifier: ISC
# What the kinds of contrib/release.sh share: where things are, and how to say
# what happens.
# shellcheck shell=bash

RELEASE_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
RELEASE_DIST=${ORTHRUS_DIST:-$RELEASE_ROOT/dist}
RELEASE_WORK=${ORTHRUS_BUILD:-$RELEASE_ROOT/build}/release
# A folder that minimal systems see as well.
RELEASE_SHARE=$RELEASE_WORK/share
RELEASE_CACHE=${ORTHRUS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/orthrus}
RELEASE_VERSION=$(sed -n 's/^AC_INIT(\[orthrus\], \[\(.*\)\])$/\1/p' \
    "$RELEASE_ROOT/configure.ac")
# What other kinds are built of; see have_tarball.
export RELEASE_TARBALL=$RELEASE_DIST/orthrus-$RELEASE_VERSION.tar.gz
RELEASE_OWN_ARCH=$(dpkg --print-architecture)
# With commas between them.
RELEASE_ARCHS=${RELEASE_ARCHS:-$RELEASE_OWN_ARCH}
RELEASE_SUITES=${RELEASE_SUITES:-bookworm,trixie}
# The time of the last commit; in an unpacked tarball all files have it.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(
	git -C "$RELEASE_ROOT" log -1 --format=%ct 2>/dev/null ||
	    stat -c %Y "$RELEASE_ROOT/CHANGES")}
export RELEASE_ARCHS RELEASE_SUITES SOURCE_DATE_EPOCH
export PATH="$PATH:/usr/sbin:/sbin" LC_ALL=C.UTF-8
mkdir -p "$RELEASE_DIST" "$RELEASE_WORK" "$RELEASE_SHARE" "$RELEASE_CACHE"

say() {
	printf 'release.sh: %s\n' "$*"
}

# die STATUS WORD...
die() {
	say "${@:2}" >&2
	exit "$1"
}

# Runs a command whose output is of interest only when it fails.
logged() {
	local log
	log=$(mktemp "$RELEASE_WORK/log.XXXXXX")
	"$@" >"$log" 2>&1 || {
		tail -n 40 "$log" >&2
		die 70 "'$1' failed, see $log"
	}
	rm -f "$log"
}

# check_words OPTION LIST WORD...: a list with commas has only these words.
check_words() {
	local option=$1 list=$2 word
	shift 2
	for word in ${list//,/ }; do
		[[ " $* " == *" $word "* ]] ||
		    die 64 "$option: no '$word'; there are: $*"
	done
}

# What a tarball would be made of now.
tarball_of() {
	git -C "$RELEASE_ROOT" rev-parse HEAD 2>/dev/null || echo no-commit
}

# Makes sure that the tarball is there, and of the commit that is here.
have_tarball() {
	if [ ! -e "$RELEASE_TARBALL" ] || [ "$(tarball_of)" != \
	    "$(cat "$RELEASE_WORK/tarball.of" 2>/dev/null)" ]; then
		bash "$RELEASE_ROOT/contrib/release/source.sh"
	fi
}

# have_static ARCH: the same for the static programs of a machine.
have_static() {
	local base=$RELEASE_VERSION-linux-$1
	if [ ! -x "$RELEASE_DIST/orthrus-$base" ] ||
	    [ ! -x "$RELEASE_DIST/charon-$base" ] || [ "$(tarball_of)" != \
	    "$(cat "$RELEASE_WORK/static-$1.of" 2>/dev/null)" ]; then
		RELEASE_ARCHS=$1 bash "$RELEASE_ROOT/contrib/release/static.sh"
	fi
}

# The checksums of all that is in dist/, signed with the releaser's own keys.
release_sums() {
	cd "$RELEASE_DIST" || return
	rm -f SHA256SUMS*
	find . -maxdepth 1 -type f -printf '%P\0' | sort -z |
	    xargs -0 sha256sum >"$RELEASE_WORK/SHA256SUMS"
	mv "$RELEASE_WORK/SHA256SUMS" .
	[ -z "${ORTHRUS_MINISIGN_KEY:-}" ] ||
	    minisign -S -s "$ORTHRUS_MINISIGN_KEY" -m SHA256SUMS \
	    -t "orthrus $RELEASE_VERSION" -c "orthrus $RELEASE_VERSION"
	[ -z "${ORTHRUS_GPG_KEY:-}" ] ||
	    gpg --batch --local-user "$ORTHRUS_GPG_KEY" --armor \
	    --output SHA256SUMS.asc --detach-sign SHA256SUMS
}
