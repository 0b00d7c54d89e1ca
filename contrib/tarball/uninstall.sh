#!/bin/sh
# SPDX-License-Identifier: ISC
# Takes away what install.sh has installed.
#
#   uninstall.sh [--yes] [--dry-run] [--prefix DIR] [--purge]
#	--yes: does it without asking
#	--dry-run: shows what it would do, and ends
#	--prefix: where from (default: where this file is installed, else
#	/usr/local)
#	--purge: configuration, keys, identity and registry as well; for a
#	gateway that is the key that every agent trusts
#
# What was changed since stays, and so do configuration and state without
# --purge, with the users whose state it is.  With DESTDIR in the environment it
# is all below that.
#
# Exit status: 0 it is gone, 1 it was not wanted, 64 wrong usage, 66 nothing is
# installed there, 73 something cannot be removed, or --purge would take what is
# of another installation, 77 it needs root.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
# shellcheck source=contrib/tarball/common.sh
. "$here/common.sh"

# --- before anything changes -----------------------------------------

check_installed() {
	[ -e "$root$manifest" ] || [ -n "$purge" ] ||
	    die 66 "install.sh has installed nothing in $root$prefix"
	cp "$root$manifest" "$work/old" 2>/dev/null || : >"$work/old"
}

# Who may write the folder may remove it; services and state are root's.
check_rights() {
	[ -z "$root$dry_run" ] || return 0
	[ "$(id -u)" -ne 0 ] || return 0
	[ -z "$purge" ] || die 77 "--purge needs root"
	[ -w "$(dirname "$manifest")" ] ||
	    die 77 "$prefix is root's: run it as root (sudo sh uninstall.sh)"
}

# Fills $work/{files,kept}.
look_at_files() {
	: >"$work/kept"
	listed file | while read -r path; do
		if is_ours "$path"; then
			echo "$path"
		elif [ -e "$root$path" ]; then
			echo "$path" >>"$work/kept"
		fi
	done >"$work/files"
}

# Configuration and state have the same places for every installation.
check_others() {
	[ -n "$purge" ] || return 0
	for name in orthrus charon; do
		for path in "/usr/bin/$name" "/usr/local/bin/$name" \
		    "/usr/lib/systemd/system/$name.service" \
		    "$(unit_folder)/$name.service" "/etc/init.d/$name"; do
			[ ! -e "$root$path" ] ||
			    listed file | grep -qxF "$path" ||
			    die 73 "$root$path is there, and not of this" \
			    "installation, whose configuration and state" \
			    "--purge would take: remove that first"
		done
	done
}

# What --purge takes besides: no more than the packages' do.
state() {
	for path in /etc/orthrus/orthrus.ini /etc/orthrus/auth_key \
	    /etc/charon/charon.ini /var/lib/orthrus \
	    /var/lib/private/orthrus /var/lib/charon /run/orthrus \
	    /run/charon /var/log/orthrus.log /var/log/charon.log; do
		[ ! -e "$root$path" ] && [ ! -L "$root$path" ] || echo "$path"
	done
}

show_plan() {
	echo "From $root$prefix:"
	while read -r path; do
		echo "  remove  $root$path"
	done <"$work/files"
	while read -r path; do
		echo "  keep    $root$path, which was changed since"
	done <"$work/kept"
	[ -n "$purge" ] || {
		echo "  keep    configuration and state, without --purge"
		return 0
	}
	state | sed "s|^|  remove  $root|"
	[ -n "$root" ] || listed user | sed 's/^/  remove  the user /'
}

# --- services --------------------------------------------------------

stop_systemd() {
	for name in orthrus charon; do
		runs_ours "$name" || continue
		systemctl disable --now "$name.service" 2>/dev/null || :
		systemctl reset-failed "$name.service" 2>/dev/null || :
	done
}

stop_openrc() {
	for name in orthrus charon; do
		listed file | grep -qxF "/etc/init.d/$name" || continue
		rc-service --ifstarted "$name" stop || :
		rc-update -qq --all del "$name" 2>/dev/null || :
	done
}

# What "orthrus install" has written, it takes away itself.
undo_setup() {
	[ -n "$purge" ] && [ -z "$root" ] || return 0
	for name in orthrus charon; do
		[ ! -e "/etc/$name/.installed" ] ||
		    "$prefix/bin/$name" uninstall >/dev/null || :
	done
}

# --- the deed --------------------------------------------------------

remove_files() {
	failed=
	while read -r path; do
		rm -f "$root$path" || failed=$path
	done <"$work/files"
	[ -z "$failed" ] || die 73 "$root$failed cannot be removed"
}

remove_state() {
	[ -n "$purge" ] || return 0
	state | while read -r path; do
		rm -rf "$root$path"
	done
}

# Whose state stays, stays as well.
remove_users() {
	[ -z "$root" ] || return 0
	listed user | while read -r user; do
		[ -e "/var/lib/$user" ] || ! knows_user "$user" ||
		    remove_user "$user" ||
		    echo "the user $user could not be removed" >&2
	done
}

# The deepest first; those that others have files in stay.
remove_dirs() {
	rm -f "$root$manifest"
	{
		listed dir
		[ -z "$purge" ] || printf '/etc/%s\n' orthrus charon
	} | sort -ru | while read -r path; do
		rmdir "$root$path" 2>/dev/null || :
	done
}

read_options "$@"
case $*:$here in
*--prefix*)	;;
*/share/orthrus)	prefix=${here%/share/orthrus} ;;
esac
check_prefix
check_rights
make_work
check_installed
check_others
look_at_files
show_plan
agree
trap '' HUP INT TERM
! runs_systemd || stop_systemd
! runs_openrc || stop_openrc
undo_setup
remove_files
remove_state
remove_dirs
remove_users
! runs_systemd || systemctl daemon-reload
echo "orthrus is uninstalled."
