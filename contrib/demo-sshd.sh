#!/bin/bash
# SPDX-License-Identifier: ISC
# Shows orthrus with a plain OpenSSH server on this machine alone: builds
# orthrus, starts a throw-away sshd, tunnels to it in every way, kills the
# session and sees it come back.  Leaves nothing behind but build/demo.
#
#   demo-sshd.sh		runs to its end
#   demo-sshd.sh --keep	leaves the tunnel up until Ctrl-C, to try it by hand
#
# ORTHRUS=PROGRAM uses that one and builds nothing.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=contrib/demo-lib.sh
. "$root/contrib/demo-lib.sh"
keep=no
case ${1:-} in
'')	;;
--keep)	keep=yes ;;
*)	sed -n '3,10s/^# \{0,1\}//p' "$0" >&2; exit 64 ;;
esac

# The processes of sshd that serve sessions: its children, and theirs, for
# OpenSSH 10 has a monitor beside each.
sessions() {
	local stat rest parent child
	for stat in /proc/[0-9]*/stat; do
		rest=$(cat "$stat" 2>/dev/null) || continue
		read -r _ parent _ <<<"${rest##*) }"
		[ "$parent" = "$1" ] || continue
		child=$(basename "${stat%/stat}")
		echo "$child"
		sessions "$child"
	done
}

status() {
	"$ORTHRUS" status --control "$dir/control.sock" "$@"
}

# field NAME: one value out of "orthrus status --json".
field() {
	status --json | /usr/bin/python3 -c '
import json, sys
print(json.load(sys.stdin)[sys.argv[1]])' "$1"
}

came_back() {
	[ "$(field reconnects)" -gt "$1" ] && [ "$(field state)" = connected ]
}

use_program
use_folder
page="Hello from behind the tunnel"
echo "$page" >"$dir/www/index.html"
read -r ssh_port web_port socks_port l_port r_port < <(free_ports 5)

step "Starting a web server and a throw-away sshd, with keys of their own"
start web /usr/bin/python3 -m http.server --bind 127.0.0.1 \
    --directory "$dir/www" "$web_port"
ssh-keygen -q -t ed25519 -N '' -C demo-host -f "$dir/host"
"$ORTHRUS" keygen -o "$dir/id_ed25519" >"$dir/authorized_keys" \
    2>"$dir/keygen.log" || die "no key"
cat >"$dir/sshd_config" <<END
ListenAddress 127.0.0.1:$ssh_port
HostKey $dir/host
AuthorizedKeysFile $dir/authorized_keys
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
StrictModes no
UsePAM no
PidFile none
AllowTcpForwarding yes
AllowStreamLocalForwarding yes
StreamLocalBindUnlink yes
END
[ "$(id -u)" -ne 0 ] || mkdir -p /run/sshd
start sshd "$(command -v sshd)" -D -e -f "$dir/sshd_config"
sshd=${pids[-1]}
within 10 curl -sS "http://127.0.0.1:$web_port/" || die "no web server"
within 10 bash -c "exec 3<>/dev/tcp/127.0.0.1/$ssh_port" || die "no sshd"
fingerprint=$(ssh-keygen -l -f "$dir/host.pub")
fingerprint=${fingerprint#* }
fingerprint=${fingerprint%% *}
echo "  http://127.0.0.1:$web_port/ and sshd on port $ssh_port, $fingerprint"

step "Starting orthrus connect"
connect=(connect --name demo
    --server "ssh://$(id -un)@127.0.0.1:$ssh_port"
    --identity "$dir/id_ed25519" --host-key "$fingerprint"
    --control "$dir/control.sock" --socks5 "127.0.0.1:$socks_port"
    -L "$l_port:127.0.0.1:$web_port"
    -L "$dir/local.sock:127.0.0.1:$web_port"
    -R "$r_port:127.0.0.1:$web_port"
    -R "$dir/remote.sock:127.0.0.1:$web_port")
use_engine
[ "$docker" = no ] || connect+=("--docker=$docker")
typed orthrus "${connect[@]}"
start orthrus "$ORTHRUS" "${connect[@]}"
orthrus=${pids[-1]}
within 20 status --wait 1s || die "not connected within 20 s"

all_ways() {
	fetch "SOCKS5, by number" \
	    --socks5-hostname "127.0.0.1:$socks_port" \
	    "http://127.0.0.1:$web_port/"
	# A minimal system may know no name at all, not even this one.
	if getent hosts localhost >/dev/null; then
		fetch "SOCKS5, name resolved by the server" \
		    --socks5-hostname "127.0.0.1:$socks_port" \
		    "http://localhost:$web_port/"
	else
		echo "  SOCKS5 by name: this machine resolves no name"
	fi
	fetch "-L, from port $l_port" "http://127.0.0.1:$l_port/"
	fetch "-L, from a Unix socket" --unix-socket "$dir/local.sock" \
	    http://demo/
	fetch "-R, the server's port $r_port" "http://127.0.0.1:$r_port/"
	fetch "-R, the server's Unix socket" \
	    --unix-socket "$dir/remote.sock" http://demo/
}

step "Fetching a page through it"
all_ways

step "Looking at a Docker engine through it"
if [ "$docker" = no ]; then
	echo "  no Docker engine runs here, nor can be started"
else
	docker_host=$(status --json | /usr/bin/python3 -c '
import json, sys
print(json.load(sys.stdin)["docker"]["docker_host"])')
	look_at_engine "$docker_host"
fi

step "Killing the session: the server's process for it"
before=$(field reconnects)
victims=$(sessions "$sshd")
[ -n "$victims" ] || die "sshd has no session"
# shellcheck disable=SC2086 # a list of numbers, twice
{ typed kill -KILL $victims; kill -KILL $victims; }
since=$(date +%s%N)
within 20 came_back "$before" || die "it did not come back"
within 10 status --wait 1s || die "its forwards did not come back"
echo "  back after $((($(date +%s%N) - since) / 1000000)) ms"

step "Fetching the page again"
all_ways

step "What orthrus says of itself"
typed orthrus status --control "$dir/control.sock"
status | sed 's/^/  /'

step "To try by hand"
typed orthrus connect --server you@host:22 --accept-new -L 8080:localhost:80
typed curl --socks5-hostname 127.0.0.1:1080 \
    http://a-name-only-the-server-knows/
typed git -c http.proxy=socks5h://127.0.0.1:1080 clone \
    https://host/project.git
typed orthrus status --json
if [ $keep = yes ]; then
	echo "  or, on the tunnel that is up until you press Ctrl-C:"
	typed curl --socks5-hostname "127.0.0.1:$socks_port" \
	    "http://localhost:$web_port/"
	typed curl "http://127.0.0.1:$l_port/"
	typed curl --unix-socket "$dir/local.sock" http://demo/
	typed "$ORTHRUS" status --control "$dir/control.sock"
	wait "$orthrus" || :
	exit 0
fi

step "Stopping"
typed "kill -TERM $orthrus"
kill -TERM "$orthrus"
code=0
wait "$orthrus" || code=$?
[ $code -eq 0 ] || die "orthrus ended with $code after SIGTERM"
unset 'pids[-1]'
echo "  orthrus ended with 0, and all that was started is gone: it worked"
