#!/bin/sh
# The manual pages must be clean mdoc and agree with --help: orthrus(1) has the
# same options and environment variables, orthrus.ini(5) has each key.
# Skipped where mandoc is missing.
set -eu

cd "${top_srcdir:-$(dirname "$0")/..}"
command -v mandoc >/dev/null || { echo "mandoc is missing"; exit 77; }
mandoc -T lint -W warning docs/*.[1-9]

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for command in connect check enroll keygen muzzle status; do
	"$ORTHRUS" $command --help
done >"$work/help"

{
	echo --help
	echo --version
	grep -oE -e '(^|[^a-z0-9-])--[a-z][a-z0-9-]+' "$work/help" |
	    sed 's/^[^-]//'
	grep -oE '((ORTHRUS|CHARON)_[A-Z0-9_]+|AUTH_KEY(_FILE)?)' "$work/help"
} | sort -u >"$work/program"
grep -oE 'Fl \\-[a-z][a-z0-9-]+|(Ev|,) ((ORTHRUS|CHARON)_[A-Z0-9_]+|AUTH_KEY(_FILE)?)' \
    docs/orthrus.1 | sed -E 's/^Fl \\-/--/; s/^(Ev|,) //' | sort -u >"$work/page"
diff -u "$work/program" "$work/page"

# The page may have more keys: some cannot be given by option.
sed -nE 's/.* (\[[a-z0-9]+( NAME)?\] [a-z_]+)$/\1/p' "$work/help" |
    sort -u >"$work/keys"
awk '/^\.Ss \[/ { section = $2 ($3 == "" ? "" : " " $3) }
    /^\.It Cm .* No =/ { print section, $3 }' docs/orthrus.ini.5 |
    sort -u >"$work/documented"
comm -23 "$work/keys" "$work/documented" >"$work/missing"
if [ ! -s "$work/keys" ] || [ -s "$work/missing" ]; then
	echo "orthrus.ini(5) does not have, of what --help has:"
	cat "$work/missing"
	exit 1
fi
