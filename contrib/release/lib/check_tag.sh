#!/bin/bash
# SPDX-License-Identifier: ISC
# Whether a tag is that of the version that is here, which CHANGES begins with
# as well.
#
#   check_tag.sh TAG
set -euo pipefail
root=$(cd "$(dirname "$0")/../../.." && pwd)
[ $# -eq 1 ] || { sed -n '3,6s/^# \{0,1\}//p' "$0" >&2; exit 64; }

version=$(sed -n 's/^AC_INIT(\[orthrus\], \[\(.*\)\])$/\1/p' \
    "$root/configure.ac")
[ "$1" = "v$version" ] || {
	echo "the tag is $1, and configure.ac has $version" >&2
	exit 1
}
read -r changes <"$root/CHANGES"
[[ $changes =~ ^"orthrus $version ("[0-9]{4}-[0-9]{2}-[0-9]{2}")"$ ]] || {
	echo "CHANGES begins with '$changes', not with $version and a day" >&2
	exit 1
}
