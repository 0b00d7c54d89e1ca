/* SPDX-License-Identifier: ISC */
/* The texts of "charon snippet", before names are put in. */
#ifndef ORTHRUS_CHARON_SNIPPET_H
#define ORTHRUS_CHARON_SNIPPET_H

#include <stddef.h>

enum quoting {
	QUOTE_SHELL,		/* inside '...' of sh(1) */
	QUOTE_UNIT,		/* inside "..." of systemd.syntax(7) */
	QUOTE_YAML		/* inside "..." of YAML; a $ is doubled */
};

struct snippet {
	const char *platform;
	enum quoting quoting;	/* of where @@LINK@@ stands */
	const char *text;	/* with @@NAME@@, @@LINK@@ and @@VERSION@@ */
};

extern const struct snippet snippets[];
extern const size_t nsnippets;

#endif
