#!/bin/bash
# SPDX-License-Identifier: ISC
# Compiles all that orthrus is made of for macOS and FreeBSD, as those systems'
# compilers would: by "zig cc" (PyPI's ziglang), which brings the headers of
# their C libraries.  Objects only: nothing is linked, and nothing is run.  Ends
# with 75 where zig cannot be had, having said why.
#
#   port.sh DIR [TARGET...]
#	DIR: where the objects and what was said go
#	TARGET: only these: x86_64-macos aarch64-macos x86_64-freebsd
set -eu

usage() {
	sed -n '3,10s/^# \{0,1\}//p' "$0"
}

case ${1:--} in
-h|--help)	usage; exit 0 ;;
-*)	usage >&2; exit 64 ;;
esac
root=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$1"
dir=$(cd "$1" && pwd)
shift
[ $# -gt 0 ] || set -- x86_64-macos aarch64-macos x86_64-freebsd

zig_version=0.17.1
cache=${ORTHRUS_TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/orthrus-tests}
zig_home=$cache/ziglang-$zig_version

# The oldest of each that the code is written for.
declare -A triple=(
	[x86_64-macos]=x86_64-macos.13.0
	[aarch64-macos]=aarch64-macos.13.0
	[x86_64-freebsd]=x86_64-freebsd.14.0
)
declare -A system=(
	[x86_64-macos]=DARWIN [aarch64-macos]=DARWIN [x86_64-freebsd]=FREEBSD
)

# configure.ac has the same list.
warnings="-Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes
    -Wpointer-arith -Wwrite-strings -Wformat=2 -Wimplicit-fallthrough -Wundef
    -Wvla -Werror"

skip() {
	echo "port.sh: $*" >&2
	exit 75
}

find_zig() {
	mkdir -p "$cache"
	exec 9>"$zig_home.lock"
	flock 9
	if [ ! -e "$zig_home/.done" ]; then
		rm -rf "$zig_home"
		python3 -m pip install --quiet --retries 1 --no-deps \
		    --disable-pip-version-check --root-user-action=ignore \
		    --target "$zig_home" "ziglang==$zig_version" \
		    >"$dir/pip.log" 2>&1 ||
		    skip "PyPI gave no ziglang: $(tail -n 1 "$dir/pip.log")"
		touch "$zig_home/.done"
	fi
	exec 9>&-
	zig=$zig_home/ziglang/zig
}

# The libraries' headers, each folder by itself, as the rest of /usr/include is
# of another system.  Debian has what differs between machines in a folder
# beside it: of ours, as all are of 64 bits.
link_headers() {
	local name at n=0
	rm -rf "$dir/include"
	for at in /usr/include "/usr/include/$(cc -print-multiarch)"; do
		n=$((n + 1))
		mkdir -p "$dir/include/$n"
		for name in event2 ini.h jansson.h jansson_config.h libssh \
		    openssl protobuf-c sodium sodium.h wslay zconf.h \
		    zlib.h; do
			[ ! -e "$at/$name" ] ||
			    ln -s "$at/$name" "$dir/include/$n/$name"
		done
	done
}

# What configure would find out, or what is of no use to an object: versions of
# libraries, and what stands in for a C library's in os_linux.c.
make_headers() {
	local version
	version=$(sed -n 's/^AC_INIT(\[orthrus\], \[\(.*\)\])$/\1/p' \
	    "$root/configure.ac")
	printf '#define %s\n' 'PACKAGE_NAME "orthrus"' \
	    "PACKAGE_VERSION \"$version\"" 'INIH_VERSION ""' \
	    'ORTHRUS_LINKED ""' 'HAVE_CLOSE_RANGE 1' >"$dir/config.h"
	protoc-c --proto_path="$root" --c_out="$dir" "$root/proto/leash.proto"
}

# What the makefiles would build orthrus of on that system, one file a line.
sources() {
	(cd "$root" && awk -v os="$1" '
	function words(line,    n, word, i) {
		n = split(line, word)
		for (i = 1; i <= n; i++)
			if (word[i] ~ /^src\/.*\.c$/)
				print word[i]
	}
	function read(file,    line, more) {
		while ((getline line <file) > 0) {
			if (line ~ /^if /)
				unmet[++depth] = line != "if " os
			else if (line ~ /^else/)
				unmet[depth] = !unmet[depth]
			else if (line ~ /^endif/)
				depth--
			else if (!closed())
				take(line)
		}
		close(file)
	}
	function closed(    i) {
		for (i = 1; i <= depth; i++)
			if (unmet[i])
				return 1
		return 0
	}
	function take(line) {
		if (line ~ /^include /)
			read(substr(line, 9))
		else if (goes_on || line ~ /^(liborthrus_a|orthrus)_SOURCES/) {
			goes_on = line ~ /\\$/
			words(line)
		}
	}
	BEGIN { read("Makefile.am") }') | sort
}

# compile TARGET TRIPLE SOURCE: its object and what was said, in TARGET's folder.
# shellcheck disable=SC2317 # called by the shells that xargs starts
compile() {
	local name=${3#"$dir"/}
	name=${name//\//_}
	# shellcheck disable=SC2086 # a list of words
	"$zig" cc -target "$2" -std=gnu11 -D_GNU_SOURCE $warnings \
	    -I"$dir" -Iinclude -isystem "$dir/include/1" \
	    -isystem "$dir/include/2" -c "$3" -o "$dir/$1/$name.o" \
	    >"$dir/$1/$name.log" 2>&1 || echo "$3" >>"$dir/$1/failed"
}

# True when everything has compiled.
compile_all() {
	local list=$dir/$1/sources
	rm -rf "${dir:?}/$1"
	mkdir -p "$dir/$1"
	sources "${system[$1]}" >"$list"
	grep -qx src/agent/main.c "$list"
	echo "$dir/proto/leash.pb-c.c" >>"$list"
	# shellcheck disable=SC2016 # expanded by the shell that it starts
	(cd "$root" && xargs -P "$(nproc)" -I {} bash -c 'compile "$@"' bash \
	    "$1" "${triple[$1]}" {}) <"$list"
	if [ -e "$dir/$1/failed" ]; then
		cat "$dir/$1"/*.log
		echo "$1: $(wc -l <"$dir/$1/failed") of $(wc -l <"$list")" \
		    "files do not compile"
		return 1
	fi
	echo "$1: $(find "$dir/$1" -name '*.o' | wc -l) objects"
}

find_zig
link_headers
make_headers
export ZIG_GLOBAL_CACHE_DIR=$dir/zig ZIG_LOCAL_CACHE_DIR=$dir/zig
export root dir zig warnings
export -f compile
status=0
for target; do
	[ -n "${triple[$target]:-}" ] || { usage >&2; exit 64; }
	compile_all "$target" || status=1
done
exit $status
