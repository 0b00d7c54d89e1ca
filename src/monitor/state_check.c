/* SPDX-License-Identifier: ISC */
/* Whose the state directory is, and what is in it. */
#include "config.h"

#include "state_check.h"

#include <sys/stat.h>

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "orthrus/base/file.h"
#include "orthrus/base/mem.h"
#include "orthrus/base/privileges.h"
#include "orthrus/monitor/state.h"

const char *const state_files[] = {
	"charon.lock", "registry.db", "registry.db-wal", "registry.db-shm",
	"ca_ed25519", "ssh_host_ed25519_key", "http.token",
	/* These are replaced, or read by all, whoever has them. */
	"ca_ed25519.pub", "ca_previous.pub", "ssh_host_ed25519_key.pub",
	"revoked_keys", NULL
};

/* So many of them, from the first, are of no use to anybody but their owner. */
#define NPRIVATE 7

int
state_refuse(const char *path, int err, struct error *e)
{
	char owner[FILE_OWNER_MAX];

	if (err == EACCES)
		return error_set(e, EX_NOPERM, "the state directory %s cannot "
		    "be used: %s; run this as root, with sudo, or as user %s",
		    path, strerror(err), file_owner(path, owner));
	return error_set(e, EX_CONFIG, "the state directory %s cannot be "
	    "used: %s", path, strerror(err));
}

/* Who may write here may put keys and a registry of their own in place. */
int
state_check_directory(const char *path, struct error *e)
{
	char owner[FILE_OWNER_MAX];
	struct stat st;

	if (stat(path, &st) == -1)
		return state_refuse(path, errno, e);
	if (!S_ISDIR(st.st_mode))
		return error_set(e, EX_CONFIG, "%s is no directory; [state] "
		    "directory of charon.ini names another", path);
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return error_set(e, EX_CONFIG, "others may write to the state "
		    "directory %s (mode %04o); run \"chmod go-w %s\"", path,
		    (unsigned)st.st_mode & 07777, path);
	if (st.st_uid != geteuid() && geteuid() != 0)
		return error_set(e, EX_NOPERM, "the state directory %s belongs "
		    "to user %s; run this as root, with sudo, or as that user",
		    path, file_owner(path, owner));
	return 0;
}

/* Who "charon serve" would be, and whether it may give things away first. */
struct heir {
	const char *name;
	uid_t uid;
	bool root;
};

static int
check_file(const char *directory, const char *name, const struct heir *h,
    struct error *e)
{
	char *path = xasprintf("%s/%s", directory, name);
	char owner[FILE_OWNER_MAX];
	struct stat st;
	int r = 0;

	/* A link leads where its owner decides. */
	if (lstat(path, &st) == 0 && !S_ISLNK(st.st_mode) &&
	    st.st_uid != h->uid && !(h->root && privileges_may_give(&st)))
		r = error_set(e, EX_NOPERM, "%s belongs to user %s, but charon "
		    "runs as user %s; run \"chown %s: %s\"", path,
		    file_owner(path, owner), h->name, h->name, path);
	free(path);
	return r;
}

static int
check_files(const char *directory, const struct heir *h, struct error *e)
{
	size_t i;

	for (i = 0; i < NPRIVATE; i++)
		if (check_file(directory, state_files[i], h, e) == -1)
			return -1;
	return 0;
}

int
state_check(const struct gateway_config *c, struct error *e)
{
	const uid_t self = geteuid();
	const struct passwd *pw = self == 0 ? getpwnam(c->user) :
	    getpwuid(self);
	struct heir h = { .root = self == 0 };
	char owner[FILE_OWNER_MAX];
	struct stat st;

	/* What is missing is made; another's may not be ours to judge. */
	if (stat(c->state, &st) == -1 || (self != 0 && st.st_uid != self))
		return 0;
	if (state_check_directory(c->state, e) == -1)
		return -1;
	if (pw == NULL || pw->pw_uid == 0)	/* root may use all of it */
		return 0;
	h.name = pw->pw_name;
	h.uid = pw->pw_uid;
	if (st.st_uid != h.uid && st.st_uid != 0)
		return error_set(e, EX_NOPERM, "the state directory %s belongs "
		    "to user %s, but charon runs as user %s; run \"chown -R "
		    "%s: %s\"", c->state, file_owner(c->state, owner), h.name,
		    h.name, c->state);
	return check_files(c->state, &h, e);
}
