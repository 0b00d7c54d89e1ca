/* SPDX-License-Identifier: ISC */
/* "orthrus install" in parts: what it is told, what it writes, how it waits. */
#ifndef ORTHRUS_AGENT_INSTALL_H
#define ORTHRUS_AGENT_INSTALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "orthrus/base/error.h"

struct setup;

#define INSTALL_EXPOSED_MAX 32

struct install_options {
	const char *server, *name, *socks5, *auth_key_file;	/* or NULL */
	const char *exposed[INSTALL_EXPOSED_MAX];
	size_t nexposed;
	bool docker, user, dry_run;
	uint64_t wait_ms;
	char *auth_key;			/* that was read, or NULL */
};

/* Where things are, for root or one user; the caller clears it. */
struct install_paths {
	char *ini, *key, *unit, *drop_in, *manifest, *state;
};
int install_paths(bool user, struct install_paths *p, struct error *e);
void install_paths_clear(struct install_paths *p);

/* install_plan.c: plans all files in s. 0, or -1 with *e. */
int install_plan(struct setup *s, const struct install_options *o,
    const struct install_paths *p, struct error *e);

/*
 * install_wait.c: until the service is connected, with every forward up: 0, or
 * -1 with *e when it has ended, or the time is over (EX_TEMPFAIL).
 */
int install_wait(const struct setup *s, const char *ini, uint64_t ms,
    struct error *e);

#endif
