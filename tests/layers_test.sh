#!/bin/sh
# SPDX-License-Identifier: ISC
# Shows that layers.sh can fail: plants one violation after the other in a
# small tree and wants each to be found and named.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
failed=0 passed=0

plant() {
	rm -rf "$tree/src" "$tree/include"
	mkdir -p "$tree/src/base" "$tree/src/ssh" "$tree/src/agent" \
	    "$tree/include/orthrus/base" "$tree/include/orthrus/ssh"
	: >"$tree/src/base/.may_include"
	echo base >"$tree/src/ssh/.may_include"
	printf 'base\nssh # the session\n' >"$tree/src/agent/.may_include"
	echo '#include <stddef.h>' >"$tree/include/orthrus/base/a.h"
	echo '#include "orthrus/base/a.h"' >"$tree/include/orthrus/ssh/b.h"
	printf '#include <libssh/libssh.h>\n#include "orthrus/base/a.h"\n' \
	    >"$tree/src/ssh/b.c"
	echo '#include "orthrus/ssh/b.h"' >"$tree/src/agent/c.c"
}

# passes NAME, refused NAME TEXT: what layers.sh must say of the tree.
passes() {
	if sh "$here/layers.sh" "$tree" >"$tree/out" 2>&1; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "FAIL: $1 was refused: $(cat "$tree/out")"
	fi
}
refused() {
	if sh "$here/layers.sh" "$tree" >"$tree/out" 2>&1; then
		failed=$((failed + 1))
		echo "FAIL: $1 was not found"
	elif ! grep -qF "$2" "$tree/out"; then
		failed=$((failed + 1))
		echo "FAIL: $1 gave: $(cat "$tree/out")"
	else
		passed=$((passed + 1))
	fi
}

plant
passes "a clean tree"

plant
echo '  # include "orthrus/ssh/b.h"' >"$tree/src/base/up.c"
refused "an include upwards in a source" "src/base/up.c:1: base may not include ssh"

plant
printf '\n#include "orthrus/ssh/b.h"\n' >>"$tree/include/orthrus/base/a.h"
refused "an include upwards in a header" "orthrus/base/a.h:3: base may not include ssh"

plant
echo '#include <orthrus/agent/x.h>' >"$tree/src/ssh/up.h"
refused "an include in angle brackets" "src/ssh/up.h:1: ssh may not include agent"

plant
echo '#include "../agent/c.h"' >"$tree/src/ssh/around.c"
refused "an include around the layers" "src/ssh/around.c:1"

plant
echo '#include <libssh/libssh.h>' >"$tree/src/agent/d.c"
refused "libssh outside ssh" "src/agent/d.c:1: only ssh may include libssh"

plant
echo agent >"$tree/src/ssh/.may_include"
refused "a circle" "circle"

plant
mkdir "$tree/src/gateway"
echo base >"$tree/src/gateway/.may_include"
echo gateway >>"$tree/src/agent/.may_include"
refused "agent on gateway" "agent must never include gateway"

plant
echo bse >>"$tree/src/ssh/.may_include"
refused "a layer that is not there" "there is no layer bse"

plant
rm "$tree/src/agent/.may_include"
refused "a folder without permits" "src/agent: has no .may_include"

plant
: >"$tree/src/ssh/mine.h"
: >"$tree/src/ssh/b_private.h"
passes "private headers with names of their own"

: >"$tree/src/ssh/b.h"
refused "two headers of one name" "src/ssh/b.h: include/orthrus/ssh/b.h is another"

plant
: >"$tree/src/ssh/lost_private.h"
refused "a private header of nothing" "src/ssh/lost_private.h: there is no include"

plant
rm -rf "$tree/src"
mkdir "$tree/src"
refused "an empty tree" "no layers found"

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
