#!/bin/sh
# SPDX-License-Identifier: ISC
# Runs each fuzzer of tests/fuzz on the files of its corpus: fuzz_NAME on
# tests/corpus/NAME.
set -eu

root=${top_srcdir:-$(dirname "$0")/../..}
build=${top_builddir:-$root}

for source in "$root"/tests/fuzz/fuzz_*.c; do
	program=$(basename "$source" .c)
	"$build/tests/fuzz/$program" "$root/tests/corpus/${program#fuzz_}"/*
done
