/* SPDX-License-Identifier: ISC */
/* The one error type: an exit code and a line of text fit to be shown. */
#include <stdarg.h>
#include <stdio.h>

#include "orthrus/base/error.h"
#include "orthrus/base/text.h"

/* Longer than a text, so that text_escape() sees and marks a cut. */
#define RAW_MAX (2 * ERROR_TEXT_MAX)

int
(error_set)(struct error *e, int code, const char *fmt, ...)
{
	char raw[RAW_MAX];	/* the arguments may point into *e */
	va_list ap;

	if (e == NULL)
		return -1;
	va_start(ap, fmt);
	if (vsnprintf(raw, sizeof(raw), fmt, ap) < 0)
		raw[0] = '\0';
	va_end(ap);
	e->code = code;
	text_escape(e->text, sizeof(e->text), raw, TEXT_PLAIN);
	return -1;
}

void
error_prefix(struct error *e, const char *fmt, ...)
{
	char prefix[ERROR_TEXT_MAX];
	va_list ap;

	if (e == NULL)
		return;
	va_start(ap, fmt);
	if (vsnprintf(prefix, sizeof(prefix), fmt, ap) < 0)
		prefix[0] = '\0';
	va_end(ap);
	error_set(e, e->code, "%s: %s", prefix, e->text);
}
