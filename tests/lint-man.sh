#!/bin/sh
# The manual pages must be clean mdoc, and orthrus(1) must have every option
# that --help has and no other; skipped where mandoc is missing.
set -eu

cd "${top_srcdir:-$(dirname "$0")/..}"
command -v mandoc >/dev/null || { echo "mandoc is missing"; exit 77; }
mandoc -T lint -W warning docs/*.[1-9]

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for command in connect check keygen status; do
	"$ORTHRUS" $command --help
done | grep -oE -e '(^|[^a-z0-9-])--[a-z][a-z0-9-]+' |
    sed 's/^[^-]//' | sort -u >"$work/program"
grep -oE 'Fl \\-[a-z][a-z0-9-]+' docs/orthrus.1 |
    sed 's/^Fl \\-/--/' | sort -u >"$work/page"
for known in --help --version; do
	printf '%s\n' $known >>"$work/program"
	printf '%s\n' $known >>"$work/page"
done
sort -u -o "$work/program" "$work/program"
sort -u -o "$work/page" "$work/page"
diff -u "$work/program" "$work/page"
