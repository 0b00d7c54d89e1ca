#!/bin/sh
# SPDX-License-Identifier: ISC
# The manual pages must be clean mdoc and agree with --help: orthrus(1) and
# charon(8) have the same options and environment variables, orthrus.ini(5) and
# charon.ini(5) have each key.  Skipped where mandoc is missing.
set -eu

cd "${top_srcdir:-$(dirname "$0")/..}"
command -v mandoc >/dev/null || { echo "mandoc is missing"; exit 77; }
mandoc -T lint -W warning docs/*.[1-9]

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# check_options HELP PAGE VARIABLES: options and variables of both are the same.
check_options() {
	{
		echo --help
		echo --version
		echo --verbose
		grep -oE -e '(^|[^a-z0-9-])--[a-z][a-z0-9-]+' "$1" |
		    sed 's/^[^-]//'
		grep -oE "$3" "$1" || :
	} | sort -u >"$work/program"
	grep -oE "Fl \\\\-[a-z][a-z0-9-]+|(Ev|,) ($3)" \
	    "$2" | sed -E 's/^Fl \\-/--/; s/^(Ev|,) //' | sort -u >"$work/page"
	diff -u "$work/program" "$work/page"
}

# documented PAGE: "[section] key" for each key of a page.
documented() {
	awk '/^\.Ss \[/ { section = $2 ($3 == "" ? "" : " " $3) }
	    /^\.It Cm .* No =/ { print section, $3 }' "$1" | sort -u
}

for command in connect check docker-context doctor enroll install keygen muzzle status \
    uninstall; do
	"$ORTHRUS" $command --help
done >"$work/help"
check_options "$work/help" docs/orthrus.1 \
    "(ORTHRUS|CHARON)_[A-Z0-9_]+|AUTH_KEY(_FILE)?"

# The page may have more keys: some cannot be given by option.
sed -nE 's/.* (\[[a-z0-9]+( NAME)?\] [a-z_]+)$/\1/p' "$work/help" |
    sort -u >"$work/keys"
documented docs/orthrus.ini.5 >"$work/documented"
comm -23 "$work/keys" "$work/documented" >"$work/missing"
if [ ! -s "$work/keys" ] || [ -s "$work/missing" ]; then
	echo "orthrus.ini(5) does not have, of what --help has:"
	cat "$work/missing"
	exit 1
fi

charon=$(dirname "$ORTHRUS")/charon
[ -x "$charon" ] || exit 0
for command in "" serve check agent "agent add" "agent list" "agent show" \
    "agent rekey" "agent remove" client "client add" "client allow" \
    "client list" "client remove" snippet fingerprint install uninstall; do
	# shellcheck disable=SC2086 # some are two words
	"$charon" $command --help
done >"$work/help"
check_options "$work/help" docs/charon.8 "(ORTHRUS|CHARON)_[A-Z0-9_]+"

# No option stands for most keys, but an unknown one is answered with a list.
ask() {
	(umask 077 && printf '%b\n' "$1" >"$work/charon.ini")
	"$charon" agent list -c "$work/charon.ini" 2>&1 |
	    sed -nE 's/.*there (are|is) //p' | tr -d ,
}
for section in $(ask '[zzzzzzzz]'); do
	for key in $(ask "[$section]\nzzzzzzzz = 1"); do
		echo "[$section] $key"
	done
done | sort -u >"$work/keys"
documented docs/charon.ini.5 >"$work/documented"
[ -s "$work/keys" ]
diff -u "$work/keys" "$work/documented"
