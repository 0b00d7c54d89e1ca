#!/bin/sh
# SPDX-License-Identifier: ISC
# Installs orthrus and charon from the folder that this file is in.
#
#   install.sh [--yes] [--dry-run] [--prefix DIR]
#	--yes: does it without asking
#	--dry-run: shows what it would do, and ends
#	--prefix: where to (default: /usr/local)
#
# As root it installs services as well, for systemd or OpenRC, and the user that
# the gateway runs as; nothing is enabled or started.  Over an older version it
# restarts what runs.  Other users can install the programs alone, into a folder
# of theirs.  With DESTDIR in the environment all of it goes below that, and
# nothing of this machine changes.  uninstall.sh takes it away again.
#
# Exit status: 0 it is installed, 1 it was not wanted, 64 wrong usage, 65 this
# folder is not whole, 69 for another kind of machine, 73 it cannot be written,
# or what is there is not ours, 77 it needs root.
set -eu
umask 022

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
version=@VERSION@ arch=@ARCH@

[ -r "$here/common.sh" ] || {
	echo "install.sh: $here/common.sh is missing: unpack it again" >&2
	exit 65
}
# shellcheck source=contrib/tarball/common.sh
. "$here/common.sh"

# --- before anything changes -----------------------------------------

check_sums() {
	command -v sha256sum >/dev/null || die 69 "sha256sum is missing"
	[ -r "$here/SHA256SUMS" ] ||
	    die 65 "$here/SHA256SUMS is missing: unpack it again"
	bad=$(cd "$here" && sha256sum -c SHA256SUMS 2>/dev/null |
	    sed -n 's/: FAILED.*//p' | head -n 1)
	[ -z "$bad" ] || die 65 "$here/$bad is not what SHA256SUMS says:" \
	    "download and unpack it again"
	(cd "$here" && sha256sum -c SHA256SUMS >/dev/null 2>&1 &&
	    grep -q '  bin/orthrus$' SHA256SUMS &&
	    grep -q '  uninstall.sh$' SHA256SUMS) ||
	    die 65 "$here is not what its SHA256SUMS says: download and" \
	    "unpack it again"
}

# What the kernel calls the machine tells nothing of a processor that can run
# more, nor of an emulator: then the program is asked.
check_arch() {
	[ -z "$root" ] || return 0
	machine=$(uname -m)
	case $arch:$machine in
	amd64:x86_64|arm64:aarch64|armhf:armv[78]*)	return 0 ;;
	esac
	"$here/bin/orthrus" --version >/dev/null 2>&1 ||
	    die 69 "this is for $arch, and the machine is $machine: take" \
	    "another orthrus-$version-linux-*.tar.gz"
}

# The nearest folder that there is.
nearest() {
	near=$1
	while [ ! -e "$near" ]; do
		near=$(dirname "$near")
	done
	echo "$near"
}

# Services are root's.  One in a home would never start: they see none.
check_rights() {
	services=1
	case $prefix/ in
	/home/*|/root/*|/tmp/*|/var/tmp/*)	services= ;;
	esac
	[ -z "$root" ] || return 0
	[ "$(id -u)" -ne 0 ] || return 0
	services=
	[ -n "$dry_run" ] || [ -w "$(nearest "$prefix")" ] ||
	    die 77 "$prefix is root's: run it as root (sudo sh install.sh)," \
	    "or with --prefix \"\$HOME/.local\" for the programs alone"
}

# Two installations would share the names of their services.
check_others() {
	[ -n "$services" ] && [ -z "$root" ] || return 0
	for other in /usr/bin /usr/local/bin; do
		[ "$other" != "$prefix/bin" ] || continue
		for name in orthrus charon; do
			[ ! -e "$other/$name" ] ||
			    die 73 "$other/$name is there, of another" \
			    "installation: remove that first (apt remove" \
			    "$name, dnf remove $name, or its uninstall.sh)"
		done
	done
}

# --- what goes where -------------------------------------------------

# With the prefix in it.
adapted() {
	sed -e "s|/usr/local/bin/|$prefix/bin/|g" \
	    -e "s|/usr/local/share/|$prefix/share/|g" "$here/$1" \
	    >"$work/adapted.$2"
	echo "$work/adapted.$2"
}

# target NAME: adds a line "MODE SOURCE TARGET" for a file of this folder.
target() {
	base=${1##*/}
	case $1 in
	bin/*)	echo "755 $1 $prefix/$1" ;;
	share/*)	echo "644 $1 $prefix/$1" ;;
	uninstall.sh)	echo "755 $1 $prefix/share/orthrus/$1" ;;
	common.sh)	echo "644 $1 $prefix/share/orthrus/$1" ;;
	systemd/*)	[ -z "$units" ] || echo "644 $1 $(unit_folder)/$base" ;;
	openrc/*)	[ -z "$scripts" ] || echo "755 $1 /etc/init.d/$base" ;;
	esac
}

make_plan() {
	units='' scripts=''
	if [ -n "$services" ]; then
		! has_systemd || units=1
		! has_openrc || scripts=1
	fi
	# A folder that has neither yet may become a system with either.
	[ -z "$root" ] || [ -n "$units$scripts" ] || units=1 scripts=1
	while read -r _ name; do
		target "$name"
	done <"$here/SHA256SUMS" >"$work/names"
	: >"$work/plan"
	while read -r mode name path; do
		case $name in
		systemd/*|openrc/*|*/README)
			source=$(adapted "$name" "$(echo "$name" | tr / .)") ;;
		*)	source=$here/$name ;;
		esac
		echo "$mode $path $source" >>"$work/plan"
	done <"$work/names"
}

# compare MODE TARGET SOURCE: what becomes of one that may be there already.
compare() {
	if [ ! -e "$root$2" ] && [ ! -L "$root$2" ]; then
		echo new
	elif [ ! -f "$root$2" ] || [ -L "$root$2" ]; then
		echo foreign
	elif cmp -s "$3" "$root$2"; then
		echo same
	elif is_ours "$2"; then
		echo replace
	elif listed file | grep -qxF "$2"; then
		echo changed
	else
		echo foreign
	fi
}

# Fills $work/{steps,same,gone}; what is not ours stays as it is, and ends it.
compare_all() {
	: >"$work/steps"
	: >"$work/same"
	while read -r mode path source; do
		what=$(compare "$mode" "$path" "$source")
		case $what in
		foreign) die 73 "$root$path is there, and not of this" \
			    "installer: move it away, or take another --prefix" ;;
		same)	echo "$path" >>"$work/same" ;;
		*)	echo "$what $mode $path $source" >>"$work/steps" ;;
		esac
	done <"$work/plan"
	listed file | while read -r path; do
		grep -q "^[0-9]* $path " "$work/plan" || ! is_ours "$path" ||
		    echo "$path"
	done >"$work/gone"
}

# Who is missing: the gateway's user; OpenRC makes none for the agent.
missing_users() {
	[ -z "$root" ] || return 0
	[ -z "$units$scripts" ] || knows_user charon || echo charon
	[ -z "$scripts" ] || knows_user orthrus || echo orthrus
}

# saved_name FILE: where one that was changed goes, beside what was saved before.
saved_name() {
	n=
	while [ -e "$root$1.saved$n" ] || [ -L "$root$1.saved$n" ]; do
		n=$((n + 1))
	done
	echo "$1.saved$n"
}

show_plan() {
	echo "orthrus $version for linux-$arch, to $root$prefix:"
	while read -r what mode path source; do
		case $what in
		changed) echo "  replace  $root$path (yours becomes" \
			    "$(saved_name "$path"))" ;;
		new)	echo "  new      $root$path" ;;
		*)	echo "  replace  $root$path" ;;
		esac
	done <"$work/steps"
	while read -r path; do
		echo "  remove   $root$path"
	done <"$work/gone"
	for user in $(missing_users); do
		echo "  make the user $user"
	done
	[ ! -s "$work/same" ] ||
	    echo "  $(wc -l <"$work/same") files are there already"
	! restarts || echo "  restart orthrus and charon where they run"
}

restarts() {
	[ -s "$work/old" ] && [ -n "$units$scripts" ] &&
	    [ -s "$work/steps" ] && { runs_systemd || runs_openrc; }
}

# --- the deed --------------------------------------------------------

# What is put beside a file before it takes its place.
new=.orthrus-new

# Undoes what was begun; nothing that was there is changed yet.
give_up() {
	while read -r path; do
		rm -f "$root$path$new"
	done <"$work/staged"
	while read -r user; do
		remove_user "$user" || :
	done <"$work/users"
	undo_dirs
	die 73 "$*; nothing was changed"
}

undo_dirs() {
	sort -r "$work/dirs" | while read -r path; do
		rmdir "$root$path" 2>/dev/null || :
	done
}

# make_dir PATH: and those above it; each that is made is listed.
make_dir() {
	[ ! -d "$root$1/" ] || return 0
	if [ "$1" = / ]; then
		error=$(mkdir -p "$root/" 2>&1) || give_up "${error##*: }: $root"
		return 0
	fi
	make_dir "$(dirname "$1")"
	error=$(mkdir "$root$1" 2>&1) ||
	    give_up "cannot make $root$1: ${error##*: }"
	echo "$1" >>"$work/dirs"
}

# stage MODE TARGET SOURCE: all that may fail, beside what is there.
stage() {
	make_dir "$(dirname "$2")"
	echo "$2" >>"$work/staged"
	error=$({ rm -f "$root$2$new" && cp "$3" "$root$2$new" &&
	    chmod "$1" "$root$2$new"; } 2>&1) ||
	    give_up "cannot write $root$2: ${error##*: }"
}

make_user() {
	shell=/bin/false
	for file in /sbin/nologin /usr/sbin/nologin; do
		[ ! -x $file ] || shell=$file
	done
	if command -v useradd >/dev/null; then
		useradd --system --user-group --home-dir "/var/lib/$1" \
		    --shell "$shell" "$1"
	elif command -v adduser >/dev/null; then
		addgroup -S "$1" && adduser -S -D -H -h "/var/lib/$1" \
		    -s "$shell" -G "$1" "$1"
	else
		echo "neither useradd nor adduser"
		return 1
	fi
}

make_users() {
	for user in $(missing_users); do
		error=$(make_user "$user" 2>&1) ||
		    give_up "cannot make the user $user: $error"
		echo "$user" >>"$work/users"
	done
}

# The list for the next install.sh or uninstall.sh.
make_manifest() {
	echo "# What install.sh has put here; uninstall.sh takes it away."
	echo "version $version"
	while read -r mode path source; do
		echo "file $(hash_of "$source") $path"
	done <"$work/plan"
	{ listed dir; cat "$work/dirs"; } | sort -u | sed 's/^/dir /'
	{ listed user; cat "$work/users"; } | sort -u | sed 's/^/user /'
}

# Where the configuration and the gateway's state go, as the packages have it.
make_state() {
	[ -n "$services" ] || return 0
	make_dir /etc/orthrus
	make_dir /etc/charon
	[ -n "$units$scripts" ] && [ -z "$root" ] || return 0
	[ ! -e /var/lib/charon ] || return 0
	make_dir /var/lib/charon
	error=$({ chmod 700 /var/lib/charon &&
	    chown charon:charon /var/lib/charon; } 2>&1) ||
	    give_up "cannot make /var/lib/charon charon's: ${error##*: }"
}

put() {
	[ "$1" != changed ] ||
	    cp -p "$root$3" "$root$(saved_name "$3")" ||
	    die 73 "$root$3 could not be saved; run it again"
	mv -f "$root$3$new" "$root$3" ||
	    die 73 "$root$3 could not be replaced; run it again"
}

install_all() {
	: >"$work/dirs"
	: >"$work/staged"
	: >"$work/users"
	trap 'give_up "interrupted"' HUP INT TERM
	while read -r what mode path source; do
		stage "$mode" "$path" "$source"
	done <"$work/steps"
	make_dir "$(dirname "$manifest")"
	make_users
	make_state
	make_manifest >"$work/manifest"
	stage 644 "$manifest" "$work/manifest"

	trap '' HUP INT TERM
	put new 644 "$manifest"
	while read -r what mode path source; do
		put "$what" "$mode" "$path"
	done <"$work/steps"
	while read -r path; do
		rm -f "$root$path"
	done <"$work/gone"
}

# --- afterwards ------------------------------------------------------

# An agent is ready when it is connected, which may be never: nobody waits.
restart_all() {
	! runs_systemd || [ -z "$units" ] || systemctl daemon-reload
	restarts || return 0
	if runs_systemd; then
		systemctl try-restart charon.service ||
		    echo "charon is not back: see journalctl -u charon" >&2
		systemctl --no-block try-restart orthrus.service || :
	else
		for name in charon orthrus; do
			rc-service --ifstarted "$name" restart ||
			    echo "$name is not back" >&2
		done
	fi
}

say_next() {
	echo "orthrus $version is installed."
	[ -z "$root" ] && [ ! -s "$work/old" ] || return 0
	case :$PATH: in
	*:"$prefix/bin":*)	;;
	*)	echo "$prefix/bin is not in your PATH." ;;
	esac
	if runs_systemd; then
		echo "An agent:   orthrus install --server HOST --auth-key-file -"
		echo "A gateway:  charon install"
	elif [ -n "$scripts" ]; then
		echo "Then:  see $prefix/share/doc/orthrus/README"
	else
		echo "A service of systemd or OpenRC was not installed; see" \
		    "$prefix/share/doc/orthrus/README"
	fi
}

read_options "$@"
check_prefix
check_sums
check_arch
check_rights
check_others
make_work
cp "$root$manifest" "$work/old" 2>/dev/null || : >"$work/old"
make_plan
compare_all
show_plan
agree
install_all
restart_all
say_next
