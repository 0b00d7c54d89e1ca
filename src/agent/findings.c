/* SPDX-License-Identifier: ISC */
/* See findings.h. */
#include "findings.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#include "orthrus/base/mem.h"
#include "orthrus/base/text.h"

#define TEXT_MAX 1024
#define SOME_WARNINGS 1

struct findings {
	json_t *list;			/* NULL: printed as they come */
	unsigned good, warnings, failures;
	int code;			/* of the first failure */
};

struct findings *
findings_new(bool json)
{
	struct findings *f = xcalloc(1, sizeof(*f));

	if (json)
		f->list = json_array();
	return f;
}

static void add_finding(struct findings *f, const char *check,
    const char *status, const char *fmt, va_list ap)
    __attribute__((format(printf, 4, 0)));

static void
add_finding(struct findings *f, const char *check, const char *status,
    const char *fmt, va_list ap)
{
	char text[TEXT_MAX], shown[2 * TEXT_MAX];

	vsnprintf(text, sizeof(text), fmt, ap);
	text_escape(shown, sizeof(shown), text, TEXT_PLAIN);
	if (f->list != NULL) {
		json_array_append_new(f->list, json_pack("{s:s, s:s, s:s}",
		    "check", check, "status", status, "text", shown));
		return;
	}
	printf("%-4s  %-13s  %s\n", status, check, shown);
	fflush(stdout);		/* what follows may take its time */
}

void
finding_ok(struct findings *f, const char *check, const char *fmt, ...)
{
	va_list ap;

	f->good++;
	va_start(ap, fmt);
	add_finding(f, check, "ok", fmt, ap);
	va_end(ap);
}

void
finding_warn(struct findings *f, const char *check, const char *fmt, ...)
{
	va_list ap;

	f->warnings++;
	va_start(ap, fmt);
	add_finding(f, check, "warn", fmt, ap);
	va_end(ap);
}

void
finding_fail(struct findings *f, int code, const char *check, const char *fmt,
    ...)
{
	va_list ap;

	if (f->failures++ == 0)
		f->code = code;
	va_start(ap, fmt);
	add_finding(f, check, "fail", fmt, ap);
	va_end(ap);
}

static void
print_findings(const struct findings *f)
{
	char *text;

	if (f->list == NULL) {
		printf("\n%u ok, %u to look at, %u failed\n", f->good,
		    f->warnings, f->failures);
		return;
	}
	text = json_dumps(f->list, JSON_INDENT(2) | JSON_ENSURE_ASCII);
	printf("%s\n", text != NULL ? text : "[]");
	free(text);
}

void
findings_free(struct findings *f)
{
	json_decref(f->list);
	free(f);
}

int
findings_end(struct findings *f)
{
	int code = f->failures > 0 ? f->code :
	    f->warnings > 0 ? SOME_WARNINGS : 0;

	print_findings(f);
	findings_free(f);
	return code;
}
