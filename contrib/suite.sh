#!/bin/bash
# SPDX-License-Identifier: ISC
# Runs a command in the root of a copy of this tree, in a minimal system of
# another Debian release that is made on the spot and removed afterwards.
#
#   suite.sh SUITE COMMAND [ARG...]	SUITE: bookworm, trixie, forky
#
# Needs root, and installs debootstrap where it is missing.  The exit status is
# the command's, or 75 when the system cannot be made here (no network, no
# right to mount).  Processes that it leaves behind end with it.
set -eu

usage() {
	sed -n '3,10s/^# \{0,1\}//p' "$0"
}

case ${1:-} in
-h|--help)	usage; exit 0 ;;
bookworm|trixie|forky)	;;
*)	usage >&2; exit 64 ;;
esac
[ $# -gt 1 ] || { usage >&2; exit 64; }

root=$(cd "$(dirname "$0")/.." && pwd)
suite=$1
shift
export PATH="$PATH:/usr/sbin:/sbin"

cannot() {
	echo "suite.sh: cannot make a system of $suite: $*" >&2
	exit 75
}

[ "$(id -u)" -eq 0 ] || cannot "that needs root"
"$root/contrib/deps.sh" suite || cannot "debootstrap is missing"
unshare --mount --pid --fork --kill-child true 2>/dev/null ||
	cannot "unshare(1) is not allowed here"

box=$(mktemp -d "${TMPDIR:-/tmp}/orthrus-$suite.XXXXXX")
chmod 755 "$box"	# it is the root directory of other users as well
trap 'rm -rf --one-file-system "$box"' EXIT
trap 'exit 1' HUP INT TERM

# shellcheck disable=SC2016 # apt-get's own format
mirrors=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' \
    2>/dev/null | sort -u)
mirror=$(grep -v security <<<"$mirrors" | head -n 1)
security=$(grep security <<<"$mirrors" | head -n 1)
[ -n "$mirror" ] || cannot "apt knows no mirror"
# An older debootstrap may not know the name yet.
script=/usr/share/debootstrap/scripts/$suite
[ -e "$script" ] || script=/usr/share/debootstrap/scripts/sid
debootstrap --variant=minbase "$suite" "$box" "$mirror" "$script" \
    >"$box.log" 2>&1 || {
	tail -n 3 "$box.log" >&2
	rm -f "$box.log"
	cannot "debootstrap failed"
}
rm -f "$box.log"

# The way to the mirror is this machine's.
[ ! -e /etc/resolv.conf ] || cp /etc/resolv.conf "$box/etc/resolv.conf"
cp -a /etc/apt/apt.conf.d/. "$box/etc/apt/apt.conf.d/" 2>/dev/null || true
rm -f "$box"/etc/apt/apt.conf.d/*docker*
# A release to come is not signed anew every week.
[ "$suite" != forky ] || echo 'Acquire::Check-Valid-Until "false";' \
    >"$box/etc/apt/apt.conf.d/99orthrus"
[ "$suite" = forky ] || [ -z "$security" ] ||
    echo "deb $security $suite-security main" \
    >"$box/etc/apt/sources.list.d/security.list"

mkdir -p "$box/src/orthrus"
tar -C "$root" --exclude=./build --exclude=./.git -cf - . |
    tar -C "$box/src/orthrus" -xf -

# shellcheck disable=SC2016 # expanded in there
inside='
	set -eu
	box=$1 suite=$2
	shift 2
	mount --bind "$box" "$box"
	cd "$box"
	mount -t proc proc proc
	mount --rbind /sys sys
	mount --rbind /dev dev
	mount -t tmpfs tmpfs run
	exec chroot . /usr/bin/env -i HOME=/root TERM=dumb ORTHRUS_SUITE="$suite" \
	    ORTHRUS_TEST_JOBS="${ORTHRUS_TEST_JOBS:-4}" \
	    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
	    DEBIAN_FRONTEND=noninteractive \
	    sh -c "cd /src/orthrus && exec \"\$@\"" sh "$@"
'
status=0
unshare --mount --pid --fork --kill-child bash -c "$inside" suite \
    "$box" "$suite" "$@" </dev/null || status=$?
exit $status
