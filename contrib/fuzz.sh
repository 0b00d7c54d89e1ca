#!/bin/bash
# SPDX-License-Identifier: ISC
# Runs every fuzzer in turn, for so many hours of one processor all together,
# and keeps what it found: inputs that reach code which the committed corpus
# does not go into tests/corpus, what crashes into build/fuzz/crashes.  Prints a
# table in the end; fails when anything crashed.
#
#   fuzz.sh HOURS [NAME...]
#	HOURS: may be a fraction
#	NAME: only these, as mux for fuzz_mux
#
# What it learns in build/fuzz/found is where the next run begins.
set -u

root=$(cd "$(dirname "$0")/.." && pwd)
build=${ORTHRUS_BUILD:-$root/build}/fuzz
crashes=$build/crashes
export LC_ALL=C.UTF-8
# Memory that was freed is looked after for a while, not for 256 MB.
export ASAN_OPTIONS="quarantine_size_mb=16:${ASAN_OPTIONS:-}"

usage() {
	sed -n '3,12s/^# \{0,1\}//p' "$0"
}

case ${1:-} in
-h|--help)	usage; exit 0 ;;
[0-9]*|.[0-9]*)	hours=$1; shift ;;
*)		usage >&2; exit 64 ;;
esac

"$root/contrib/build.sh" "$build" CC=clang --enable-fuzzers \
    ORTHRUS_SKIP_INTEGRATION=1 || exit 1
if [ $# -eq 0 ]; then
	for source in "$root"/tests/fuzz/fuzz_*.c; do
		name=$(basename "$source" .c)
		set -- "$@" "${name#fuzz_}"
	done
fi
for name; do
	[ -x "$build/tests/fuzz/fuzz_$name" ] || {
		echo "fuzz.sh: there is no fuzzer $name" >&2
		exit 64
	}
done
seconds=$(awk -v h="$hours" -v n=$# 'BEGIN { s = int(h * 3600 / n)
    print (s > 0 ? s : 1) }')
mkdir -p "$crashes"

# keep NAME: what reaches new code joins the corpus; prints how many those are.
keep() {
	local corpus=$root/tests/corpus/$1 kept=0 file new
	new=$(mktemp -d)
	cp "$corpus"/* "$new"
	"$build/tests/fuzz/fuzz_$1" -set_cover_merge=1 -use_counters=0 "$new" \
	    "$build/found/$1" >"$build/merge-$1.log" 2>&1
	for file in "$new"/*; do
		[ ! -e "$corpus/$(basename "$file")" ] || continue
		cp "$file" "$corpus/found-$(basename "$file" | cut -c 1-12)"
		kept=$((kept + 1))
	done
	rm -rf "$new"
	echo $kept
}

# stat NAME FIELD: a number from the end of a fuzzer's log.
stat() {
	sed -n "s/^stat::$2: *//p" "$build/fuzz-$1.log"
}

hunt() {
	local name=$1 crashed
	mkdir -p "$build/found/$name"
	"$build/tests/fuzz/fuzz_$name" -max_total_time="$seconds" -timeout=20 \
	    -rss_limit_mb=1024 -print_final_stats=1 \
	    -artifact_prefix="$crashes/$name-" "$build/found/$name" \
	    "$root/tests/corpus/$name" >"$build/fuzz-$name.log" 2>&1 ||
		tail -n 40 "$build/fuzz-$name.log" >&2
	crashed=$(find "$crashes" -name "$name-*" | wc -l)
	found=$((found + crashed))
	printf '%-16s %12s %8s %6s %8s\n' "$name" \
	    "$(stat "$name" number_of_executed_units)" \
	    "$(stat "$name" average_exec_per_sec)" "$(keep "$name")" "$crashed"
}

found=0
printf '%-16s %12s %8s %6s %8s\n' TARGET RUNS RUNS/S NEW CRASHES
for name; do
	hunt "$name"
done
[ $found -eq 0 ] || echo "fuzz.sh: see $crashes" >&2
[ $found -eq 0 ]
