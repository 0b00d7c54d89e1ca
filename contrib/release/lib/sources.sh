# SPDX-License-Identifier: ISC
# Fetches the sources that contrib/release/sources.txt pins.
# shellcheck shell=bash

SOURCES_LIST=$RELEASE_ROOT/contrib/release/sources.txt

# sources_one DIR SHA256 PATH: from one of the places where it may be.  What has
# another checksum is not taken.
sources_one() {
	local file=$1/${3##*/} snapshot url
	snapshot=$(sed -n 's/^snapshot //p' "$SOURCES_LIST")
	! sha256sum --check --status 2>/dev/null <<<"$2  $file" || return 0
	for url in "$(box_mirror "${3%%/*}")/${3#*/}" \
	    "http://deb.debian.org/$3" \
	    "http://snapshot.debian.org/archive/${3%%/*}/$snapshot/${3#*/}"
	do
		! /usr/lib/apt/apt-helper -qq download-file "$url" "$file.new" \
		    "SHA256:$2" 2>>"$RELEASE_WORK/sources.log" || {
			mv "$file.new" "$file"
			return
		}
	done
	die 75 "cannot fetch ${3##*/}, see $RELEASE_WORK/sources.log"
}

# Prints the folder that has all of them.
sources_fetch() {
	local dir=$RELEASE_CACHE/sources sum path
	mkdir -p "$dir"
	: >"$RELEASE_WORK/sources.log"
	while read -r sum path _; do
		[[ $path != */* ]] || sources_one "$dir" "$sum" "$path"
	done < <(grep -v '^#' "$SOURCES_LIST")
	touch "$dir"
	echo "$dir"
}
