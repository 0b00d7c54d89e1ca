#!/bin/bash
# SPDX-License-Identifier: ISC
# What the demonstrations share.  Read by them: "root" is the source tree, "dir"
# a folder of their own that use_folder makes.
# shellcheck disable=SC2034,SC2154 # what one file sets, the other uses

export LC_ALL=C.UTF-8 PATH="$PATH:/usr/sbin:/sbin"
unset http_proxy all_proxy ALL_PROXY
dir=

# In colour where somebody looks on: https://no-color.org/
bold='' prompt='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ] && [ "${TERM:-dumb}" != dumb ]; then
	bold=$'\e[1m' prompt=$'\e[32m' plain=$'\e[0m'
fi

step() {
	printf '\n%s== %s%s\n' "$bold" "$*" "$plain"
}

# What is typed, in front of what it prints.
typed() {
	printf '  %s$%s %s%s%s\n' "$prompt" "$plain" "$bold" "$*" "$plain"
}

# says COMMAND...: shows it as typed, and what it prints.
says() {
	typed "$*"
	"$@" 2>&1 | sed 's/^/  /'
	return "${PIPESTATUS[0]}"
}

die() {
	printf '\n%s: %s\n' "${0##*/}" "$*" >&2
	for log in "$dir"/*.log; do
		printf -- '--- %s\n' "${log##*/}" >&2
		tail -n 20 "$log" >&2
	done
	exit 1
}

# Ends what was started, the newest first, and takes the folder away.
pids=()
engine=
clean_up() {
	trap - EXIT
	local i
	# unshare passes no other signal on; the kernel ends the rest.
	[ -z "$engine" ] || { kill -KILL "$engine"; wait "$engine"; } 2>/dev/null || :
	for ((i = ${#pids[@]} - 1; i >= 0; i--)); do
		kill "${pids[i]}" 2>/dev/null || continue
		wait "${pids[i]}" || :
	done
	find /sys/fs/cgroup -depth -type d -path "*/${dir##*/}*" \
	    -exec rmdir {} + 2>/dev/null || :
	rm -rf "$dir"
}

# start LOG COMMAND...: in the background, its output in LOG.
start() {
	"${@:2}" >"$dir/$1.log" 2>&1 </dev/null &
	pids+=($!)
}

# within SECONDS COMMAND...: repeats it until it succeeds.
within() {
	local end=$((SECONDS + $1))
	until "${@:2}" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.1
	done
}

# Ports that no program gets by chance while nobody listens there yet.
free_ports() {
	/usr/bin/python3 -c '
import random, socket, sys
free = []
for port in random.sample(range(10000, 32000), 1000):
    try:
        socket.socket().bind(("127.0.0.1", port))
        free.append(port)
    except OSError:
        pass
print(*free[:int(sys.argv[1])])' "$1"
}

# fetch WAY CURL-OPTIONS...: the page must come, by that way.
fetch() {
	local got
	typed curl "${@:2}" "  # $1"
	got=$(curl -sS --max-time 10 "${@:2}" 2>&1) || die "$1: $got"
	[ "$got" = "$page" ] || die "$1 gave something else: $got"
	printf '  %s\n' "$got"
}

# through HOST DOCKER-COMMAND...: what the engine answers there.
through() {
	typed "DOCKER_HOST=$1 docker ${*:2}"
	DOCKER_HOST=$1 timeout 20 docker "${@:2}" 2>&1 | sed 's/^/  /'
	return "${PIPESTATUS[0]}"
}

# look_at_engine HOST: reads pass through the Muzzle, secrets and changes do not.
look_at_engine() {
	local env='{{.Config.Env}}' there through
	through "$1" ps || die "docker ps did not work"
	if [ "$docker" = "$dir/engine.sock" ]; then
		echo "  The container has a secret in its environment.  On its host:"
		through "unix://$docker" inspect -f "$env" web
		echo "  And through the Muzzle:"
		through=$(through "$1" inspect -f "$env" web) ||
		    die "docker inspect did not work: $through"
		printf '%s\n' "$through"
		there=$(docker -H "unix://$docker" inspect -f "$env" web)
		[[ $there = *TOKEN=secret* && $through = *'[TOKEN=***'* &&
		    $through != *secret* ]] || die "the secret was not hidden"
	fi
	if through "$1" stop web; then
		die "docker stop was let through"
	fi
}

# A throw-away engine with one container, where one can run.
start_engine() {
	"$root/contrib/deps.sh" engine && command -v dockerd >/dev/null ||
	    return 1
	local root_fs=$dir/rootfs
	# In namespaces of its own, with which all that it started ends.
	start engine unshare --mount --net --pid --fork --kill-child \
	    --mount-proc sh -c 'mount -t tmpfs none /run && exec dockerd "$@"' \
	    sh -H "unix://$dir/engine.sock" --data-root "$dir/engine/root" \
	    --exec-root "$dir/engine/exec" -p "$dir/engine/pid" \
	    --bridge=none --iptables=false --ip6tables=false \
	    --ip-forward=false --storage-driver=vfs \
	    --exec-opt native.cgroupdriver=cgroupfs \
	    --cgroup-parent "/${dir##*/}"
	engine=${pids[-1]}
	within 15 docker -H "unix://$dir/engine.sock" version || return 1
	mkdir -p "$root_fs/bin"
	cp /bin/busybox "$root_fs/bin/sh"
	tar -C "$root_fs" -c . |
	    docker -H "unix://$dir/engine.sock" import - demo:1 >/dev/null &&
	docker -H "unix://$dir/engine.sock" run -d --network none \
	    --name web -e TOKEN=secret demo:1 /bin/sh -c \
	    'while :; do echo tick; sleep 1; done' >/dev/null
}

# Sets ORTHRUS to a program that there is, building it where none is given.
use_program() {
	if [ -z "${ORTHRUS:-}" ]; then
		"$root/contrib/deps.sh" demo
		step "Building in build/demo"
		"$root/contrib/build.sh" "$root/build/demo"
		ORTHRUS=$root/build/demo/orthrus
	fi
	[ -x "$ORTHRUS" ] || {
		echo "${0##*/}: no program $ORTHRUS" >&2
		exit 1
	}
	ORTHRUS=$(realpath "$ORTHRUS")
	"$ORTHRUS" --version
}

# Makes "dir", which goes again with all that was started.
use_folder() {
	# Short, since the path of a Unix socket has 107 bytes at most.
	dir=$(mktemp -d /tmp/orthrus-demo.XXXXXX)
	trap clean_up EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	mkdir "$dir/www" "$dir/state" "$dir/run" "$dir/engine"
	export STATE_DIRECTORY=$dir/state RUNTIME_DIRECTORY=$dir/run
}

# Sets "docker" to the socket of an engine: one that runs already, or one of
# our own, or "no".
use_engine() {
	docker=no
	if [ -S /var/run/docker.sock ] && command -v docker >/dev/null &&
	    timeout 10 docker version >/dev/null 2>&1; then
		docker=/var/run/docker.sock
	elif [ "$(id -u)" -eq 0 ] && [ "${ORTHRUS_DEMO_DOCKER:-yes}" = yes ] &&
	    start_engine; then
		docker=$dir/engine.sock
	fi
}
