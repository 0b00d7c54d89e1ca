#!/bin/bash
# SPDX-License-Identifier: ISC
# Static analysis of src/, but for what is of other systems, by clang-tidy, with
# the checks of .clang-tidy: each finding is an error.  Prints those, or nothing.
#
#   analyze.sh DIR [FILE...]
#	DIR: a build with CC=clang, which knows the flags and made the headers
#	FILE: only these
set -eu

usage() {
	sed -n '3,8s/^# \{0,1\}//p' "$0"
}

case ${1:--} in
-h|--help)	usage; exit 0 ;;
-*)	usage >&2; exit 64 ;;
esac
command -v clang-tidy >/dev/null || {
	echo "analyze.sh: clang-tidy is missing" >&2
	exit 69
}
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$1"
shift
if [ $# -eq 0 ]; then
	mapfile -t files < <(find "$root/src" -name '*.c' \
	    ! -name '*_bsd.c' ! -name '*_darwin.c' ! -name '*_freebsd.c' | sort)
	set -- "${files[@]}"
fi
read -r -a flags < <(make -s print-flags)
# On standard error it only counts what it has left out.
# shellcheck disable=SC2016 # expanded by the shell that it starts
printf '%s\0' "$@" | xargs -0 -n 4 -P "$(nproc)" sh -c '
	flags=$0
	# shellcheck disable=SC2086 # a list of words
	clang-tidy --quiet "$@" -- $flags 2>/dev/null
' "${flags[*]}"
