#!/bin/bash
# SPDX-License-Identifier: ISC
# Builds and tests dist/orthrus.rb as an ordinary user where Homebrew on Linux
# has its things, in a minimal system with Debian's libraries but no libssh.
# Exit status 75: that cannot be made here.
#
#   homebrew.sh FORMULA TARBALL
set -euo pipefail
shopt -s inherit_errexit
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export ORTHRUS_BUILD=$work ORTHRUS_DIST=$work/dist
# shellcheck source=contrib/release/lib/release.sh
. "$here/../../contrib/release/lib/release.sh"
# shellcheck source=contrib/release/lib/box.sh
. "$RELEASE_ROOT/contrib/release/lib/box.sh"

# What brew would download, from the mirror that this machine has.
read -r path sum < <(sed -n '/resource "libssh"/,/end/{
	s/^ *url "[^"]*\/debian\/\([^"]*\)"$/\1/p
	s/^ *sha256 "\([^"]*\)"$/\1/p
}' "$1" | paste -sd ' ')
read -r _ mirror _ < <(box_sources trixie)
libssh=$RELEASE_CACHE/sources/${path##*/}
mkdir -p "${libssh%/*}"
sha256sum --check --status <<<"$sum  $libssh" 2>/dev/null ||
    /usr/lib/apt/apt-helper -qq download-file "${mirror%/}/$path" \
	"$libssh" "SHA256:$sum" || exit 75
cp "$1" "$RELEASE_SHARE/orthrus.rb"
cp "$2" "$RELEASE_SHARE/orthrus.tar.gz"
cp "$libssh" "$RELEASE_SHARE/libssh.tar.xz"
cp "$here/brew.rb" "$RELEASE_SHARE/"
chmod -R a+rX "$work"

# libevent-dev and others would not bring it; it is linked from the resource.
system=$(box_grow bookworm homebrew 'apt-get update
apt-get -y --no-install-recommends install build-essential cmake pkg-config \
    ruby libevent-dev libinih-dev libjansson-dev libprotobuf-c-dev \
    libseccomp-dev libsodium-dev libsqlite3-dev libssl-dev libwslay-dev \
    protobuf-c-compiler zlib1g-dev
apt-get clean
useradd --create-home --home-dir /home/linuxbrew linuxbrew')
# shellcheck disable=SC2016 # expanded in there
box_run "$system" '
	brew=/home/linuxbrew/.linuxbrew
	install -d -o linuxbrew "$brew"
	! find / -xdev -name "libssh.*" -not -path "/mnt/*" | grep -v /proc || exit 1
	su linuxbrew -c "umask 022; MAKEFLAGS=-j$(nproc) ruby /mnt/brew.rb \
	    /mnt/orthrus.rb $brew/Cellar/orthrus/0 /mnt/orthrus.tar.gz \
	    /mnt/libssh.tar.xz"
	find "$brew" -type f | sed "s,^$brew/,,"
'
