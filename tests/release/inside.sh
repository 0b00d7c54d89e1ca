#!/bin/bash
# SPDX-License-Identifier: ISC
# Runs a shell script in a copy of a system that is thrown away; /mnt in there
# is the folder SHARE.
#
#   inside.sh SYSTEM SHARE SCRIPT [ARG...]
set -euo pipefail
[ $# -gt 2 ] || { sed -n '3,6s/^# \{0,1\}//p' "$0" >&2; exit 64; }
# shellcheck source=contrib/release/lib/release.sh
. "$(dirname "$0")/../../contrib/release/lib/release.sh"
# shellcheck source=contrib/release/lib/box.sh
. "$RELEASE_ROOT/contrib/release/lib/box.sh"

system=$1
RELEASE_SHARE=$2 RELEASE_WORK=$(mktemp -d)
trap 'rm -rf "$RELEASE_WORK"' EXIT
shift 2
box_run "$system" "$@"
