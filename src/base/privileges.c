/* SPDX-License-Identifier: ISC */
/* See privileges.h. */
#include "orthrus/base/privileges.h"

#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "orthrus/base/file.h"
#include "orthrus/base/mem.h"

#define NDESCRIPTORS 8		/* that nftw(3) may use */

/* STATX_MNT_ID, and where stx_mnt_id is: musl 1.2.5 has names for neither. */
#define MOUNT_ID 0x1000
#define MOUNT_ID_AT 144

static bool dropped;
static uid_t new_uid;		/* nftw(3) has no argument for these */
static gid_t new_gid;
static uint64_t mount_id;	/* of the directory that is given */

/*
 * Device numbers do not tell mounts apart: in one overlay file system, as
 * containers and live systems have it, files have another than directories.
 * 0 where the kernel, before Linux 5.8, does not say.
 */
static uint64_t
mount_of(const char *path)
{
	struct statx x;
	uint64_t id;

	if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, MOUNT_ID, &x) == -1)
		return 0;
	memcpy(&id, (char *)&x + MOUNT_ID_AT, sizeof(id));
	return (x.stx_mask & MOUNT_ID) != 0 ? id : 0;
}

/*
 * A file with a second name may be another's: nobody but root could write in
 * these directories, yet a link is no proof of what it leads to.
 */
bool
privileges_may_give(const struct stat *st)
{
	return st->st_uid == 0 && !(S_ISREG(st->st_mode) && st->st_nlink > 1);
}

/* What is mounted there from elsewhere stays as it is. */
static int
give_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)kind;
	(void)at;
	if (!privileges_may_give(st) || mount_of(path) != mount_id)
		return 0;
	return lchown(path, new_uid, new_gid) == -1 && errno != ENOENT ? -1 : 0;
}

/* The directory itself comes last: until then nobody can change it. */
static int
give_directory(const char *path, struct error *e)
{
	char *below = xasprintf("%s/", path);
	struct stat st;
	int rc = file_make_parents(below, e);

	free(below);
	if (rc == -1)
		return -1;
	if (lstat(path, &st) == -1 || st.st_uid != 0 || !S_ISDIR(st.st_mode))
		return 0;
	mount_id = mount_of(path);
	if (nftw(path, give_one, NDESCRIPTORS, FTW_PHYS | FTW_DEPTH) == 0)
		return 0;
	return error_set(e, EX_OSERR, "cannot give %s to user %u: %s", path,
	    (unsigned)new_uid, strerror(errno));
}

/* By descriptor: the user may put another file there at any time. */
static int
give_file(int dir, const char *name)
{
	int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC), r = 0;
	struct stat st;

	if (fd == -1)
		return errno == ENOENT ? 0 : -1;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    privileges_may_give(&st))
		r = fchownat(fd, "", new_uid, new_gid, AT_EMPTY_PATH);
	close(fd);
	return r;
}

/* Of the user's own directory. */
static int
give_files(const struct privileges_place *p, struct error *e)
{
	int dir = open(p->directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
	    O_CLOEXEC), rc = 0;
	struct stat st;
	size_t i;

	if (dir == -1)
		return 0;
	if (fstat(dir, &st) == 0 && st.st_uid == new_uid)
		for (i = 0; rc == 0 && p->files[i] != NULL; i++)
			if (give_file(dir, p->files[i]) == -1)
				rc = error_set(e, EX_OSERR, "cannot give "
				    "%s/%s to user %u: %s", p->directory,
				    p->files[i], (unsigned)new_uid,
				    strerror(errno));
	close(dir);
	return rc;
}

/* Of root's rights only this one stays, or with 0 none. */
static int
keep_capability(uint32_t mask)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3,
	    0 };
	struct __user_cap_data_struct data[2] = { { mask, mask, 0 },
	    { 0, 0, 0 } };

	return (int)syscall(SYS_capset, &head, data);
}

static int
become(const char *user, const struct passwd *pw, struct error *e)
{
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0 &&
	    initgroups(user, pw->pw_gid) == 0 &&
	    setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) == 0 &&
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) == 0 &&
	    keep_capability(1U << CAP_NET_BIND_SERVICE) == 0 &&
	    setuid(0) == -1)
		return 0;
	return error_set(e, EX_OSERR, "cannot become user %s: %s", user,
	    strerror(errno));
}

int
privileges_drop(const char *user, const struct privileges_place *places,
    size_t n, struct error *e)
{
	const struct passwd *pw;
	size_t i;

	if (user == NULL || geteuid() != 0)
		return 0;
	if ((pw = getpwnam(user)) == NULL)
		return error_set(e, EX_CONFIG, "there is no user %s", user);
	if (pw->pw_uid == 0)
		return 0;
	new_uid = pw->pw_uid;
	new_gid = pw->pw_gid;
	for (i = 0; i < n; i++)
		if (give_directory(places[i].directory, e) == -1 ||
		    (places[i].files != NULL && give_files(&places[i], e) == -1))
			return -1;
	dropped = true;
	return become(user, pw, e);
}

int
privileges_end(struct error *e)
{
	if (!dropped || keep_capability(0) == 0)
		return 0;
	return error_set(e, EX_OSERR, "cannot give up the last privilege: %s",
	    strerror(errno));
}
