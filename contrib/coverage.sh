#!/bin/bash
# SPDX-License-Identifier: ISC
# How much of each parser its committed corpus reaches: builds with gcc's
# coverage, runs each fuzzer once on the files of its corpus and nothing else,
# and prints for each parser's file the lines that were run.  Fails where that
# is below 95 %.
#
#   coverage.sh [-v] [FILE...]
#	FILE: only these, as src/proto/wire.c
#	-v: prints the lines that were not run as well
#
# A line that calls abort() is not counted, nor is what is marked by LCOV_EXCL_LINE
# or between LCOV_EXCL_START and _STOP: it is there so as not to be run.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
build=${ORTHRUS_BUILD:-$root/build}/coverage
least=95 verbose=0
export LC_ALL=C.UTF-8

# What reads bytes or text that others have written.
parsers="
src/agent/status_print.c
src/base/address.c
src/base/command_line.c
src/base/text.c
src/conf/ini.c
src/conf/ini_line.c
src/conf/load_file.c
src/conf/load_options.c
src/http/caller.c
src/http/conn_requests.c
src/http/message.c
src/http/reader.c
src/http/web.c
src/monitor/message.c
src/muzzle/body.c
src/muzzle/facts.c
src/muzzle/filter.c
src/muzzle/names.c
src/muzzle/parameters.c
src/muzzle/policy.c
src/muzzle/redact.c
src/muzzle/secrets.c
src/muzzle/target.c
src/proto/allow.c
src/proto/auth_key.c
src/proto/certificate.c
src/proto/dial_stdio.c
src/proto/first_bytes.c
src/proto/egress.c
src/proto/key_text.c
src/proto/krl.c
src/proto/leash.c
src/proto/proxies.c
src/proto/proxy_http.c
src/proto/proxy_socks.c
src/proto/proxy_talk.c
src/proto/proxy_url.c
src/proto/resume.c
src/proto/server.c
src/proto/socks5.c
src/proto/spec.c
src/proto/sums.c
src/proto/upgrade_client.c
src/proto/upgrade_head.c
src/proto/upgrade_server.c
src/proto/userauth.c
src/proto/websocket_frames.c
src/proto/websocket_head.c
src/proto/wire.c
src/registry/describe.c
src/relay/frames.c
src/ssh/channel_messages.c
src/ssh/dispatch.c
src/ssh/global_requests.c
src/ssh/known_hosts.c
src/ssh/login.c
src/ssh/session_channel.c
"

usage() {
	sed -n '3,14s/^# \{0,1\}//p' "$0"
}

while getopts vh option; do
	case $option in
	v)	verbose=1 ;;
	h)	usage; exit 0 ;;
	*)	usage >&2; exit 64 ;;
	esac
done
shift $((OPTIND - 1))

cd "$root"
# shellcheck disable=SC2086 # a list of names and patterns
[ $# -gt 0 ] || set -- $parsers

"$root/contrib/build.sh" "$build" CC=gcc CFLAGS="-O0 -g --coverage" \
    LDFLAGS=--coverage --disable-hardening ORTHRUS_SKIP_INTEGRATION=1
find "$build" -name '*.gcda' -delete
programs=$(cd "$root" && ls tests/fuzz/fuzz_*.c)
# shellcheck disable=SC2086 # a list of names
(make -s -C "$build" -j"$(nproc)" ${programs//.c/} &&
    top_srcdir=$root top_builddir=$build tests/fuzz/replay.sh) \
    >"$build/replay.log" 2>&1 || {
	tail -n 20 "$build/replay.log" >&2
	echo "coverage.sh: the corpora do not pass" >&2
	exit 1
}

# The annotated source of $1; nothing when no fuzzer links it.
annotated() {
	[ -e "$build/${1%.c}.gcda" ] || return 0
	(cd "$build" && gcov -t -o "${1%.c}.o" "$1") 2>/dev/null |
	    awk -v file="/$1" '/^ *-: *0:Source:/ {
		ours = substr($0, length($0) - length(file) + 1) == file
	    } ours'
}

failed=0
printf '%-36s %6s %6s %7s\n' FILE LINES RUN PERCENT
for file; do
	[ -e "$file" ] || {
		echo "coverage.sh: there is no $file" >&2
		failed=1
		continue
	}
	annotated "$file" | awk -F: -v file="$file" -v least="$least" \
	    -v verbose="$verbose" '
	{
		count = $1
		gsub(/[ *]/, "", count)
	}
	/LCOV_EXCL_START/ { off = 1 }
	/LCOV_EXCL_STOP/ { off = 0 }
	off || /abort\(\)|LCOV_EXCL_/ || count == "-" || count == "" { next }
	count == "#####" || count == "=====" { missed = missed $0 "\n"; n++ }
	count ~ /^[0-9]/ { n++; run++ }
	END {
		percent = n > 0 ? 100 * run / n : 0
		printf "%-36s %6d %6d %6.1f%s\n", file, n, run, percent,
		    percent < least ? " <" : ""
		if (verbose)
			printf "%s", missed
		exit percent < least
	}' || failed=1
done
[ $failed -eq 0 ] ||
    echo "coverage.sh: below $least % (<): add to the corpus what is missed" >&2
exit $failed
