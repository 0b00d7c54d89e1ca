/* SPDX-License-Identifier: ISC */
/* See prometheus.h. */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "orthrus/base/mem.h"

#include "prometheus.h"

static void
put_text(struct buffer *out, const char *s)
{
	buffer_put(out, s, strlen(s));
}

static void __attribute__((format(printf, 2, 3)))
put_format(struct buffer *out, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	put_text(out, text);
}

/* What needs it gets a backslash; in help texts a quote does not. */
static void
put_escaped(struct buffer *out, const char *s, const char *special)
{
	size_t n;

	while (*s != '\0') {
		n = strcspn(s, special);
		buffer_put(out, s, n);
		s += n;
		if (*s == '\0')
			break;
		put_text(out, "\\");
		buffer_put(out, *s == '\n' ? "n" : s, 1);
		s++;
	}
}

void
prometheus_family(struct buffer *out, const char *name,
    enum prometheus_kind kind, const char *help)
{
	put_format(out, "# HELP %s ", name);
	put_escaped(out, help, "\\\n");
	put_format(out, "\n# TYPE %s %s\n", name,
	    kind == PROMETHEUS_GAUGE ? "gauge" : "counter");
}

static void
put_name(struct buffer *out, const char *name, const char *const (*labels)[2],
    size_t n)
{
	size_t i;

	put_text(out, name);
	for (i = 0; i < n; i++) {
		put_format(out, "%c%s=\"", i == 0 ? '{' : ',',
		    labels[i][0]);
		put_escaped(out, labels[i][1], "\\\n\"");
		put_text(out, "\"");
	}
	put_text(out, n > 0 ? "} " : " ");
}

void
prometheus_sample(struct buffer *out, const char *name,
    const char *const (*labels)[2], size_t n, uint64_t value)
{
	put_name(out, name, labels, n);
	put_format(out, "%llu\n", (unsigned long long)value);
}

void
prometheus_seconds(struct buffer *out, const char *name,
    const char *const (*labels)[2], size_t n, uint64_t ms)
{
	put_name(out, name, labels, n);
	put_format(out, "%llu.%03u\n", (unsigned long long)(ms / 1000),
	    (unsigned)(ms % 1000));
}

void
prometheus_real(struct buffer *out, const char *name,
    const char *const (*labels)[2], size_t n, double value)
{
	put_name(out, name, labels, n);
	put_format(out, "%.6g\n", value);
}
