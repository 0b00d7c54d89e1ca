#!/bin/sh
# SPDX-License-Identifier: ISC
# Says whether files of a release are what its makers put there: each is named
# in SHA256SUMS beside it, with the right checksum, and that list is signed.
#
#   verify.sh [--key KEY]... FILE...
#	KEY: a public key that you have from elsewhere: minisign's, as a file
#	or its line (RW...), or a file with GPG's
#
# Needs minisign or gpg; of several keys one is enough.  Without a key only
# the checksums are looked at, which shows that a download is whole, and not
# who made it.  Exit status: 0 all is well, 1 something is not, 64 wrong usage,
# 69 there is no SHA256SUMS.
set -eu

usage() {
	sed -n '3,14s/^# \{0,1\}//p' "$0"
}

die() {
	status=$1
	shift
	echo "verify.sh: $*" >&2
	exit "$status"
}

# needs PROGRAM FILE: what a signature is looked at with.
needs() {
	if ! command -v "$1" >/dev/null; then
		echo "verify.sh: $1 is needed for that key, and missing" >&2
	elif [ ! -r "$2" ]; then
		echo "verify.sh: there is no $2" >&2
	else
		return 0
	fi
	return 1
}

# by_minisign SUMS OPTION KEY
by_minisign() {
	needs minisign "$1.minisig" || return
	minisign -V -q -m "$1" "$2" "$3" >/dev/null
}

# by_gpg SUMS FILE: with the keys of that file and no others.
by_gpg() {
	needs gpg "$1.asc" && needs gpgv "$1.asc" || return
	ring=$(mktemp -d)
	gpg --homedir "$ring" --quiet --no-autostart --dearmor \
	    <"$2" >"$ring/keys.gpg" 2>/dev/null || cp "$2" "$ring/keys.gpg"
	signed=0
	gpgv --quiet --keyring "$ring/keys.gpg" "$1.asc" "$1" >/dev/null 2>&1 ||
	    signed=1
	rm -rf "$ring"
	return $signed
}

# signed SUMS KEY: whether that key signed the list.
signed() {
	case $2 in
	RW*)	by_minisign "$1" -P "$2"; return ;;
	esac
	[ -r "$2" ] || die 64 "$2: there is no such key"
	if grep -q '^RW' "$2"; then
		by_minisign "$1" -p "$2"
	else
		by_gpg "$1" "$2"
	fi
}

# look FILE SUMS: its checksum.
look() {
	name=$(basename "$1")
	[ -f "$1" ] || die 64 "$1: there is no such file"
	wanted=$(awk -v name="$name" '$2 == name { print $1 }' "$2")
	[ -n "$wanted" ] || die 1 "$1: $2 does not name it"
	found=$(sha256sum <"$1")
	[ "${found%% *}" = "$wanted" ] ||
	    die 1 "$1: is not what $2 says; download it again"
}

keys=
while [ $# -gt 0 ]; do
	case $1 in
	-h|--help)	usage; exit 0 ;;
	--key)	[ $# -gt 1 ] || { usage >&2; exit 64; }
		keys="$keys
$2"
		shift ;;
	--)	shift; break ;;
	-*)	usage >&2; exit 64 ;;
	*)	break ;;
	esac
	shift
done
[ $# -gt 0 ] || { usage >&2; exit 64; }

for file; do
	sums=$(dirname "$file")/SHA256SUMS
	[ -r "$sums" ] || die 69 "there is no $sums; download it as well"
	look "$file" "$sums"
	trusted=
	while IFS= read -r key; do
		[ -n "$key" ] || continue
		signed "$sums" "$key" || continue
		trusted=$key
		break
	done <<END
$keys
END
	if [ -n "$trusted" ]; then
		echo "$file: whole, and signed by $trusted"
	elif [ -n "$keys" ]; then
		die 1 "$sums: not signed by ${keys#?}"
	else
		echo "$file: whole; give --key to see who made it"
	fi
done
