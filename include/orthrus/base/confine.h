/* SPDX-License-Identifier: ISC */
/*
 * Walls around a process that has started: the files that it may reach
 * (Landlock), the system calls that it may make (seccomp), and no privileges
 * beyond those it has.  Whoever takes it over then has little to go on with.
 *
 * The walls are for the process that puts them up, its threads and whatever it
 * starts, for good.  A program that must be outside (a user's own command) has
 * to be started by a process that was forked before.
 */
#ifndef ORTHRUS_BASE_CONFINE_H
#define ORTHRUS_BASE_CONFINE_H

#include <stddef.h>

#include "orthrus/base/error.h"

struct confinement;

/* Which list of system calls: see confine_calls.c. */
enum confine_for {
	CONFINE_GATEWAY,	/* "charon serve", towards the network */
	CONFINE_MONITOR,	/* ... its monitor */
	CONFINE_EGRESS,		/* ... and who connects for its clients */
	CONFINE_AGENT,		/* "orthrus connect" and "orthrus enroll" */
	CONFINE_MUZZLE		/* "orthrus muzzle" */
};

/* What may be done below a directory; without any of these nothing. */
#define CONFINE_READ	0x1	/* files are read, directories listed */
#define CONFINE_WRITE	0x2	/* and files made, written, renamed, removed */
#define CONFINE_SOCKETS	0x4	/* and Unix sockets, and directories for them */

/* Walls that are being planned; nothing holds yet. */
struct confinement *confinement_new(enum confine_for what);

/*
 * Opens what is below the directory path, or the file.  What is not there now
 * is left out, and so is NULL.  A file is best opened with its directory
 * (confinement_beside()): one that is replaced is another file.
 */
void confinement_below(struct confinement *w, const char *path,
    unsigned access);
/*
 * Opens the directory that holds path.  Where something may be written it is
 * made if it is missing.
 */
void confinement_beside(struct confinement *w, const char *path,
    unsigned access);
/*
 * Opens what the C library reads to resolve names: the configuration in /etc,
 * and the modules that it loads.
 */
void confinement_resolver(struct confinement *w);

/*
 * Puts the walls up, before the first thread is started, and frees w.  What
 * this kernel cannot do is left out with a line in the log.  0, or -1 with *e
 * (EX_OSERR) where a kernel that could has refused.
 */
int confinement_apply(struct confinement *w, struct error *e);

/*
 * One line on what would hold here, such as "seccomp, Landlock 7, no new
 * privileges", and what not: what "check" prints.
 */
#define CONFINE_TEXT_MAX 256
const char *confine_text(char text[CONFINE_TEXT_MAX]);

/*
 * Keeps other processes of the same user, and core dumps, from the memory of
 * this one, which has keys in it: prctl(2)'s PR_SET_DUMPABLE.
 */
void confine_memory(void);

#endif
