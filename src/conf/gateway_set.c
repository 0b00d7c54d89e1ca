/* SPDX-License-Identifier: ISC */
/* From the text of one of charon's settings to its field. */
#include <stdlib.h>
#include <string.h>

#include "gateway_private.h"
#include "orthrus/base/mem.h"
#include "orthrus/base/well_known.h"
#include "orthrus/proto/leash.h"

#define COUNT_MAX 1000000
#define PENALTY_MIN_MS 15000	/* less is no reason to refuse */
#define PENALTY_MAX_MS (24 * 60 * 60 * 1000)
#define MEMORY_MIN (64ULL << 20)
#define MEMORY_MAX (1ULL << 50)
#define RESUME_MAX_MS (60 * 60 * 1000)
#define RESUME_MEMORY_MIN (4ULL << 20)	/* what one session may need */

/* Room for "/agents/N/docker.sock" in the path of a socket. */
#define DIRECTORY_MAX (UNIX_PATH_MAX_LEN - 1 - 21)

/* Whether there is such a user is seen when root becomes him. */
int
set_account(void *config, struct setting *s, struct error *e)
{
	struct gateway_config *c = config;

	if (s->value[strcspn(s->value, " :/,")] != '\0')
		return error_set(e, EX_CONFIG, "\"%s\" is not the name of a "
		    "user of this machine", s->value);
	value_replace(&c->user, xstrdup(s->value));
	c->user_given = s->origin != FROM_DEFAULT;
	return 0;
}

/*
 * The path must be absolute, since the gateway and the commands run from
 * different directories.
 */
int
set_directory(void *c, struct setting *s, struct error *e)
{
	char **directory = (char **)((char *)c + s->kw->offset);
	size_t len;

	value_replace(&s->value, home_expand(s->value));
	if (s->value[0] != '/')
		return error_set(e, EX_CONFIG, "\"%s\": the path of a "
		    "directory must begin with '/'", s->value);
	for (len = strlen(s->value); len > 1 && s->value[len - 1] == '/';
	    len--)
		s->value[len - 1] = '\0';
	if (strcmp(s->kw->key, "runtime") == 0 && len > DIRECTORY_MAX)
		return error_set(e, EX_CONFIG, "\"%s\": the path of the "
		    "directory for sockets may have at most %d bytes, this "
		    "one has %zu", s->value, DIRECTORY_MAX, len);
	value_replace(directory, xstrdup(s->value));
	return 0;
}

/* This path must be absolute for the same reason. */
int
set_key_file(void *c, struct setting *s, struct error *e)
{
	if (set_path(c, s, e) == -1)
		return -1;
	if (s->value[0] == '/')
		return 0;
	return error_set(e, EX_CONFIG, "\"%s\": the path of the %s must "
	    "begin with '/'", s->value,
	    strcmp(s->kw->key, "host_key") == 0 ? "host key" : s->kw->key);
}

int
set_ssh_listen(void *config, struct setting *s, struct error *e)
{
	struct gateway_config *c = config;
	struct address a;

	if (address_parse(s->value, false, &a, e) == -1)
		return -1;
	if (a.kind != ADDRESS_TCP)
		return error_set(e, EX_CONFIG, "\"%s\": SSH needs HOST:PORT, "
		    "as in 0.0.0.0:2222", s->value);
	c->ssh_listen = a;
	setting_show_address(s, &a);
	return 0;
}

/* A Unix socket is for a web server of this machine. */
int
set_tls_listen(void *config, struct setting *s, struct error *e)
{
	struct gateway_config *c = config;
	struct address a;

	if (address_parse(s->value, false, &a, e) == -1)
		return -1;
	c->tls_listen = xreallocarray(c->tls_listen, c->ntls_listen + 1,
	    sizeof(*c->tls_listen));
	c->tls_listen[c->ntls_listen++] = a;
	setting_show_address(s, &a);
	return 0;
}

int
set_http_listen(void *config, struct setting *s, struct error *e)
{
	struct gateway_config *c = config;
	struct address a = { .kind = ADDRESS_NONE };

	if (strcmp(s->value, "off") != 0) {
		if (address_parse(s->value, false, &a, e) == -1)
			return -1;
		if (!address_is_local(&a))
			return error_set(e, EX_CONFIG, "\"%s\" is beyond "
			    "loopback, where HTTP would show tokens and "
			    "agents to the network: expected a Unix socket, "
			    "127.0.0.1:PORT, [::1]:PORT or off", s->value);
		setting_show_address(s, &a);
	}
	c->http_listen = a;
	return 0;
}

int
set_interval(void *c, struct setting *s, struct error *e)
{
	uint64_t ms;

	if (duration_parse(s->value, &ms, e) == -1)
		return -1;
	if (ms < LEASH_INTERVAL_MIN || ms > LEASH_INTERVAL_MAX)
		return error_set(e, EX_CONFIG, "\"%s\": expected 100ms to 1h",
		    s->value);
	memcpy((char *)c + s->kw->offset, &ms, sizeof(ms));
	return 0;
}

/*
 * Only whole seconds are taken, since a certificate's times have no fractions.
 */
int
set_seconds(void *c, struct setting *s, struct error *e)
{
	uint64_t ms;

	if (duration_parse(s->value, &ms, e) == -1)
		return -1;
	if (ms % 1000 != 0)
		return error_set(e, EX_CONFIG, "\"%s\": expected whole "
		    "seconds", s->value);
	ms /= 1000;
	memcpy((char *)c + s->kw->offset, &ms, sizeof(ms));
	return 0;
}

int
set_count(void *c, struct setting *s, struct error *e)
{
	const char *p = s->value;
	uint64_t n = 0;

	while (*p >= '0' && *p <= '9' && n <= COUNT_MAX)
		n = n * 10 + (uint64_t)(*p++ - '0');
	if (*p != '\0' || n == 0 || n > COUNT_MAX)
		return error_set(e, EX_CONFIG, "\"%s\": expected a number from "
		    "1 to %d", s->value, COUNT_MAX);
	memcpy((char *)c + s->kw->offset, &n, sizeof(n));
	return 0;
}

/* True of "off", which is 0. */
static bool
is_off(void *c, const struct setting *s)
{
	if (strcmp(s->value, "off") != 0)
		return false;
	memset((char *)c + s->kw->offset, 0, sizeof(uint64_t));
	return true;
}

int
set_count_or_off(void *c, struct setting *s, struct error *e)
{
	if (is_off(c, s) || set_count(c, s, e) == 0)
		return 0;
	return error_set(e, EX_CONFIG, "\"%s\": expected a number from 1 to "
	    "%d, or off", s->value, COUNT_MAX);
}

int
set_penalty(void *c, struct setting *s, struct error *e)
{
	uint64_t ms;

	if (is_off(c, s))
		return 0;
	if (duration_parse(s->value, &ms, e) == -1 || ms < PENALTY_MIN_MS ||
	    ms > PENALTY_MAX_MS)
		return error_set(e, EX_CONFIG, "\"%s\": expected 15s to 1d, or "
		    "off", s->value);
	memcpy((char *)c + s->kw->offset, &ms, sizeof(ms));
	return 0;
}

/* A number of bytes, or with k, m or g in either case; 0: it is none. */
static uint64_t
read_size(const char *text)
{
	static const char units[] = "kmg";
	const char *p = text, *unit;
	uint64_t n = 0;
	unsigned shift = 0;

	while (*p >= '0' && *p <= '9' && n <= MEMORY_MAX)
		n = n * 10 + (uint64_t)(*p++ - '0');
	if (*p != '\0' && (unit = strchr(units, *p | 0x20)) != NULL) {
		shift = 10 * (unsigned)(unit - units + 1);
		p++;
	}
	return *p != '\0' || n > MEMORY_MAX >> shift ? 0 : n << shift;
}

int
set_resume(void *c, struct setting *s, struct error *e)
{
	uint64_t ms;

	if (strcmp(s->value, "0") == 0 || is_off(c, s)) {
		memset((char *)c + s->kw->offset, 0, sizeof(ms));
		return 0;
	}
	if (duration_parse(s->value, &ms, e) == -1 || ms > RESUME_MAX_MS)
		return error_set(e, EX_CONFIG, "\"%s\": expected a duration "
		    "of at most 1h, or 0", s->value);
	memcpy((char *)c + s->kw->offset, &ms, sizeof(ms));
	return 0;
}

int
set_resume_memory(void *c, struct setting *s, struct error *e)
{
	uint64_t bytes = read_size(s->value);

	if (bytes < RESUME_MEMORY_MIN)
		return error_set(e, EX_CONFIG, "\"%s\": expected 4m or more, "
		    "such as 256m", s->value);
	memcpy((char *)c + s->kw->offset, &bytes, sizeof(bytes));
	return 0;
}

int
set_memory(void *c, struct setting *s, struct error *e)
{
	uint64_t bytes = 0;

	if (strcmp(s->value, "auto") != 0) {
		bytes = read_size(s->value);
		if (bytes < MEMORY_MIN)
			return error_set(e, EX_CONFIG, "\"%s\": expected auto, "
			    "or 64m or more, such as 512m or 2g", s->value);
	}
	memcpy((char *)c + s->kw->offset, &bytes, sizeof(bytes));
	return 0;
}

int
set_egress(void *config, struct setting *s, struct error *e)
{
	struct gateway_config *c = config;
	char text[EGRESS_TEXT_MAX];
	struct egress_rule rule;

	if (egress_rule_parse(s->value, &rule, e) == -1)
		return -1;
	c->egress = xreallocarray(c->egress, c->negress + 1,
	    sizeof(*c->egress));
	c->egress[c->negress++] = rule;
	value_replace(&s->value, xstrdup(egress_rule_format(&rule, text)));
	return 0;
}

/*
 * It becomes a part of command lines that people copy: what a shell would read
 * as more than a word is refused.
 */
int
set_base_url(void *config, struct setting *s, struct error *e)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~:/@%+,=[]";
	struct gateway_config *c = config;
	size_t len = strlen(s->value), scheme;

	scheme = strncmp(s->value, "https://", 8) == 0 ? 8 :
	    strncmp(s->value, "http://", 7) == 0 ? 7 : 0;
	if (scheme == 0 || s->value[scheme] == '\0' ||
	    s->value[scheme] == '/' || s->value[strspn(s->value, plain)] != '\0')
		return error_set(e, EX_CONFIG, "\"%s\": expected the URL of "
		    "a folder, as in https://dl.example.com/orthrus, of "
		    "letters, digits and -._~:/@%%+,=[]", s->value);
	while (s->value[len - 1] == '/')
		s->value[--len] = '\0';
	value_replace(&c->base_url, xstrdup(s->value));
	return 0;
}
