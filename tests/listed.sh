#!/bin/sh
# SPDX-License-Identifier: ISC
# Every source, header, unit test and fuzzer must be named in a local.mk or in
# Makefile.am: a test that is not named would never run, and nobody would see.
set -eu

cd "${top_srcdir:-$(dirname "$0")/..}"
missing=0 count=0
for file in $(find src include tests/unit tests/fuzz -name '*.[ch]' | sort)
do
	count=$((count + 1))
	name=$file
	case $file in
	tests/*)	name=${file%.c} ;;
	esac
	grep -qE "(^|[^A-Za-z0-9_/])$name([^A-Za-z0-9_]|\$)" Makefile.am \
	    include/local.mk src/*/local.mk tests/*/local.mk && continue
	echo "$file is named in no local.mk" >&2
	missing=1
done
[ "$count" -gt 0 ] || { echo "no files found" >&2; exit 1; }
exit $missing
