#!/bin/bash
# SPDX-License-Identifier: ISC
# Makes a minimal system of a release of Debian; prints its folder.  Ends with 75
# where that cannot be.
#
#   root.sh SUITE
set -euo pipefail
shopt -s inherit_errexit
[ $# -eq 1 ] || { sed -n '3,6s/^# \{0,1\}//p' "$0" >&2; exit 64; }
# shellcheck source=contrib/release/lib/release.sh
. "$(dirname "$0")/../../contrib/release/lib/release.sh"
# shellcheck source=contrib/release/lib/box.sh
. "$RELEASE_ROOT/contrib/release/lib/box.sh"
box_make "$1"
