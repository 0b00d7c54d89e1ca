/* SPDX-License-Identifier: ISC */
/* What the two files that read an ssh_config(5) share. */
#ifndef ORTHRUS_CONF_SSH_READING_H
#define ORTHRUS_CONF_SSH_READING_H

#include "conf.h"
#include "orthrus/proto/ssh_config.h"

/* The first value of a keyword, and where it stands. */
struct found {
	char *value, *file;
	unsigned line;
};

struct ssh_reading {
	struct loader *l;
	struct ssh_config_state state;
	char *file;			/* that is being read */
	unsigned depth, nfiles;
	struct found found[SSH_CONFIG_KEYS];
	struct found *hosts;		/* of UserKnownHostsFile */
	size_t nhosts;
};

/* Reads a file; line is that of its Include, or 0. */
void ssh_read_file(struct ssh_reading *r, const char *path, unsigned line);
/* Reports an error of a line, 0 for none. */
void ssh_fail(struct ssh_reading *r, const char *file, unsigned line,
    const char *text);
/* Adds "FILE:LINE KEYWORD" to the list of what was not taken. */
void ssh_note_untaken(struct ssh_reading *r, const char *file, unsigned line,
    const char *keyword);
/*
 * Replaces the tokens of ssh_config(5) that kinds lists; what else begins with
 * a '%' is an error.  For the caller to free; NULL with *e.
 */
char *ssh_expand_tokens(const char *in, const char *kinds,
    const struct server *server, const char *alias, struct error *e);

#endif
