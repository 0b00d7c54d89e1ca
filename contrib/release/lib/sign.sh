#!/bin/bash
# SPDX-License-Identifier: ISC
# Writes the checksums of dist/ and signs them with the keys in MINISIGN_KEY and
# GPG_KEY, the texts of secret keys without a password; either may be empty.
# They are on disk for as long as this runs.
set -euo pipefail
shopt -s inherit_errexit
# shellcheck source=contrib/release/lib/release.sh
. "$(dirname "$0")/release.sh"

umask 077
keys=$(mktemp -d)
export GNUPGHOME=$keys/gpg
trap 'gpgconf --kill all 2>/dev/null || :; rm -rf "$keys"' EXIT

[ -n "${MINISIGN_KEY:-}${GPG_KEY:-}" ] ||
    say "nothing is signed: there is neither MINISIGN_KEY nor GPG_KEY"
if [ -n "${MINISIGN_KEY:-}" ]; then
	printf '%s\n' "$MINISIGN_KEY" >"$keys/minisign.key"
	export ORTHRUS_MINISIGN_KEY=$keys/minisign.key
fi
if [ -n "${GPG_KEY:-}" ]; then
	mkdir "$GNUPGHOME"
	gpg --batch --quiet --import <<<"$GPG_KEY"
	ORTHRUS_GPG_KEY=$(gpg --batch --list-secret-keys --with-colons |
	    awk -F : '$1 == "fpr" { print $10; exit }')
	export ORTHRUS_GPG_KEY
fi
umask 022
release_sums
