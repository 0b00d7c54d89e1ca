#!/bin/sh
# SPDX-License-Identifier: ISC
# Installs the Debian packages that are missing for a purpose; nothing when
# none is.  Needs root only if something must be installed.
#
#   deps.sh build	compile and install the program
#   deps.sh demo	contrib/demo.sh as well
#   deps.sh engine	a Docker engine for contrib/demo.sh
#   deps.sh check	contrib/check.sh as well
#   deps.sh suite	contrib/suite.sh, which makes systems of other releases
#   deps.sh release	contrib/release.sh and tests/release, which do so, too
#   deps.sh bench	bench/run --peers, bench/muzzle and bench/plot
set -eu

# libfido2 is for libssh 0.12, whose own package does not ask for it.
build="autoconf automake gcc libc6-dev make pkg-config libevent-dev
    libfido2-dev libinih-dev libjansson-dev libprotobuf-c-dev
    libseccomp-dev libsodium-dev libsqlite3-dev libssh-dev libssl-dev
    libwslay-dev protobuf-c-compiler zlib1g-dev"
demo="curl openssh-client openssh-server python3"
engine="busybox-static docker.io"
check="$engine bash-completion clang clang-tidy dropbear-bin fish git libclang-rt-dev
    libcmocka-dev mandoc netbase netcat-openbsd openssl putty-tools
    python3-cryptography python3-pytest python3-pytest-xdist python3-venv
    rsync shellcheck socat ssh-audit stunnel4 strace zsh"
# Two programs for tests, which do without them.  Their package, prometheus, is
# 330 MB with what it needs, and a service that others can reach.
programs="promtool prometheus"
# What tests do without where a release of Debian has none of it.
peers="apache2 caddy dante-server haproxy libnginx-mod-stream microsocks nginx
    nmap squid tinyproxy-bin"
bench="autossh docker.io dropbear-bin gnuplot-nox haproxy openssl stunnel4
    util-linux"

offered=""
extracted=""
case ${1:-build} in
build)	wanted=$build ;;
demo)	wanted="$build $demo" ;;
engine)	wanted=$engine ;;
check)	wanted="$build $demo $check" offered=$peers extracted=$programs ;;
suite)	wanted="debootstrap util-linux" ;;
release)	wanted="busybox-static gpg gpgv iproute2 minisign mmdebstrap python3-pytest
    python3-yaml rubocop ruby util-linux" ;;
bench)	wanted="$build $demo $bench" ;;
*)	sed -n '3,12s/^# \{0,1\}//p' "$0" >&2; exit 64 ;;
esac

# shellcheck disable=SC2086 # lists of words
command -v apt-get >/dev/null || {
	echo "deps.sh: not a Debian system; make sure of:" $wanted >&2
	exit 0
}

# The words of $wanted, and what has become a package of its own since.
packages() {
	# shellcheck disable=SC2086 # a list of words
	printf '%s\n' $wanted
	for package in $offered; do
		apt-cache show "$package" >/dev/null 2>&1 && echo "$package"
	done
	case $wanted in
	*docker.io*)	# the CLI and its builder have left it in Debian 13
		if apt-cache show docker-cli >/dev/null 2>&1; then
			echo docker-cli docker-buildx
		fi ;;
	esac
}

look() {
	missing=
	for package in $(packages); do
		[ "$(dpkg-query -W -f '${db:Status-Status}' "$package" \
		    2>/dev/null)" = installed ] || missing="$missing $package"
	done
	lacking=
	for program in $extracted; do
		command -v "$program" >/dev/null || lacking=$extracted
	done
}
look

# Where not even the file is there, as after debootstrap, localhost is unknown.
if [ "${1:-build}" != build ] && [ ! -e /etc/hosts ] && [ -w /etc ]; then
	echo "making /etc/hosts, which is missing"
	printf '127.0.0.1\tlocalhost\n::1\tlocalhost\n' >/etc/hosts
	chmod 644 /etc/hosts
fi
[ -n "$missing$lacking" ] || exit 0

[ "$(id -u)" -eq 0 ] || {
	echo "deps.sh: as root, install:$missing${lacking:+ $lacking}" >&2
	exit 77
}

# An sshd that is installed for a test has no business to start serving.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
	trap 'rm -f $policy' EXIT
	trap 'exit 1' HUP INT TERM
	printf '#!/bin/sh\nexit 101\n' >$policy
	chmod 755 $policy
fi
log=$(mktemp)
export DEBIAN_FRONTEND=noninteractive
apt() {
	apt-get -q "$@" >>"$log" 2>&1 && return
	tail -n 20 "$log" >&2
	echo "deps.sh: apt-get failed, see $log" >&2
	exit 69
}
apt update
look				# apt may know more names now
if [ -n "$missing" ]; then
	echo "installing:$missing"
	# shellcheck disable=SC2086 # a list of words
	apt -y install --no-install-recommends $missing
fi

# Puts $lacking into /usr/local/bin: nothing runs that nobody started.  Debian
# 13 has promtool in a package of its own.
extract() {
	dir=$(mktemp -d)
	for package in prometheus promtool; do
		(cd "$dir" && apt-cache show $package &&
		    apt-get -q download $package &&
		    dpkg-deb --fsys-tarfile ${package}_*.deb |
		    tar -x ./usr/bin) >>"$log" 2>&1 || continue
	done
	for program in $lacking; do
		install -m 755 "$dir/usr/bin/$program" /usr/local/bin \
		    2>>"$log" ||
		    echo "deps.sh: no $program here; its tests are skipped" >&2
	done
	rm -rf "$dir"
}
if [ -n "$lacking" ]; then
	echo "taking out of Debian's packages: $lacking"
	extract
fi
rm -f "$log"
