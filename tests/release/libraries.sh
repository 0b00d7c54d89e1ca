#!/bin/bash
# SPDX-License-Identifier: ISC
# Makes a system that has the libraries of another kind of machine, which
# packages for it need; prints its folder.
#
#   libraries.sh SUITE ARCH PACKAGE.deb...
set -euo pipefail
shopt -s inherit_errexit
[ $# -gt 2 ] || { sed -n '3,6s/^# \{0,1\}//p' "$0" >&2; exit 64; }
# shellcheck source=contrib/release/lib/release.sh
. "$(dirname "$0")/../../contrib/release/lib/release.sh"
# shellcheck source=contrib/release/lib/box.sh
. "$RELEASE_ROOT/contrib/release/lib/box.sh"

suite=$1 arch=$2
shift 2
needs=$(for package; do
	dpkg-deb -f "$package" Depends
done | tr , '\n' | sed "/[|]/d; s/(.*//; s/ //g; /./s/$/:$arch/" | sort -u)
box_grow "$suite" "libraries-$arch" "
dpkg --add-architecture $arch
apt-get update
apt-get -y --no-install-recommends install $(paste -sd ' ' <<<"$needs")
apt-get clean
"
