#!/bin/bash
# SPDX-License-Identifier: ISC
# Packs one program's static files into an image: run by image.sh in a minimal
# system that has umoci, skopeo, jq and ca-certificates.
#
#   pack_image.sh PROGRAM VERSION REVISION SOURCE OUT ARCH...
#
# /mnt/programs/PROGRAM-ARCH are the files; into OUT go an OCI layout for all
# machines as a tar, and for each what "docker load" takes.
set -euo pipefail
shopt -s inherit_errexit
umask 022

program=$1 version=$2 revision=$3 source=$4 out=$5
shift 5
# As in the texts of "charon snippet"; it need not exist on the host.
user=65532
state=/var/lib/$program runtime=/run/$program
created=$(date -ud "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)

case $program in
orthrus)
	title="Orthrus agent"
	description="Offers a host's Docker and ports through one SSH session"
	start=connect health='"status", "--wait", "5s"' port='' mode=700
	limit=8000000 ;;
charon)
	title="Charon gateway"
	description="SSH gateway that agents and clients of Orthrus dial"
	start=serve health='"status"' port=2222/tcp mode=750 limit=12000000 ;;
esac

# Docker's own extension, which OCI's format has no field for; engines take it
# from the configuration wherever that comes from.
healthcheck='{"Test": ["CMD", "/usr/local/bin/'$program'", '$health'],
    "Interval": 30000000000, "Timeout": 10000000000,
    "StartPeriod": 30000000000, "Retries": 3}'

# Platform of OCI: architecture, variant.
platform() {
	case $1 in
	armhf)	echo arm v7 ;;
	*)	echo "$1" ;;
	esac
}

# Authorities by their hashes, of which one is read when it is looked for, and
# as one file for whatever is told of one.
make_authorities() {
	local file
	mkdir -p root/etc/ssl/certs
	for file in /etc/ssl/certs/*.[0-9]; do
		install -m 644 "$(realpath "$file")" \
		    "root/etc/ssl/certs/$(basename "$file")"
	done
	install -m 644 /etc/ssl/certs/ca-certificates.crt root/etc/ssl/certs/
	ln -s certs/ca-certificates.crt root/etc/ssl/cert.pem
}

# make_root ARCH: all that is in the image.
make_root() {
	rm -rf root
	mkdir -p root/etc root/run root/usr/local/bin root/var/lib
	install -m 755 "/mnt/programs/$program-$1" "root/usr/local/bin/$program"
	ln -s "usr/local/bin/$program" "root/$program"
	install -d -m 700 -o $user -g $user "root$state"
	install -d -m "$mode" -o $user -g $user "root$runtime"
	printf '%s\n' "root:x:0:0:root:/:/sbin/nologin" \
	    "$program:x:$user:$user:$title:$state:/sbin/nologin" \
	    >root/etc/passwd
	printf '%s\n' "root:x:0:" "$program:x:$user:" >root/etc/group
	[ "$program" != orthrus ] || make_authorities
	tar --format=ustar --sort=name --mtime="@$SOURCE_DATE_EPOCH" \
	    --numeric-owner -C root -cf layer.tar .
}

# For configurations as labels, and for the index as annotations.
labels() {
	local prefix=org.opencontainers.image
	printf '%s\n' "$prefix.title=$title" \
	    "$prefix.description=$description" "$prefix.version=$version" \
	    "$prefix.licenses=ISC" "$prefix.created=$created"
	[ -z "$revision" ] || echo "$prefix.revision=$revision"
	[ -z "$source" ] || echo "$prefix.source=$source"
}

# make_image ARCH: a tag of that name in the folder layout.
make_image() {
	local options=() label
	while IFS= read -r label; do
		options+=(--config.label "$label")
	done < <(labels)
	[ -z "$port" ] || options+=(--config.exposedports "$port")
	make_root "$1"
	umoci new --image "layout:$1"
	umoci raw add-layer --image "layout:$1" --history.created "$created" \
	    --history.created_by contrib/release.sh layer.tar
	umoci config --image "layout:$1" --no-history --created "$created" \
	    --os linux --architecture "$(platform "$1" | cut -d ' ' -f 1)" \
	    --config.user $user:$user --config.workingdir / \
	    --config.entrypoint "/usr/local/bin/$program" \
	    --config.cmd "$start" --config.volume "$state" \
	    --config.env PATH=/usr/local/bin \
	    --config.env "STATE_DIRECTORY=$state" \
	    --config.env "RUNTIME_DIRECTORY=$runtime" "${options[@]}"
}

blob() {
	echo "$1/blobs/sha256/${2#sha256:}"
}

# Puts standard input into the image that is given out: prints its descriptor.
put_blob() {
	local new digest
	new=$(mktemp -p .)
	cat >"$new"
	chmod 644 "$new"
	digest=sha256:$(sha256sum "$new" | cut -d ' ' -f 1)
	jq -nc --arg type "application/vnd.oci.image.$1+json" \
	    --arg digest "$digest" --argjson size "$(stat -c %s "$new")" \
	    '{mediaType: $type, digest: $digest, size: $size}'
	mv "$new" "$(blob image "$digest")"
}

# check_size ARCH BYTES: what has to be downloaded.
check_size() {
	[ "$2" -le "$limit" ] || {
		echo "the image of $program for $1 has $2 bytes;" \
		    "$limit are the limit" >&2
		return 1
	}
}

# finish_image ARCH: takes an image over, with what umoci has no option for:
# prints its descriptor for the index.
finish_image() {
	local digest manifest config layer arch variant
	digest=$(jq -r --arg tag "$1" '.manifests[] | select(.annotations
	    ["org.opencontainers.image.ref.name"] == $tag).digest' \
	    layout/index.json)
	manifest=$(blob layout "$digest")
	layer=$(jq -r '.layers[].digest' "$manifest")
	check_size "$1" "$(jq '[.layers[].size] | add' "$manifest")"
	cp "$(blob layout "$layer")" image/blobs/sha256/
	read -r arch variant < <(platform "$1") || :
	config=$(jq -cj --argjson health "$healthcheck" \
	    --arg variant "$variant" '.config.Healthcheck = $health |
	    if $variant == "" then . else .variant = $variant end' "$(blob \
	    layout "$(jq -r .config.digest "$manifest")")" | put_blob config.v1)
	jq -cj --argjson config "$config" \
	    '{schemaVersion, mediaType: "application/vnd.oci.image.manifest.v1+json",
	    config: $config, layers}' "$manifest" | put_blob manifest.v1 |
	    jq -c --arg arch "$arch" --arg variant "$variant" '. + {platform:
	    ({os: "linux", architecture: $arch} + if $variant == "" then {}
	    else {variant: $variant} end)}'
}

# An index for all machines, behind one entry that has the version's name.
make_index() {
	local arch annotations
	annotations=$(labels | jq -Rn '[inputs | split("=") |
	    {(.[0]): (.[1:] | join("="))}] | add')
	for arch; do
		finish_image "$arch"
	done | jq -scj --argjson annotations "$annotations" '{schemaVersion: 2,
	    mediaType: "application/vnd.oci.image.index.v1+json",
	    manifests: ., annotations: $annotations}' | put_blob index.v1 |
	    jq -cj --arg version "$version" '{schemaVersion: 2, manifests: [. +
	    {annotations: {"org.opencontainers.image.ref.name": $version}}]}' \
	    >image/index.json
}

mkdir -p image/blobs/sha256 "$out"
umoci init --layout layout
cp layout/oci-layout image/
for arch; do
	make_image "$arch"
done
make_index "$@"
tar --format=ustar --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 \
    --group=0 --numeric-owner --mode=u+rw,go=rX -C image \
    -cf "$out/$program-$version-image.oci.tar" oci-layout index.json blobs
for arch; do
	read -r name variant < <(platform "$arch") || :
	skopeo --insecure-policy --override-os linux --override-arch "$name" \
	    --override-variant "$variant" copy --quiet \
	    --additional-tag "$program:latest" "oci:image:$version" \
	    "docker-archive:image.tar:$program:$version"
	gzip -9nc image.tar >"$out/$program-$version-docker-$arch.tar.gz"
	rm image.tar
done
