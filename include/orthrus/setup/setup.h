/* SPDX-License-Identifier: ISC */
/*
 * A program that makes itself a service of systemd: files that are written only
 * where nobody else's is in the way, a list of them (the manifest), by which
 * they can be taken away again, and systemctl(1).
 */
#ifndef ORTHRUS_SETUP_SETUP_H
#define ORTHRUS_SETUP_SETUP_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

#include "orthrus/base/error.h"

struct setup;

struct setup_config {
	const char *program;		/* "orthrus": of messages, and units */
	const char *manifest;		/* path of the list; copied */
	bool user;			/* a unit of systemctl --user */
	bool dry_run;			/* tell, and do nothing */
};

/* Reads the manifest, if there is one: NULL with *e (EX_CONFIG). */
struct setup *setup_open(const struct setup_config *config, struct error *e);
/* NULL is fine. */
void setup_close(struct setup *s);

/*
 * Whether this machine, or this user, has a systemd: 0, or -1 with *e.  In a dry
 * run it needs none.
 */
int setup_check_systemd(const struct setup *s, struct error *e);
/*
 * The path of the running program into path, for units: 0, or -1 with *e
 * (EX_CONFIG) when it is where a service may not reach it.
 */
int setup_own_path(const struct setup *s, char *path, size_t size,
    struct error *e);

/*
 * Plans to have n bytes (copied, and wiped in the end) at path with that mode.
 * secret: they are never shown.
 */
void setup_plan(struct setup *s, const char *path, mode_t mode,
    const char *text, size_t n, bool secret);
/*
 * Looks at all that was planned: -1 with *e (EX_CANTCREAT) when something is in
 * the way.
 */
int setup_check(struct setup *s, struct error *e);
/*
 * Writes what was planned and is not there yet, with the directories that are
 * missing, after having looked at all of it: -1 with *e (EX_CANTCREAT) when
 * something is in the way that it has not written, or that was changed since.
 */
int setup_write(struct setup *s, struct error *e);
/* True when that has changed anything. */
bool setup_has_changed(const struct setup *s);
/* True when the manifest has path. */
bool setup_is_ours(const struct setup *s, const char *path);

/*
 * Runs systemctl(1), for the user where that was said, with these words, which
 * end with NULL: 0, or -1 with *e (EX_UNAVAILABLE).
 */
int setup_systemctl(struct setup *s, const char *const *words,
    struct error *e);
/* A property of the program's unit, "" when it is not to be had. */
void setup_property(const struct setup *s, const char *name, char *value,
    size_t size);
/* Has systemd forget that the unit has failed, if it has. */
void setup_forget_failure(struct setup *s);
/* Tells a user whose services end when he logs out what keeps them. */
void setup_tell_linger(const struct setup *s);
/* Prints the last lines that the program has logged there, for people. */
void setup_show_log(const struct setup *s);

/*
 * Removes what the manifest has, but for files that were changed since, and
 * directories that have other files; tells each.  Then the manifest goes.
 */
int setup_remove(struct setup *s, struct error *e);

/* Whether a package, or the tarball's installer, has brought a unit. */
bool setup_has_packaged_unit(const struct setup *s);
/* Text of a unit, with the program's path put in, for the caller to free. */
char *setup_unit(const char *unit, const char *program, const char *path);
/* contrib/orthrus.service, contrib/orthrus-user.service, contrib/charon.service */
extern const char setup_orthrus_unit[], setup_orthrus_user_unit[],
    setup_charon_unit[];

#endif
