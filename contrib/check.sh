#!/bin/bash
# SPDX-License-Identifier: ISC
# Builds orthrus in every way that matters and runs every test; the last line
# says "N passed, N failed", and the exit status whether all was well.
# Installs what is missing (Debian, as root).  Leaves its work in build/.
#
#   check.sh [--suite SUITE] [STEP...]
#	STEP: only these: gcc clang asan hunt dist scripts release trixie
#	port, or one of hunt's: monkey fuzz analyze coverage; A+B runs both
#	side by side
#	--suite: all of it in a minimal system of another Debian release,
#	bookworm, trixie or forky, which is made on the spot
set -u

root=$(cd "$(dirname "$0")/.." && pwd)
build=${ORTHRUS_BUILD:-$root/build}
export LC_ALL=C.UTF-8 PATH="$PATH:/usr/sbin:/sbin"
passed=0 failed=0 skipped=0

say() {
	printf '\n== %s\n' "$*"
}

# one NAME STATUS: counts something that passes or fails as a whole.
one() {
	if [ "$2" -eq 0 ]; then
		passed=$((passed + 1))
		echo "PASS: $1"
	else
		failed=$((failed + 1))
		echo "FAIL: $1"
	fi
}

# Prints "PASSED FAILED SKIPPED" for the test that wrote the log $1 with the
# result $2 (automake's word).  Looks for the sums of cmocka, of pytest, and
# of our scripts; a test without them counts as one.
count_log() {
	awk -v result="$2" '
	function words(    i) {
		for (i = 1; i < NF; i++) {
			if ($(i + 1) ~ /^passed/) p = $i
			if ($(i + 1) ~ /^failed/) f = $i
			if ($(i + 1) ~ /^skipped/) s = $i
			if ($(i + 1) ~ /^error/) e = $i
		}
	}
	/^\[  PASSED  \] [0-9]+ test/ { p += $4; seen = 1 }
	/^\[  FAILED  \] [0-9]+ test/ { f += $4; seen = 1 }
	/^\[  SKIPPED \] [0-9]+ test/ { s += $4; seen = 1 }
	/^(=+ )?[0-9]+ [a-z]+(, [0-9]+ [a-z]+)* in [0-9.]+s/ ||
	/^[0-9]+ passed, [0-9]+ failed(, [0-9]+ skipped)?$/ {
		p = f = s = e = 0
		words()
		seen = 1
	}
	END {
		f += e
		if (result ~ /^(FAIL|ERROR|XPASS)$/ && f == 0)
			f = 1
		else if (!seen && result == "PASS")
			p = 1
		else if (!seen && result == "SKIP")
			s = 1
		print p + 0, f + 0, s + 0
	}' "$1"
}

# tests DIR NAME: "make check" there, counted test by test.
tests() {
	local trs result p f s P=0 F=0 S=0
	find "$1/tests" -name '*.trs' -delete 2>/dev/null
	(cd "$1" && make -k -j"$(nproc)" check) >"$1/check.log" 2>&1
	local status=$?
	while IFS= read -r trs; do
		result=$(sed -n 's/^:global-test-result: //p' "$trs")
		read -r p f s < <(count_log "${trs%.trs}.log" "$result")
		P=$((P + p)) F=$((F + f)) S=$((S + s))
		case $result in
		PASS)	;;
		SKIP)	echo "SKIP: $(basename "$trs" .trs):" \
			    "$(head -n 1 "${trs%.trs}.log")" ;;
		*)	echo "$result: $(basename "$trs" .trs)"
			tail -n 60 "${trs%.trs}.log" | sed 's/^/    /' ;;
		esac
	done < <(find "$1/tests" -name '*.trs' | sort)
	if [ "$status" -ne 0 ] && [ "$F" -eq 0 ]; then
		tail -n 30 "$1/check.log"
		F=1
	fi
	[ $((P + F)) -gt 0 ] || { echo "no test ran"; F=1; }
	passed=$((passed + P)) failed=$((failed + F)) skipped=$((skipped + S))
	echo "$2: $P passed, $F failed, $S skipped"
}

# compile DIR OPTIONS...: false when it does not build.
compile() {
	"$root/contrib/build.sh" "$build/$1" "${@:2}"
	local status=$?
	one "builds: $1" $status
	return $status
}

# demo BUILD SCRIPT
demo() {
	ORTHRUS=$build/$1/orthrus "$root/contrib/$2" >"$build/$1/$2.log" 2>&1
	local status=$?
	[ $status -eq 0 ] || tail -n 30 "$build/$1/$2.log"
	one "contrib/$2 with $1" $status
}

step_gcc() {
	compile gcc CC=gcc --enable-werror || return
	tests "$build/gcc" "make check, gcc"
	demo gcc demo.sh
	demo gcc demo-sshd.sh
}

step_clang() {
	compile clang CC=clang --enable-werror ORTHRUS_SKIP_INTEGRATION=1 &&
	    tests "$build/clang" "make check, clang, without integration"
}

# Floods and crowds, which run alone, are for the build that is as fast as it
# will be used; so are the peers from package registries, and what only sets the
# programs up as people do.
step_asan() {
	compile asan CC=gcc CFLAGS="-O1 -g" --enable-werror \
	    --enable-sanitizers || return
	ORTHRUS_TEST_MARKS="not heavy and not registries and not plain" \
	    tests "$build/asan" "make check, address and undefined sanitizers"
}

step_dist() {
	compile gcc CC=gcc --enable-werror || return
	(cd "$build/gcc" && make -j"$(nproc)" distcheck) \
	    >"$build/gcc/distcheck.log" 2>&1
	local status=$?
	[ $status -eq 0 ] || tail -n 40 "$build/gcc/distcheck.log"
	one "make distcheck" $status
}

# What looks for faults rather than shows that there are none, side by side:
# the monkey takes five minutes, whatever else is done.
step_hunt() {
	compile asan CC=gcc CFLAGS="-O1 -g" --enable-werror \
	    --enable-sanitizers || return
	monkey &
	local pid=$!
	step_fuzz
	step_analyze
	step_coverage
	wait "$pid"
	one_monkey $?
}

monkey() {
	cd "$build/asan" && ORTHRUS_MONKEY_SECONDS=${ORTHRUS_MONKEY_SECONDS:-300} \
	    ORTHRUS_TEST_JOBS=1 ORTHRUS_TEST_MARKS='' ORTHRUS=$build/asan/orthrus \
	    "$root/tests/integration.sh" -k test_monkeys -rP >monkey.log 2>&1
}

one_monkey() {
	grep -a -m 1 '^ORTHRUS_MONKEY_SEED' "$build/asan/monkey.log"
	[ "$1" -eq 0 ] || tail -n 100 "$build/asan/monkey.log"
	one "the monkey, address and undefined sanitizers" "$1"
}

step_monkey() {
	compile asan CC=gcc CFLAGS="-O1 -g" --enable-werror \
	    --enable-sanitizers || return
	(monkey)
	one_monkey $?
}

# fuzz_for_a_moment PROGRAM: from its corpus, enough to see that it works.
fuzz_for_a_moment() {
	local name found
	name=$(basename "$1")
	found=$(dirname "$1")/../../moment/$name
	mkdir -p "$found"
	"$1" -seed=1 -max_total_time="${ORTHRUS_FUZZ_SECONDS:-3}" -timeout=20 \
	    -print_final_stats=1 -artifact_prefix="$found/" "$found" \
	    "$2/tests/corpus/${name#fuzz_}" >"$found.log" 2>&1
	echo $? >"$found.status"
}

step_fuzz() {
	compile fuzz CC=clang --enable-werror --enable-fuzzers \
	    ORTHRUS_SKIP_INTEGRATION=1 || return
	local source name log
	export -f fuzz_for_a_moment
	# shellcheck disable=SC2016 # expanded by the shell that it starts
	printf '%s\0' "$root"/tests/fuzz/fuzz_*.c | xargs -0 -P "$(nproc)" -I {} \
	    bash -c 'fuzz_for_a_moment "$1/$(basename "$2" .c)" "$3"' bash \
	    "$build/fuzz/tests/fuzz" {} "$root"
	for source in "$root"/tests/fuzz/fuzz_*.c; do
		name=$(basename "$source" .c)
		log=$build/fuzz/moment/$name.log
		local status
		status=$(cat "$build/fuzz/moment/$name.status")
		[ "$status" -eq 0 ] || tail -n 30 "$log"
		one "$name, $(sed -n 's/^stat::average_exec_per_sec: *//p' \
		    "$log") runs a second" "$status"
	done
}

step_analyze() {
	compile clang CC=clang --enable-werror ORTHRUS_SKIP_INTEGRATION=1 ||
	    return
	"$root/contrib/analyze.sh" "$build/clang"
	one "static analysis by clang-tidy" $?
}

# Of each parser's lines, from its corpus alone.
step_coverage() {
	"$root/contrib/coverage.sh" >"$build/coverage.log" 2>&1
	local status=$?
	[ $status -eq 0 ] || grep -E '<|coverage.sh' "$build/coverage.log"
	one "coverage of the parsers" $status
}

# What people install: the packages of one release of Debian, made and taken
# through a life on a machine.  Their own tests are those of the step gcc.
step_release() {
	local log=$build/release.log status=0 p f s
	export ORTHRUS_DIST=$build/release/dist
	DEB_BUILD_PROFILES=nocheck "$root/contrib/release.sh" --suite bookworm \
	    source deb >"$log" 2>&1 || status=$?
	if [ $status -eq 75 ]; then
		skipped=$((skipped + 1))
		echo "SKIP: release: $(tail -n 1 "$log")"
		return
	fi
	[ $status -eq 0 ] || tail -n 40 "$log"
	one "contrib/release.sh source deb" $status
	"$root/tests/release/run.sh" -k "not trixie" >"$log" 2>&1 || status=$?
	read -r p f s < <(count_log "$log" \
	    "$([ $status -eq 0 ] && echo PASS || echo FAIL)")
	grep -a 'without the page$' "$log"
	[ "$f" -eq 0 ] || tail -n 100 "$log"
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
	echo "tests/release: $p passed, $f failed, $s skipped"
}

# For systems that are not at hand: objects only.
step_port() {
	local log=$build/port.log status=0
	"$root/contrib/port.sh" "$build/port" >"$log" 2>&1 || status=$?
	if [ $status -eq 75 ]; then
		skipped=$((skipped + 1))
		echo "SKIP: port: $(tail -n 1 "$log")"
		return
	fi
	tail -n 60 "$log"
	one "orthrus compiles for macOS and FreeBSD, objects only" $status
}

# What tells soon whether a release of Debian serves: in a system of it.
step_brief() {
	compile brief CC=gcc --enable-werror ORTHRUS_SKIP_INTEGRATION=1 ||
	    return
	tests "$build/brief" "make check, gcc, without integration"
	demo brief demo.sh
	demo brief demo-sshd.sh
}

# On Debian 12 the next release is tried as well; the counts are its own.
step_trixie() {
	local log=$build/trixie.log p f s status=0
	"$root/contrib/suite.sh" trixie contrib/check.sh brief >"$log" 2>&1 ||
	    status=$?
	if [ $status -eq 75 ]; then
		skipped=$((skipped + 1))
		echo "SKIP: trixie: $(tail -n 1 "$log")"
		return
	fi
	read -r p f s < <(sed -n '$s/[a-z,]//gp' "$log")
	p=${p:-0} f=${f:-0} s=${s:-0}
	if [ $status -ne 0 ] && [ "$f" -eq 0 ]; then
		f=1
	fi
	[ "$f" -eq 0 ] || tail -n 80 "$log"
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
	echo "trixie: $p passed, $f failed, $s skipped"
}

# True where this machine is Debian 12 itself, not a system made by suite.sh.
is_bookworm() {
	[ -z "${ORTHRUS_SUITE:-}" ] &&
	    grep -qs '^VERSION_CODENAME=bookworm' /etc/os-release
}

step_scripts() {
	local script
	for script in "$root"/contrib/{,kubernetes/,tarball/,release/{,lib/}}*.sh \
	    "$root"/contrib/openrc/* "$root"/tests/{,*/}*.sh "$root/.ci/run"; do
		(cd "$root" && shellcheck -x "$script")
		one "shellcheck ${script#"$root"/}" $?
	done
	unit
}

# systemd is not installed for this; where it is, the units must please it.
unit() {
	local name
	for name in orthrus charon; do
		command -v systemd-analyze >/dev/null || {
			skipped=$((skipped + 1))
			echo "SKIP: contrib/$name.service: no systemd-analyze"
			continue
		}
		sed "s|/usr/local/bin/$name|/bin/true|" \
		    "$root/contrib/$name.service" >"$build/$name.service"
		systemd-analyze verify --man=no "$build/$name.service"
		one "contrib/$name.service verifies" $?
		systemd-analyze security --offline=true --threshold=20 \
		    "$build/$name.service" >"$build/security-$name.log"
		one "contrib/$name.service is confined" $?
	done
}

# run_step NAME: in a process of its own, with its output and its counts in
# files.
run_step() {
	local start=$SECONDS
	passed=0 failed=0 skipped=0
	say "$1"
	"step_$1"
	echo "($1 took $((SECONDS - start)) s)"
	echo "$passed $failed $skipped" >"$build/step-$1.counts"
}

# side_by_side STEP...: one after the other in what they print.
side_by_side() {
	local step p f s
	echo "running: $*"
	for step; do
		rm -f "$build/step-$step.counts"
		(run_step "$step") >"$build/step-$step.log" 2>&1 &
	done
	wait
	for step; do
		cat "$build/step-$step.log"
		p=0 f=1 s=0
		[ ! -s "$build/step-$step.counts" ] ||
		    read -r p f s <"$build/step-$step.counts"
		passed=$((passed + p)) failed=$((failed + f))
		skipped=$((skipped + s))
	done
}

usage() {
	sed -n '3,13s/^# \{0,1\}//p' "$0"
}

case ${1:-} in
-h|--help)	usage; exit 0 ;;
esac
if [ "${1:-}" = --suite ]; then
	[ $# -ge 2 ] || { usage >&2; exit 64; }
	exec "$root/contrib/suite.sh" "$2" contrib/check.sh "${@:3}"
fi
# Steps with a + between them run side by side: those that use different
# folders of build/, and of which one mostly waits.
if [ $# -eq 0 ]; then
	set -- gcc clang+dist asan+scripts hunt
	! is_bookworm || set -- gcc clang+dist asan+scripts hunt+trixie
fi
for group; do
	IFS=+ read -ra steps <<<"$group"
	for step in "${steps[@]}"; do
		declare -F "step_$step" >/dev/null || {
			echo "check.sh: no step '$step'" >&2
			usage >&2
			exit 64
		}
	done
done
"$root/contrib/deps.sh" check || one "contrib/deps.sh check" 1
mkdir -p "$build"
for group; do
	IFS=+ read -ra steps <<<"$group"
	side_by_side "${steps[@]}"
done

echo
total="$passed passed, $failed failed"
[ "$skipped" -eq 0 ] || total="$total, $skipped skipped"
echo "$total"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
