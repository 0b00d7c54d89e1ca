/* SPDX-License-Identifier: ISC */
/*
 * Making text of unknown origin fit for one line of a log, an error message
 * or a JSON string.
 */
#ifndef ORTHRUS_BASE_TEXT_H
#define ORTHRUS_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum text_style {
	TEXT_PLAIN,	/* control characters and invalid UTF-8 as \n, \x1b */
	TEXT_JSON	/* the inside of a JSON string; invalid UTF-8 becomes
			   U+FFFD */
};

/*
 * Writes the NUL-terminated in, escaped, to out of size >= 4 bytes and
 * returns its length.  What does not fit is cut off between two characters
 * and leaves "..." behind.
 */
size_t text_escape(char *out, size_t size, const char *in,
    enum text_style style);

/*
 * Cuts the next word of a comma list off *rest, without the blanks around it,
 * which may leave "": NULL when there is none.
 */
char *text_next_word(char **rest);

/* The value of a hexadecimal digit, or -1. */
int text_hex(unsigned char c);

/* Where c is for the last time in the n bytes at s, or NULL. */
const char *text_last(const char *s, size_t n, char c);

/* True when s is valid UTF-8 without control characters (C0, DEL, C1). */
bool text_clean(const char *s, size_t len);

/*
 * True when all bytes are below 0x80; takes the same time whatever they are.
 * To be asked before sodium_base642bin(), which takes others for digits.
 */
bool text_ascii(const char *s, size_t len);

/* UNIX seconds as "2026-11-21T15:51:31Z", or "?" where no calendar goes. */
#define TIME_TEXT_MAX 32
const char *time_text(int64_t seconds, char text[TIME_TEXT_MAX]);
/* The way back: false, and *seconds is untouched, when text is none. */
bool time_read(const char *text, int64_t *seconds);

#endif
