/* SPDX-License-Identifier: ISC */
/* The texts of "charon snippet", before names are put in. */
#ifndef ORTHRUS_CHARON_SNIPPET_H
#define ORTHRUS_CHARON_SNIPPET_H

#include <stdbool.h>
#include <stddef.h>

#include "orthrus/base/error.h"
#include "orthrus/conf/gateway.h"
#include "orthrus/proto/sums.h"

enum quoting {
	QUOTE_SHELL,		/* inside '...' of sh(1) */
	QUOTE_UNIT,		/* inside "..." of systemd.syntax(7) */
	QUOTE_YAML		/* inside "..." of YAML; a $ is doubled */
};

struct snippet {
	const char *platform;
	enum quoting quoting;	/* of where @@LINK@@ and @@PORTS@@ stand */
	/*
	 * With @@NAME@@, @@LINK@@, @@MODE@@, @@PORTS@@ and @@VERSION@@; where
	 * @@DOWNLOAD@@ stands there is how to have the program.
	 */
	const char *text;
	/*
	 * What people download: behind "orthrus-VERSION-" in its name where
	 * that begins with '-', with @ for the kind of machine, else all of
	 * it.  Then the command that puts it, $f, where it belongs.
	 */
	const char *artefact, *then;
};

/* What an agent offers: --mode and --ports. */
struct snippet_offer {
	bool socket, port;
	const char *ports;	/* as ORTHRUS_PORTS takes them; "" for none */
};

/*
 * Reads both, of which either may be NULL: the Docker socket alone is the
 * default, and ports beside it when there are any.  0, or -1 with *e
 * (EX_USAGE).  The offer keeps ports.
 */
int snippet_offer_read(const char *mode, const char *ports,
    struct snippet_offer *offer, struct error *e);
/* The value of ORTHRUS_MODE. */
const char *snippet_mode(const struct snippet_offer *offer);

/* The checksums of what people download, or none. */
struct release {
	const char *base_url;		/* the configuration's, or NULL */
	char *path;			/* of the list, or NULL */
	struct sum *sums;
	size_t n;
};

/*
 * Reads what [release] says, for release_free() to free: 0, or -1 with *e,
 * which names file and line.
 */
int release_load(const struct gateway_config *c, struct release *r,
    struct error *e);
void release_free(struct release *r);
/* Prints, as comments, how to have what the snippet needs. */
void release_print(const struct release *r, const struct snippet *s);

extern const struct snippet snippets[];
extern const size_t nsnippets;

#endif
