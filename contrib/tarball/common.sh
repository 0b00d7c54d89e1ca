# SPDX-License-Identifier: ISC
# What install.sh and uninstall.sh share: options, the list of what was
# installed, services.  Works with any POSIX shell, busybox's too.
# shellcheck shell=sh disable=SC2034 # what they use, they name

# The head of the script itself.
usage() {
	awk 'NR > 2 { if (!sub(/^# ?/, "")) exit; print }' "$0"
}

die() {
	status=$1
	shift
	echo "${0##*/}: $*" >&2
	exit "$status"
}

# --- options ---------------------------------------------------------

read_options() {
	prefix=/usr/local yes='' dry_run='' purge=''
	while [ $# -gt 0 ]; do
		case $1 in
		-h|--help)	usage; exit 0 ;;
		-y|--yes)	yes=1 ;;
		-n|--dry-run)	dry_run=1 ;;
		--purge)	purge=1 ;;
		--prefix=*)	prefix=${1#*=} ;;
		--prefix)
			[ $# -gt 1 ] || die 64 "--prefix needs a folder"
			prefix=$2
			shift ;;
		*)	die 64 "there is no option '$1'; --help tells what" \
			    "there is" ;;
		esac
		shift
	done
	[ -z "$purge" ] || [ "${0##*/}" != install.sh ] ||
	    die 64 "--purge is an option of uninstall.sh"
}

# Units and scripts name the prefix: no more than they can say.
check_prefix() {
	prefix=$(printf '%s\n' "$prefix" | sed 's|//*|/|g; s|\(.\)/$|\1|')
	case $prefix/ in
	//|[!/]*|*/./*|*/../*|*[!A-Za-z0-9_./+@-]*)
		die 64 "--prefix '$prefix': has to be the whole path of a" \
		    "folder, such as /opt/orthrus, of letters, digits and" \
		    "any of _ . + @ -" ;;
	esac
	root=${DESTDIR:-}
	while [ "${root%/}" != "$root" ]; do
		root=${root%/}
	done
	case $root in
	''|/*)	;;
	*)	die 64 "DESTDIR '$root': has to be the whole path of a folder" ;;
	esac
	manifest=$prefix/share/orthrus/manifest
}

# Asks, unless it was told to go on.
agree() {
	[ -z "$dry_run" ] || exit 0
	[ -z "$yes" ] || return 0
	[ -t 0 ] || die 64 "there is no terminal to ask at: --yes goes on" \
	    "without, --dry-run only shows"
	printf 'Go on? [y/N] '
	read -r answer || answer=
	case $answer in
	[yY]|[yY][eE][sS])	;;
	*)	die 1 "nothing was done" ;;
	esac
}

# A folder for lists, which goes at the end.
make_work() {
	work=$(mktemp -d "${TMPDIR:-/tmp}/orthrus-install.XXXXXX") ||
	    die 73 "there is no place for temporary files"
	trap 'rm -rf "$work"' EXIT
	trap 'exit 130' HUP INT TERM
}

# --- what was installed ----------------------------------------------

hash_of() {
	sha256sum <"$1" | cut -d ' ' -f 1
}

# listed KIND: what the list of installed things in $work/old says of a kind:
# "file CHECKSUM PATH", "dir PATH", "user NAME".  Who may write to the prefix
# could list what install.sh puts nowhere: that is left alone.
listed() {
	awk -v kind="$1" -v prefix="$prefix/" -v units="$(unit_folder)/" '
	function is_possible(name) {
		if (kind == "user")
			return name ~ /^(orthrus|charon)$/
		return kind != "file" || name !~ /\/\.\.\// &&
		    (index(name, prefix) == 1 || index(name, units) == 1 ||
		    index(name, "/etc/init.d/") == 1)
	}
	$1 == kind && is_possible($NF) { print $NF }' "$work/old"
}

# is_ours FILE: it was installed, and is as it was then.
is_ours() {
	[ -f "$root$1" ] && [ ! -L "$root$1" ] &&
	    grep -qxF "file $(hash_of "$root$1") $1" "$work/old"
}

# --- services and users ----------------------------------------------

# systemd looks for units below /usr, /usr/local and /etc only.
unit_folder() {
	case $prefix in
	/usr)	echo /usr/lib/systemd/system ;;
	*)	echo /usr/local/lib/systemd/system ;;
	esac
}

has_systemd() {
	[ -d "$root/run/systemd/system" ] ||
	    [ -x "$root/usr/lib/systemd/systemd" ] ||
	    [ -x "$root/lib/systemd/systemd" ]
}

has_openrc() {
	[ -x "$root/sbin/openrc-run" ] || [ -x "$root/usr/bin/openrc-run" ]
}

# Those of this machine, and not of one that is put together in DESTDIR.
runs_systemd() {
	[ -z "$root" ] && [ -d /run/systemd/system ]
}

runs_openrc() {
	[ -z "$root" ] && has_openrc && [ -d /run/openrc ]
}

# runs_ours NAME: whether systemd's service of that name is of this prefix.
runs_ours() {
	systemctl show -p ExecStart "$1.service" 2>/dev/null |
	    grep -qF "path=$prefix/bin/$1 "
}

remove_user() {
	if command -v userdel >/dev/null; then
		userdel "$1"
	else
		deluser "$1"
	fi
	! grep -q "^$1:" /etc/group || groupdel "$1" 2>/dev/null ||
	    delgroup "$1" 2>/dev/null || :
}

knows_user() {
	id -u "$1" >/dev/null 2>&1
}
