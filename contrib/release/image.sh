#!/bin/bash
# SPDX-License-Identifier: ISC
# Images of orthrus and charon with nothing but the static program in them, its
# user and what it writes to: an OCI layout for all machines, and for each what
# "docker load" takes.  Made twice in different folders: the bytes are the same.
# ORTHRUS_SOURCE_URL, where the sources are to be had, becomes a label.
set -euo pipefail
shopt -s inherit_errexit
# shellcheck source=contrib/release/lib/release.sh
. "$(dirname "$0")/lib/release.sh"
# shellcheck source=contrib/release/lib/box.sh
. "$RELEASE_ROOT/contrib/release/lib/box.sh"

read -ra archs <<<"${RELEASE_ARCHS//,/ }"
revision=$(git -C "$RELEASE_ROOT" rev-parse HEAD 2>/dev/null) || revision=
system=$(box_grow bookworm image 'apt-get update
apt-get -y --no-install-recommends install ca-certificates jq skopeo umoci
apt-get clean')

# shellcheck disable=SC2016 # expanded in there
pack='
	mkdir -p "$1" && cd "$1"
	exec bash /mnt/pack_image.sh "$2" "$3" "$4" "$5" "/mnt/$6" $7
'

# pack PROGRAM FOLDER OUT
pack() {
	logged box_run "$system" "$pack" "$2" "$1" "$RELEASE_VERSION" \
	    "$revision" "${ORTHRUS_SOURCE_URL:-}" "$3" "${archs[*]}"
}

for arch in "${archs[@]}"; do
	have_static "$arch"
done
rm -rf "$RELEASE_SHARE"/{programs,first,second}
mkdir "$RELEASE_SHARE/programs"
cp "$RELEASE_ROOT/contrib/release/lib/pack_image.sh" "$RELEASE_SHARE/"
for arch in "${archs[@]}"; do
	for program in orthrus charon; do
		cp "$RELEASE_DIST/$program-$RELEASE_VERSION-linux-$arch" \
		    "$RELEASE_SHARE/programs/$program-$arch"
	done
done
for program in orthrus charon; do
	pack $program /build/image first
	pack $program /var/other/folder second
done
diff -r "$RELEASE_SHARE/first" "$RELEASE_SHARE/second" ||
    die 70 "two builds of the images differ"
mv "$RELEASE_SHARE"/first/* "$RELEASE_DIST/"
for file in "$RELEASE_DIST"/*-"$RELEASE_VERSION"-docker-*.tar.gz; do
	say "image: $(basename "$file"): $(stat -c %s "$file") bytes"
done
rm -r "$RELEASE_SHARE"/{programs,first,second,pack_image.sh}
