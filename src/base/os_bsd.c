/* SPDX-License-Identifier: ISC */
/* See os.h: what FreeBSD and macOS do alike. */
#include "orthrus/base/os.h"

#include <sys/uio.h>

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "os_private.h"

ssize_t
os_message_length(const struct msghdr *msg, ssize_t n)
{
	if (n >= 0 && (msg->msg_flags & MSG_TRUNC) != 0)
		n = (ssize_t)msg->msg_iov[0].iov_len + 1;
	return n;
}

/* There are no such groups. */
size_t
os_memory_limit(void)
{
	return SIZE_MAX;
}

const char *
os_run_directory(void)
{
	return "/var/run";
}

/* --- who is known here --------------------------------------------------- */

static bool
copy_name(const char *from, char *name, size_t size)
{
	return (size_t)snprintf(name, size, "%s", from) < size;
}

bool
os_local_user(uid_t uid, char *name, size_t size)
{
	const struct passwd *pw = getpwuid(uid);

	return pw != NULL && copy_name(pw->pw_name, name, size);
}

bool
os_local_group(gid_t gid, char *name, size_t size)
{
	const struct group *gr = getgrgid(gid);

	return gr != NULL && copy_name(gr->gr_name, name, size);
}

bool
os_local_group_named(const char *name, gid_t *gid)
{
	const struct group *gr = getgrnam(name);

	if (gr != NULL)
		*gid = gr->gr_gid;
	return gr != NULL;
}

/* --- the C library and libevent ------------------------------------------ */

void
os_purge(FILE *f)
{
	fpurge(f);
}

/* kqueue's wait is not to be stood in front of. */
bool
os_tells_turns(void)
{
	return false;
}
