#!/bin/sh
# SPDX-License-Identifier: ISC
# Builds in a folder of its own.  Quiet when all goes well; otherwise the end of
# what failed, and its exit status.
#
#   build.sh DIR [options of configure]
set -eu

case ${1:---} in
-h|--help)	sed -n '3,6s/^# \{0,1\}//p' "$0"; exit 0 ;;
-*)	sed -n '3,6s/^# \{0,1\}//p' "$0" >&2; exit 64 ;;
esac

root=$(cd "$(dirname "$0")/.." && pwd)
dir=$1
shift
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
log=$dir/build.log
: >"$log"

run() {
	"$@" >>"$log" 2>&1 && return
	status=$?
	tail -n 30 "$log" >&2
	echo "build.sh: '$*' failed, see $log" >&2
	exit $status
}

cd "$root"
run autoreconf -i
cd "$dir"
run "$root/configure" "$@"
run make -j"${ORTHRUS_BUILD_JOBS:-$(nproc)}"
