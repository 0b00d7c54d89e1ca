/* SPDX-License-Identifier: ISC */
/*
 * What in one string of an engine's JSON is a secret.  Pure; redact.c knows
 * which of these looks at a string, from where that stands in the document.
 *
 * The bytes are those that the string stands for, without JSON's escapes: any
 * bytes, also NUL.
 */
#ifndef ORTHRUS_MUZZLE_SECRETS_H
#define ORTHRUS_MUZZLE_SECRETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A text is no longer than this when it is handed in. */
#define TEXT_MAX (32 * 1024)

struct text {
	const char *p;		/* valid until the next text is looked at */
	size_t len;
	bool middle;		/* its beginning was passed on before */
	bool mount;		/* with "mount " in it */
	size_t first;		/* where the first mask stands, or SIZE_MAX */
	size_t open;		/* an instruction from here on may go on behind
				   the text; len when none does */
	bool changed;
	uint8_t has;		/* json_text.h's characters, where it may have
				   them */
};

/* For the n bytes at p, which are not changed and stay the caller's. */
void text_init(struct text *t, const char *p, size_t n);

/*
 * Would none of the masks by its look change the n bytes at p, nor are they the
 * first of build arguments?  Says so of most; has: see above.
 */
bool text_is_harmless(const char *p, size_t n, unsigned has);

/* Each replaces what is secret by "***". */
void text_mask_all(struct text *t);
/* "NAME=value": the value. */
void text_mask_assignment(struct text *t);
/* The same, but for names in the list, see names.h. */
void text_mask_variable(struct text *t, const char *revealed);
/* A volume's device: all of it when there is a '@', ',' or '='. */
void text_mask_device(struct text *t);
/* "scheme://USER:PASSWORD@host", with or without the scheme. */
void text_mask_proxy(struct text *t);
/*
 * By its look: user and password of a URL.  First of all: a mask inside of a
 * password would take away the '@' that tells of it.
 */
void text_mask_urls(struct text *t);
/*
 * By its look: values of a Dockerfile's instructions, the data of a mount
 * that failed.
 */
void text_mask_look(struct text *t);

/*
 * Once text_mask_look() has seen it: where a URL or an instruction begins whose
 * secret may stand behind the text; len when there is none.
 */
size_t text_open_end(const struct text *t);
/* at, or where the character of UTF-8 begins that it would cut. */
size_t text_boundary(const struct text *t, size_t at);
/* Does "mount " stand in it, or did it before? */
bool text_has_mount(const struct text *t);
/*
 * A list's first item "|N": the N behind it are assignments; 0: none are,
 * TEXT_ARGUMENTS_MAX: so are all others.
 */
#define TEXT_ARGUMENTS_MAX UINT16_MAX
unsigned text_build_args(const struct text *t);

#endif
