#!/bin/bash
# SPDX-License-Identifier: ISC
# Shows the main job on this machine alone: builds orthrus and charon, starts
# the gateway, registers an agent, has it enrol and connect with nothing but
# four environment variables, and reaches its Docker engine and its web page
# through the gateway.  Leaves nothing behind but build/demo.
#
#   demo.sh		runs to its end
#   demo.sh --keep	leaves all of it up until Ctrl-C, to try it by hand
#
# ORTHRUS=PROGRAM uses that one, and the charon beside it, and builds nothing.
# demo-sshd.sh shows orthrus with a plain OpenSSH server instead.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=contrib/demo-lib.sh
. "$root/contrib/demo-lib.sh"
keep=no
case ${1:-} in
'')	;;
--keep)	keep=yes ;;
*)	sed -n '3,12s/^# \{0,1\}//p' "$0" >&2; exit 64 ;;
esac

charon() {
	"$CHARON" "$@"
}

# agent_is STATUS: as the gateway sees it.
agent_is() {
	charon agent list | grep -q "^vps-london-01  *$1 "
}

use_program
CHARON=${ORTHRUS%/*}/charon
[ -x "$CHARON" ] || {
	echo "demo.sh: no $CHARON: this build has none (it needs the static" \
	    "libssh); demo-sshd.sh runs without" >&2
	exit 1
}
use_folder
mkdir -m 700 "$dir/charon" "$dir/gate" "$dir/client"
page="Hello from behind the gateway"
echo "$page" >"$dir/www/index.html"
read -r ssh_port web_port socks_port < <(free_ports 3)

step "Starting the gateway, charon"
cat >"$dir/charon.ini" <<END
[ssh]
listen = 127.0.0.1:$ssh_port
[state]
directory = $dir/charon
runtime = $dir/gate
END
chmod 600 "$dir/charon.ini"
export CHARON_CONFIG=$dir/charon.ini
typed charon serve
start charon "$CHARON" serve
gateway=${pids[-1]}
within 10 bash -c "exec 3<>/dev/tcp/127.0.0.1/$ssh_port" || die "no charon"

step "Registering an agent"
typed charon agent add vps-london-01
key=$(charon agent add vps-london-01 2>"$dir/add.log") || die "no AUTH_KEY"
echo "  ${key:0:20}... (its AUTH_KEY, shown once)"
says charon agent list

step "Starting the agent, with four environment variables"
start web /usr/bin/python3 -m http.server --bind 127.0.0.1 \
    --directory "$dir/www" "$web_port"
use_engine
mode=port
[ "$docker" = no ] || mode=socket,port
# What this machine has elsewhere than others is in its ini file.
mkdir -p "$dir/config/orthrus"
{
	printf '[expose web]\nto = 127.0.0.1:%s\n' "$web_port"
	printf '[socks5]\nlisten = off\n'
	[ "$docker" = no ] || printf '[docker]\nsocket = %s\n' "$docker"
} >"$dir/config/orthrus/orthrus.ini"
chmod 600 "$dir/config/orthrus/orthrus.ini"
agent=(ORTHRUS_NAME=vps-london-01 "CHARON_LINK=127.0.0.1:$ssh_port"
    "AUTH_KEY=$key" "ORTHRUS_MODE=$mode")
typed cat orthrus.ini
sed 's/^/  /' "$dir/config/orthrus/orthrus.ini"
typed "${agent[0]} ${agent[1]} AUTH_KEY=${key:0:14}... ${agent[3]}" \
    "orthrus connect"
started=$(date +%s%N)
start agent env "XDG_CONFIG_HOME=$dir/config" "${agent[@]}" "$ORTHRUS" connect
agent_pid=${pids[-1]}
within 20 agent_is online || die "the agent did not come online"
echo "  online after $((($(date +%s%N) - started) / 1000000)) ms, enrolment included"
says charon agent list
says charon agent show vps-london-01

socket=$dir/gate/agents/vps-london-01/docker.sock
step "Looking at its Docker engine, through the agent's endpoint"
if [ "$docker" = no ]; then
	echo "  no Docker engine runs here, nor can be started"
else
	look_at_engine "unix://$socket"
fi

step "A client: its own orthrus, which may see that agent and nothing else"
typed "charon client add joe --allow 'vps-london-01:*'"
client_key=$(charon client add joe --allow 'vps-london-01:*' \
    2>>"$dir/add.log") || die "no client"
echo "  ${client_key:0:20}... (his AUTH_KEY)"
typed "AUTH_KEY=${client_key:0:14}... orthrus connect --name joe" \
    "--server 127.0.0.1:$ssh_port --socks5 127.0.0.1:$socks_port"
start client env STATE_DIRECTORY="$dir/client" RUNTIME_DIRECTORY="$dir/client" \
    "AUTH_KEY=$client_key" "$ORTHRUS" connect --name joe \
    --server "127.0.0.1:$ssh_port" --socks5 "127.0.0.1:$socks_port" \
    --control "$dir/client/control.sock"
within 20 "$ORTHRUS" status --wait 1s --control "$dir/client/control.sock" ||
    die "the client did not connect"
url=http://vps-london-01.orthrus:$web_port/
fetch "the agent's web page, by its name" -x "socks5h://127.0.0.1:$socks_port" \
    "$url"
fetch "the same, by its socket here" \
    --unix-socket "$dir/gate/agents/vps-london-01/$web_port.sock" http://x/

# Root's own ~/.ssh is left alone: docker finds this ssh first.
ann_has_ssh() {
	ssh-keygen -q -t ed25519 -N '' -f "$dir/ann" &&
	    mkdir -p "$dir/bin" && cat >"$dir/bin/ssh" <<-END || return
	#!/bin/sh
	exec $(command -v ssh) -i "$dir/ann" -o IdentitiesOnly=yes \
	    -o UserKnownHostsFile="$dir/known_hosts" \
	    -o StrictHostKeyChecking=accept-new -o LogLevel=ERROR "\$@"
	END
	chmod 755 "$dir/bin/ssh"
}

if [ "$docker" != no ] && command -v ssh >/dev/null; then
	step "Another client: Ann, who has docker and ssh, and nothing of ours"
	ann_has_ssh || die "no key for Ann"
	typed "charon client add ann --key ann.pub --allow vps-london-01:docker"
	charon client add ann --key "$dir/ann.pub" \
	    --allow vps-london-01:docker || die "no client"
	typed "docker -H ssh://ann@127.0.0.1:$ssh_port ps"
	PATH=$dir/bin:$PATH timeout 20 docker -H "ssh://ann@127.0.0.1:$ssh_port" \
	    ps 2>&1 | sed 's/^/  /'
	[ "${PIPESTATUS[0]}" -eq 0 ] || die "docker did not work over ssh"
fi

if [ $keep = yes ]; then
	step "All of it is up until you press Ctrl-C; try"
	typed "export CHARON_CONFIG=$CHARON_CONFIG"
	typed "$CHARON agent show vps-london-01"
	typed "curl -x socks5h://127.0.0.1:$socks_port $url"
	typed "DOCKER_HOST=unix://$socket docker ps"
	wait "$gateway" || :
	exit 0
fi

step "Stopping the agent"
typed "kill -TERM $agent_pid"
kill -TERM "$agent_pid"
code=0
wait "$agent_pid" || code=$?
[ $code -eq 0 ] || die "the agent ended with $code after SIGTERM"
within 15 agent_is offline || die "the gateway did not notice"
says charon agent list
typed "curl --unix-socket $socket http://docker/containers/json"
answer=$(curl -sS --max-time 5 -w ' %{http_code}' --unix-socket "$socket" \
    http://docker/containers/json) || die "no answer from the socket"
echo "  $answer"
[ "${answer##* }" = 502 ] || die "not a 502"

step "Stopping the gateway"
typed "kill -TERM $gateway"
kill -TERM "$gateway"
code=0
wait "$gateway" || code=$?
[ $code -eq 0 ] || die "charon ended with $code after SIGTERM"
echo "  charon ended with 0, and all that was started is gone: it worked"
