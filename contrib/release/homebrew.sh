#!/bin/bash
# SPDX-License-Identifier: ISC
# A formula for Homebrew that builds the tarball in dist/, wherever that will be
# downloaded from: ORTHRUS_BASE_URL, the folder with the files of this release.
# ORTHRUS_SOURCE_URL is where the project is at home.
set -euo pipefail
shopt -s inherit_errexit
# shellcheck source=contrib/release/lib/release.sh
. "$(dirname "$0")/lib/release.sh"

have_tarball
home=${ORTHRUS_SOURCE_URL:-https://github.com/orthrus/orthrus}
base=${ORTHRUS_BASE_URL:-$home/releases/download/v$RELEASE_VERSION}
for url in "$home" "$base"; do
	[[ $url =~ ^https://[A-Za-z0-9._~:/%@+-]+$ ]] ||
	    die 64 "'$url' is not an https:// address"
done

read -r sum _ < <(sha256sum "$RELEASE_TARBALL")

formula=$RELEASE_DIST/orthrus.rb
sed -e "s|@HOMEPAGE@|$home|" \
    -e "s|@URL@|${base%/}/$(basename "$RELEASE_TARBALL")|" \
    -e "s|@SHA256@|$sum|" \
    "$RELEASE_ROOT/contrib/homebrew/orthrus.rb.in" >"$formula"
! grep -n '@[A-Z_0-9]*@' "$formula" || die 70 "not all of it was filled in"

# Its syntax, where there is a ruby; tests/release looks further.
! command -v ruby >/dev/null || logged ruby -c "$formula"
