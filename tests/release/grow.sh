#!/bin/bash
# SPDX-License-Identifier: ISC
# Makes a minimal system that has packages of Debian; prints its folder.
#
#   grow.sh SUITE NAME PACKAGE...
set -euo pipefail
shopt -s inherit_errexit
[ $# -gt 2 ] || { sed -n '3,5s/^# \{0,1\}//p' "$0" >&2; exit 64; }
# shellcheck source=contrib/release/lib/release.sh
. "$(dirname "$0")/../../contrib/release/lib/release.sh"
# shellcheck source=contrib/release/lib/box.sh
. "$RELEASE_ROOT/contrib/release/lib/box.sh"

suite=$1 name=$2
shift 2
box_grow "$suite" "$name" "
apt-get update
apt-get -y --no-install-recommends install $*
apt-get clean
: >/etc/machine-id
"
