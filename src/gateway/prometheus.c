/* See prometheus.h. */
#include "config.h"

#include <string.h>

#include <event2/buffer.h>

#include "prometheus.h"

static void
put(struct evbuffer *out, const char *s)
{
	evbuffer_add(out, s, strlen(s));
}

/* What needs it gets a backslash; in help texts a quote does not. */
static void
put_escaped(struct evbuffer *out, const char *s, const char *special)
{
	size_t n;

	while (*s != '\0') {
		n = strcspn(s, special);
		evbuffer_add(out, s, n);
		s += n;
		if (*s == '\0')
			break;
		put(out, "\\");
		evbuffer_add(out, *s == '\n' ? "n" : s, 1);
		s++;
	}
}

void
prometheus_family(struct evbuffer *out, const char *name,
    enum prometheus_kind kind, const char *help)
{
	evbuffer_add_printf(out, "# HELP %s ", name);
	put_escaped(out, help, "\\\n");
	evbuffer_add_printf(out, "\n# TYPE %s %s\n", name,
	    kind == PROMETHEUS_GAUGE ? "gauge" : "counter");
}

void
prometheus_sample(struct evbuffer *out, const char *name,
    const char *const (*labels)[2], size_t n, uint64_t value)
{
	size_t i;

	put(out, name);
	for (i = 0; i < n; i++) {
		evbuffer_add_printf(out, "%c%s=\"", i == 0 ? '{' : ',',
		    labels[i][0]);
		put_escaped(out, labels[i][1], "\\\n\"");
		put(out, "\"");
	}
	evbuffer_add_printf(out, "%s %llu\n", n > 0 ? "}" : "",
	    (unsigned long long)value);
}

void
prometheus_seconds(struct evbuffer *out, const char *name, uint64_t ms)
{
	evbuffer_add_printf(out, "%s %llu.%03u\n", name,
	    (unsigned long long)(ms / 1000), (unsigned)(ms % 1000));
}
