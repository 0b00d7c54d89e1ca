#!/bin/sh
# SPDX-License-Identifier: ISC
# Proves that the layers include only downwards, as the .may_include file in
# each folder of src/ allows, that no circle hides in those files, and that
# private headers have names of their own.
#
#   layers.sh [ROOT]	the tree to check; else $top_srcdir, else this one
set -eu

root=${1:-${top_srcdir:-$(dirname "$0")/..}}
cd "$root"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
: >"$work/bad"

bad() {
	echo "$*" >>"$work/bad"
}

# The layers that layer $1 may include, one a line.
permits() {
	sed 's/#.*//; s/[[:space:]]//g; /^$/d' "src/$1/.may_include"
}

# Prints "FILE:LINE TARGET" for each include in C files of the folders given.
includes() {
	find "$@" -name '*.[ch]' 2>/dev/null | sort | while IFS= read -r file; do
		sed -n -e '/^[[:space:]]*#[[:space:]]*include[[:space:]]*["<]/{
			=
			s/^[^"<]*\(["<][^">]*\).*/\1/
			p
		}' "$file" | paste - - | sed "s|^\([0-9]*\)	|$file:\1 |"
	done
}

count=0
for dir in src/*/; do
	layer=$(basename "$dir")
	if [ ! -f "src/$layer/.may_include" ]; then
		bad "src/$layer: has no .may_include"
		continue
	fi
	count=$((count + 1))
	for other in $(permits "$layer"); do
		[ -d "src/$other" ] ||
		    bad "src/$layer/.may_include: there is no layer $other"
		echo "$layer $other"
	done >>"$work/edges"
done
[ "$count" -gt 0 ] || bad "$PWD/src: no layers found"

for dir in include/orthrus/*/; do
	[ -d "src/$(basename "$dir")" ] || bad "$dir: no such layer in src/"
done

tsort "$work/edges" >/dev/null 2>"$work/circle" ||
    bad "the .may_include files go in a circle:$(
	sed -n 's/^tsort: //p' "$work/circle" | grep -v : | tr '\n' ' ' |
	    sed 's/^/ /')"

for pair in "agent gateway" "agent charon" "gateway agent" "gateway tunnel" \
    "gateway api" "charon agent" "http muzzle"; do
	layer=${pair% *} other=${pair#* }
	[ -f "src/$layer/.may_include" ] || continue
	! permits "$layer" | grep -qx "$other" ||
	    bad "src/$layer/.may_include: $layer must never include $other"
done

for dir in src/*/; do
	layer=$(basename "$dir")
	[ -f "src/$layer/.may_include" ] || continue
	permits "$layer" >"$work/permits"
	echo "$layer" >>"$work/permits"
	includes "src/$layer" "include/orthrus/$layer" |
	while read -r where target; do
		case $target in
		'"orthrus/'*/*|'<orthrus/'*/*)
			other=${target#?orthrus/}
			other=${other%%/*}
			grep -qx "$other" "$work/permits" ||
			    bad "$where: $layer may not include $other"
			;;
		'"../'*|'"./'*|'"src/'*|*'/../'*)
			bad "$where: includes a file by way of folders"
			;;
		'<libssh/'*|'"libssh/'*)
			[ "$layer" = ssh ] ||
			    bad "$where: only ssh may include libssh"
			;;
		esac
	done
done

# A private header has a name of its own, or that of the public one that it
# stands behind.
for header in src/*/*.h; do
	name=$(basename "$header" .h)
	public=$(dirname "include/orthrus/${header#src/}")
	case $name in
	*_private)
		[ -f "$public/${name%_private}.h" ] ||
		    bad "$header: there is no $public/${name%_private}.h"
		;;
	*)
		[ ! -f "$public/$name.h" ] ||
		    bad "$header: $public/$name.h is another; call it" \
			"${name}_private.h"
		;;
	esac
done

if [ -s "$work/bad" ]; then
	cat "$work/bad" >&2
	exit 1
fi
echo "$count layers in order"
