# SPDX-License-Identifier: ISC
# Minimal Debian systems, so that nothing that is built depends on the machine
# that builds it.  They are kept in $RELEASE_CACHE for the day, as updates of
# security matter: a library of ours is linked in whole.
# shellcheck shell=bash

# box_mirror ARCHIVE: where this machine gets the archive "debian" or
# "debian-security" from.
box_mirror() {
	local mirrors
	# shellcheck disable=SC2016 # apt-get's own format
	mirrors=$(apt-get indextargets --format '$(REPO_URI)' \
	    'Created-By: Packages' 2>/dev/null | sort -u)
	mirrors=$(grep -m 1 "/$1/*\$" <<<"$mirrors") ||
	    mirrors=http://deb.debian.org/$1
	echo "${mirrors%/}"
}

# The sources of a release of Debian, with its security updates.
box_sources() {
	local main security
	main=$(box_mirror debian)
	security=$(box_mirror debian-security)
	echo "deb $main $1 main"
	echo "deb $main $1-updates main"
	echo "deb $security $1-security main"
}

# box_name SUITE NAME TEXT: the folder of a system that today is made by TEXT.
box_name() {
	echo "$RELEASE_CACHE/$1-$2-$(date -u +%Y%m%d)-$(cksum <<<"$3" |
	    cut -d ' ' -f 1)"
}

# box_done NEW DIR: a folder gets its name when all is in it; who was first wins.
box_done() {
	chmod 755 "$1"
	touch "$1"
	mv -T "$1" "$2" 2>/dev/null || rm -rf --one-file-system "$1"
	find "$RELEASE_CACHE" -mindepth 1 -maxdepth 1 -mtime +1 ! -name sources \
	    -exec rm -rf --one-file-system {} +
}

# box_make SUITE: prints the folder of a minimal system, made if need be; ends
# with 75 where that cannot be, for want of a network.
box_make() {
	local dir new
	dir=$(box_name "$1" minimal '')
	if [ ! -d "$dir" ]; then
		say "making a minimal system of $1" >&2
		new=$(mktemp -d "$RELEASE_CACHE/new.XXXXXX")
		box_sources "$1" | logged mmdebstrap --quiet --variant=apt \
		    "${box_aptopts[@]}" "$1" "$new" - || exit 75
		echo force-unsafe-io >"$new/etc/dpkg/dpkg.cfg.d/unsafe-io"
		[ ! -e /etc/resolv.conf ] ||
		    cp /etc/resolv.conf "$new/etc/resolv.conf"
		box_done "$new" "$dir"
	fi
	echo "$dir"
}

# box_grow SUITE NAME SCRIPT: prints the folder of such a system in which a
# shell script was run, with the network, as root; made if need be.
box_grow() {
	local dir new base
	dir=$(box_name "$@")
	if [ ! -d "$dir" ]; then
		base=$(box_make "$1")
		new=$(mktemp -d "$RELEASE_CACHE/new.XXXXXX")
		cp -a "$base/." "$new"
		say "making a system of $1 for $2" >&2
		logged unshare --mount --pid --fork --kill-child \
		    bash -euc "$box_inside" box "$new" '' "$RELEASE_SHARE" "$3"
		box_done "$new" "$dir"
	fi
	echo "$dir"
}

# box_run DIR SCRIPT [ARG...]: runs a shell script in a copy of the system that
# is thrown away, without the network.  /mnt in there is $RELEASE_SHARE.
box_run() {
	local dir=$1
	shift
	mkdir -p "$RELEASE_WORK/box"
	unshare --mount --pid --net --fork --kill-child bash -euc \
	    "$box_inside" box "$dir" "$RELEASE_WORK/box" "$RELEASE_SHARE" "$@"
}

# With a second folder the first one stays as it is: changes are in memory.
# shellcheck disable=SC2016 # expanded in there
box_inside='
	dir=$1 layer=$2 share=$3
	shift 3
	if [ -n "$layer" ]; then
		mount -t tmpfs -o size=75% tmpfs "$layer"
		mkdir "$layer/upper" "$layer/work" "$layer/root"
		mount -t overlay overlay -o \
		    "lowerdir=$dir,upperdir=$layer/upper,workdir=$layer/work" \
		    "$layer/root"
		dir=$layer/root
	else
		mount --bind "$dir" "$dir"
	fi
	cd "$dir"
	mount --bind "$share" mnt
	mount -t proc proc proc
	mount --rbind /sys sys
	mount --rbind /dev dev
	mount -t tmpfs tmpfs run
	mount -t tmpfs tmpfs tmp
	! command -v ip >/dev/null || ip link set lo up
	exec chroot . /usr/bin/env -i HOME=/root LC_ALL=C.UTF-8 TERM=dumb \
	    PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive \
	    SOURCE_DATE_EPOCH="$SOURCE_DATE_EPOCH" \
	    nice sh -euc "$1" sh "${@:2}"
'

# How to get at the mirror is the machine'"'"'s.
box_aptopts=()
! grep -qsr '^Acquire' /etc/apt/apt.conf.d ||
    while IFS= read -r box_line; do
	box_aptopts+=("--aptopt=$box_line")
    done < <(grep -hsr '^Acquire::[A-Za-z-]* .*;$' /etc/apt/apt.conf.d)

# build_packages ARCH: the script that makes a system fit to build for ARCH:
# what the first paragraph of contrib/debian/control asks for, and what judges
# packages.
build_packages() {
	cat <<END
arch=$1
mkdir -p /tmp/orthrus/debian && cd /tmp/orthrus
cat >debian/control <<'CONTROL'
$(sed '/^$/q' "$RELEASE_ROOT/contrib/debian/control")
CONTROL
install='apt-get -y --no-install-recommends install'
cross=
if [ "\$arch" != "\$(dpkg --print-architecture)" ]; then
	dpkg --add-architecture "\$arch"
	cross="crossbuild-essential-\$arch"
fi
apt-get update
\$install autoconf automake build-essential lintian \$cross
apt-get -y --no-install-recommends -a "\$arch" build-dep ./
apt-get clean
END
}
