#!/bin/sh
# SPDX-License-Identifier: ISC
# Gives each node of a cluster an agent's AUTH_KEY of its own, in the Secret that
# agent-daemonset reads.  A node that is registered at the gateway is left alone.
#
#   node-keys.sh [--namespace NAME] [--again NODE]... COMMAND...
#	COMMAND: runs charon with what is put behind it, such as
#		ssh root@gw.example.com charon
#		kubectl -n gateway exec charon-0 -- /usr/local/bin/charon
#	--again: a new key for a node that has lost its identity, as one that was
#	made anew under its old name; the old key and identity end with that
#
# An agent is called as its node is up to the first dot.  The keys are on no
# command line and in no file here.  When all are online the Secret may go.
set -eu

usage() {
	sed -n '3,15s/^# \{0,1\}//p' "$0"
}

secret=orthrus-node-keys
namespace='' again=' '
while [ $# -gt 0 ]; do
	case $1 in
	-h|--help)	usage; exit 0 ;;
	--namespace|--again)
		[ $# -gt 1 ] || { usage >&2; exit 64; }
		if [ "$1" = --again ]; then
			again="$again$2 "
		else
			namespace=$2
		fi
		shift 2 ;;
	--)	shift; break ;;
	-*)	usage >&2; exit 64 ;;
	*)	break ;;
	esac
done
[ $# -gt 0 ] || { usage >&2; exit 64; }

kube() {
	kubectl ${namespace:+--namespace "$namespace"} "$@"
}

# put NODE KEY: printf is the shell's own, so that nobody sees its words.
put() {
	printf '{"stringData": {"%s": "%s"}}\n' "$1" "$2" |
	    kube patch secret $secret --type merge --patch-file /dev/stdin \
	    >/dev/null
}

# The words of the gateway's refusal go to who runs this.
give() {
	node=$1 name=${1%%.*} what=add
	shift
	case $again in
	*" $node "*)	what=rekey ;;
	esac
	status=0
	key=$("$@" agent $what "$name" </dev/null 2>"$said") || status=$?
	case $status in
	0)	put "$node" "$key" || {
			echo "node-keys.sh: the key of $node is lost; make" \
			    "another one with --again $node" >&2
			exit 69
		}
		echo "$node: has a key for the agent $name" ;;
	65)	echo "$node: left alone, the name $name is taken" ;;
	*)	cat "$said" >&2
		echo "node-keys.sh: no key for $node" >&2
		exit "$status" ;;
	esac
}

nodes=$(kubectl get nodes -o name)
for node in $again; do
	case "
$nodes
" in
	*"
node/$node
"*)	;;
	*)	echo "node-keys.sh: there is no node $node" >&2; exit 64 ;;
	esac
done
said=$(mktemp)
trap 'rm -f "$said"' EXIT
kube get secret $secret >/dev/null 2>&1 ||
    kube create secret generic $secret >/dev/null
for node in $nodes; do
	give "${node#node/}" "$@"
done
