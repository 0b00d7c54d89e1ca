/* SPDX-License-Identifier: ISC */
/*
 * Which files may be reached: Landlock, by its system calls, as no library
 * wraps them.  See landlock(7).
 */
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <unistd.h>

#include "confine_private.h"

/*
 * The kernel's interface, written down here because the headers of the oldest
 * system that we build on have none of it.  The numbers are the same on every
 * architecture.
 */
#define NR_CREATE_RULESET	444
#define NR_ADD_RULE		445
#define NR_RESTRICT_SELF	446
#define CREATE_RULESET_VERSION	1
#define RULE_PATH_BENEATH	1

#define FS_EXECUTE	0x1
#define FS_WRITE_FILE	0x2
#define FS_READ_FILE	0x4
#define FS_READ_DIR	0x8
#define FS_REMOVE_DIR	0x10
#define FS_REMOVE_FILE	0x20
#define FS_MAKE_CHAR	0x40
#define FS_MAKE_DIR	0x80
#define FS_MAKE_REG	0x100
#define FS_MAKE_SOCK	0x200
#define FS_MAKE_FIFO	0x400
#define FS_MAKE_BLOCK	0x800
#define FS_MAKE_SYM	0x1000
#define FS_REFER	0x2000		/* from version 2 on */
#define FS_TRUNCATE	0x4000		/* 3 */
#define FS_IOCTL_DEV	0x8000		/* 5 */
#define FS_FIRST	0x1fff

/* What can be allowed for a file that is no directory. */
#define FS_OF_FILE	(FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | \
			FS_TRUNCATE | FS_IOCTL_DEV)

struct path_beneath {
	uint64_t allowed;
	int32_t parent;
} __attribute__((packed));

int
files_version(void)
{
	return (int)syscall(NR_CREATE_RULESET, NULL, 0,
	    CREATE_RULESET_VERSION);
}

/* Everything that this kernel can forbid. */
static uint64_t
all_rights(void)
{
	int version = files_version();
	uint64_t rights = FS_FIRST;

	if (version >= 2)
		rights |= FS_REFER;
	if (version >= 3)
		rights |= FS_TRUNCATE;
	if (version >= 5)
		rights |= FS_IOCTL_DEV;
	return rights;
}

int
files_rules_new(void)
{
	uint64_t handled = all_rights();

	return (int)syscall(NR_CREATE_RULESET, &handled, sizeof(handled), 0);
}

static uint64_t
rights_of(unsigned access)
{
	uint64_t rights = 0;

	if (access != 0)
		rights |= FS_READ_FILE | FS_READ_DIR;
	if (access & CONFINE_WRITE)
		rights |= FS_WRITE_FILE | FS_TRUNCATE | FS_MAKE_REG |
		    FS_REMOVE_FILE;
	if (access & CONFINE_SOCKETS)
		rights |= FS_MAKE_SOCK | FS_REMOVE_FILE | FS_MAKE_DIR |
		    FS_REMOVE_DIR;
	return rights & all_rights();
}

void
files_allow(int rules, const char *path, unsigned access)
{
	struct path_beneath rule = { rights_of(access),
	    open(path, O_PATH | O_CLOEXEC) };
	struct stat st;

	if (rule.parent == -1)
		return;
	if (fstat(rule.parent, &st) == 0 && !S_ISDIR(st.st_mode))
		rule.allowed &= FS_OF_FILE;
	syscall(NR_ADD_RULE, rules, RULE_PATH_BENEATH, &rule, 0);
	close(rule.parent);
}

int
files_confine(int rules)
{
	return (int)syscall(NR_RESTRICT_SELF, rules, 0);
}
