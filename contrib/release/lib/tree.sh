#!/bin/sh
# SPDX-License-Identifier: ISC
# Lays out what the packages that have static programs share: manuals,
# completions, and units that start nothing that is not configured.
#
#   tree.sh SOURCES BINDIR SHARE UNITS: from an unpacked source tarball to the
#	folders SHARE and UNITS, for programs in BINDIR
set -eu
[ $# -eq 4 ] || { sed -n '3,7s/^# \{0,1\}//p' "$0" >&2; exit 64; }
src=$1 bindir=$2 share=$3 units=$4
umask 022

# put FILE TARGET
put() {
	install -D -m 0644 "$src/$1" "$share/$2"
}

for page in orthrus.1 orthrus.ini.5 charon.8 charon.ini.5; do
	put "docs/$page" "man/man${page##*.}/$page"
done
for name in orthrus charon; do
	put contrib/completions/orthrus.bash "bash-completion/completions/$name"
	put contrib/completions/orthrus.fish \
	    "fish/vendor_completions.d/$name.fish"
done
put contrib/completions/_orthrus zsh/site-functions/_orthrus

# What their heads say is for who does it all by hand.
mkdir -p "$units"
for name in orthrus charon; do
	sed -e '1,/^\[Unit\]/{/^#/d}' -e "s|/usr/local/bin/|$bindir/|g" \
	    -e "/^After=/a ConditionPathExists=/etc/$name/$name.ini" \
	    "$src/contrib/$name.service" >"$units/$name.service"
done
