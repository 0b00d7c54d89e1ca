#!/bin/bash
# SPDX-License-Identifier: ISC
# Makes a minimal system that has systemd, curl and what packages need, but not
# the packages; prints its folder.
#
#   system.sh SUITE PACKAGE.deb...
set -euo pipefail
shopt -s inherit_errexit
[ $# -gt 1 ] || { sed -n '3,6s/^# \{0,1\}//p' "$0" >&2; exit 64; }
# shellcheck source=contrib/release/lib/release.sh
. "$(dirname "$0")/../../contrib/release/lib/release.sh"
# shellcheck source=contrib/release/lib/box.sh
. "$RELEASE_ROOT/contrib/release/lib/box.sh"

suite=$1
shift
needs=$(for package; do
	dpkg-deb -f "$package" Depends
done | paste -sd ,)
box_grow "$suite" boot "
apt-get update
apt-get -y --no-install-recommends install curl systemd systemd-sysv
apt-get -y --no-install-recommends satisfy '$needs'
apt-get clean
: >/etc/machine-id
"
