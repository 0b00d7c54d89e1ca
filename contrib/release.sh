#!/bin/bash
# SPDX-License-Identifier: ISC
# Builds what people install, in minimal Debian systems that are made for it,
# and puts it into dist/, with the checksums of all that is there.
#
#   release.sh [--arch LIST] [--suite LIST] [KIND...|all]
#	--arch: for which machines, such as amd64,arm64 (default: this one's)
#	--suite: for which Debian releases (default: bookworm,trixie)
#
# What is built is what is committed.  Each KIND is a file in contrib/release.
# ORTHRUS_MINISIGN_KEY, a file with a secret key, and ORTHRUS_GPG_KEY, a name
# that gpg knows, sign the checksums; contrib/verify.sh looks at that.
#
# Needs root, as it makes systems, and a Debian; installs mmdebstrap where it is
# missing.  ORTHRUS_DIST, ORTHRUS_BUILD and ORTHRUS_CACHE are other folders than
# dist, build and ~/.cache/orthrus.  Exit status 75: no systems can be made
# here, for want of a network or of the right to mount.
set -euo pipefail
shopt -s inherit_errexit

root=$(cd "$(dirname "$0")/.." && pwd)

usage() {
	sed -n '3,17s/^# \{0,1\}//p' "$0"
}

# The kinds there are.  Many are built of the tarball, so it comes first.
kinds() {
	echo source
	find "$root/contrib/release" -maxdepth 1 -name '*.sh' -printf '%f\n' |
	    sed 's/\.sh$//' | grep -vx source | sort
}

wanted=()
while [ $# -gt 0 ]; do
	case $1 in
	-h|--help)	usage; exit 0 ;;
	--arch)		export RELEASE_ARCHS=${2:-}; shift ;;
	--arch=*)	export RELEASE_ARCHS=${1#*=} ;;
	--suite)	export RELEASE_SUITES=${2:-}; shift ;;
	--suite=*)	export RELEASE_SUITES=${1#*=} ;;
	-*)		usage >&2; exit 64 ;;
	all)		mapfile -t wanted < <(kinds) ;;
	*)		wanted+=("$1") ;;
	esac
	shift || { usage >&2; exit 64; }
done

# shellcheck source=contrib/release/lib/release.sh
. "$root/contrib/release/lib/release.sh"

mapfile -t all < <(kinds)
[ ${#wanted[@]} -gt 0 ] || wanted=("${all[@]}")
for kind in "${wanted[@]}"; do
	[[ " ${all[*]} " == *" $kind "* ]] ||
	    die 64 "there is no kind '$kind'; there are: ${all[*]}"
done
check_words --arch "$RELEASE_ARCHS" amd64 arm64 armhf
check_words --suite "$RELEASE_SUITES" bookworm trixie
[ "$(id -u)" -eq 0 ] || die 77 "making minimal systems needs root"
"$root/contrib/deps.sh" release
unshare --mount --pid --net --fork true 2>/dev/null ||
    die 75 "unshare(1) is not allowed here"
[ -z "$(git -C "$root" status --porcelain 2>/dev/null)" ] ||
    say "what is not committed is left out"

# One at a time; and no checksums of before, when something fails.
exec 9>"$RELEASE_WORK/lock"
flock 9
rm -f "$RELEASE_DIST"/SHA256SUMS*
for kind in "${wanted[@]}"; do
	start=$SECONDS
	bash "$root/contrib/release/$kind.sh"
	say "$kind: $((SECONDS - start)) s"
done
release_sums
