/* SPDX-License-Identifier: ISC */
/*
 * "METHOD target" before the policy, against a reader of its own that decodes
 * as the engine does (Go's net/url): what passes means to the engine what it
 * meant when it was judged, judged again it is the same, and it is what the
 * table has.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "orthrus/muzzle/policy.h"

#define CHECK(ok) do { if (!(ok)) abort(); } while (0)
#define ALL_ACTIONS 0x3f
#define PAIRS_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* --- Go's way --------------------------------------------------------- */

struct url {
	char text[MUZZLE_TARGET_MAX * 4];
	char *path;
	size_t n;
	struct { char *name, *value; } pairs[PAIRS_MAX];
};

static int
nibble(int c)
{
	static const char digits[] = "0123456789abcdef";
	const char *p;

	if (c >= 'A' && c <= 'F')
		c += 'a' - 'A';
	p = c == '\0' ? NULL : strchr(digits, c);
	return p == NULL ? -1 : (int)(p - digits);
}

/* In place; what passed has no bad escape and no NUL. */
static void
unescape(char *s, bool query)
{
	char *o = s;
	int c;

	for (; *s != '\0'; s++) {
		c = *s;
		if (c == '%') {
			CHECK(nibble(s[1]) >= 0 && nibble(s[2]) >= 0);
			c = nibble(s[1]) << 4 | nibble(s[2]);
			CHECK(c != '\0');
			s += 2;
		} else if (query && c == '+')
			c = ' ';
		*o++ = (char)c;
	}
	*o = '\0';
}

static void
read_url(struct url *u, const char *target, size_t len)
{
	char *query, *pair;

	CHECK(len < sizeof(u->text) && memchr(target, '\0', len) == NULL);
	memcpy(u->text, target, len);
	u->text[len] = '\0';
	u->n = 0;
	u->path = u->text;
	query = strchr(u->text, '?');
	if (query != NULL)
		*query++ = '\0';
	unescape(u->path, false);
	while ((pair = strsep(&query, "&")) != NULL) {
		if (*pair == '\0')
			continue;
		CHECK(u->n < PAIRS_MAX && strchr(pair, ';') == NULL);
		u->pairs[u->n].name = strsep(&pair, "=");
		u->pairs[u->n].value = pair != NULL ? pair : u->text + len;
		unescape(u->pairs[u->n].name, true);
		unescape(u->pairs[u->n].value, true);
		u->n++;
	}
}

static bool
listed(const char *list, const char *separators, const char *word)
{
	char copy[256], *next = copy, *p;

	CHECK(strlen(list) < sizeof(copy));
	strcpy(copy, list);
	while ((p = strsep(&next, separators)) != NULL)
		if (*p != '\0' && strcmp(p, word) == 0)
			return true;
	return false;
}

/* Does it ask an engine for anything that it would not do by itself? */
static bool
asks(const char *name, const char *value)
{
	static const char *const nothing[] = { "trunc_cmd*", "only_ids*",
	    "limit=-1", "details=0", "details=no", "details=false",
	    "details=none", "ps_args=-ef", "detachKeys=ctrl-p,ctrl-q" };
	char text[2 * MUZZLE_TARGET_MAX];
	size_t i, n;

	value += strspn(value, " ");
	n = (size_t)snprintf(text, sizeof(text), "%s=%s", name, value);
	while (text[n - 1] == ' ')
		text[--n] = '\0';
	for (i = 0; i < sizeof(nothing) / sizeof(nothing[0]); i++) {
		n = strlen(nothing[i]) - 1;
		if (nothing[i][n] == '*' ? strlen(name) == n &&
		    strncmp(name, nothing[i], n) == 0 :
		    strncmp(name, "details", 8) == 0 ?
		    strcasecmp(text, nothing[i]) == 0 :
		    strcmp(text, nothing[i]) == 0)
			return false;
	}
	return *value != '\0';
}

/* Is this one of a, seen among those of b? */
static bool
has_pair(const struct url *b, const char *name, const char *value)
{
	size_t i;

	for (i = 0; i < b->n; i++)
		if (strcmp(b->pairs[i].name, name) == 0 &&
		    (value == NULL || strcmp(b->pairs[i].value, value) == 0))
			return true;
	return false;
}

/* What the client meant is what the engine sees, but for what asks nothing. */
static void
check_same(const struct url *a, const struct url *b, const char *dropped)
{
	bool filter = has_pair(a, "filter", NULL) &&
	    !listed(dropped, ",", "filter");
	const char *name, *value;
	size_t i;

	CHECK(strcmp(a->path, b->path) == 0 && a->n >= b->n);
	for (i = 0; i < a->n; i++) {
		name = a->pairs[i].name;
		value = a->pairs[i].value;
		if (filter && strncmp(name, "filter", 6) == 0)
			CHECK(has_pair(b, "filters", NULL));
		else if (!has_pair(b, name, value))
			CHECK(listed(dropped, ",", name) &&
			    !asks(name, value));
	}
	for (i = 0; i < b->n; i++)
		CHECK(has_pair(a, b->pairs[i].name, b->pairs[i].value) ||
		    (filter && strcmp(b->pairs[i].name, "filters") == 0));
	CHECK(!has_pair(b, "filter", NULL));
}

/* --- what passed ------------------------------------------------------ */

static void
check_canonical(const char *target)
{
	const char *p, *query = strchrnul(target, '?');

	CHECK(target[0] == '/' && strlen(target) <
	    sizeof(((struct verdict *)NULL)->target));
	for (p = target; *p != '\0'; p++)
		CHECK(*p > ' ' && *p < 0x7f && strchr("\\#\"<>", *p) == NULL);
	for (p = target; p < query; p++) {
		CHECK(*p != '%');
		CHECK(strncmp(p, "//", 2) != 0 && strncmp(p, "/./", 3) != 0 &&
		    strncmp(p, "/../", 4) != 0);
	}
	/* One list has a name of its own with a slash at its end. */
	CHECK((query[-1] != '/' || (query - target >= 10 &&
	    strncmp(query - 10, "/networks/", 10) == 0)) &&
	    strncmp(query - 2, "/.", 2) != 0 &&
	    strncmp(query - 3, "/..", 3) != 0);
	CHECK(*query == '\0' || strpbrk(query + 1, "?/;+") == NULL);
}

/* Is the path what the pattern says? */
static bool
fits(const char *path, const char *pattern)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	char name[64 + sizeof(letters)], *o = name;
	const char *open = strchr(pattern, '{'), *close;
	size_t n;

	if (strncmp(path, "/v1.", 4) == 0) {
		n = strspn(path + 4, "0123456789");
		CHECK((n == 1 || n == 2) && path[4 + n] == '/');
		path += 4 + n;
	}
	if (open == NULL)
		return strcmp(path, pattern) == 0;
	close = strchr(open, '}') + 1;
	if (strncmp(path, pattern, (size_t)(open - pattern)) != 0)
		return false;
	path += open - pattern;
	o = stpcpy(stpcpy(o, letters), "_.-");
	if (strncmp(open, "{image}", 7) == 0)
		stpcpy(o, ":@/");
	n = strlen(path);
	if (n <= strlen(close) || strcmp(path + n - strlen(close), close) != 0)
		return false;
	return strspn(path, letters) > 0 &&
	    strspn(path, name) >= n - strlen(close);
}

/* What an engine would dial for this name is one of ours. */
static void
check_registry(const char *name)
{
	size_t n = strcspn(name, "/");

	if (strchr(name + n + 1, '/') == NULL)	/* "NAME/json" */
		return;
	CHECK(strncmp(name, "a:1/", 4) == 0 || (strcspn(name, ".:") >= n &&
	    strncmp(name, "localhost/", 10) != 0) ||
	    strncasecmp(name, "docker.io/", 10) == 0 ||
	    strncmp(name, "index.docker.io/", 16) == 0 ||
	    strncasecmp(name, "A:1/", 4) == 0);
}

static void
check_row(const struct url *u, const struct policy *policy,
    const struct verdict *v)
{
	struct policy_row row;
	struct error e;
	unsigned action = 0;
	size_t i, k;

	for (i = 0; ; i++) {
		CHECK(policy_row(i, &row));
		if (strcmp(strchr(v->rule, ' ') + 1, row.pattern) == 0)
			break;
	}
	CHECK(strstr(row.methods, v->method) != NULL);
	CHECK(fits(u->path, row.pattern));
	for (i = 0; i < u->n; i++) {
		CHECK(listed(row.parameters, " ", u->pairs[i].name));
		for (k = 0; k < i; k++)
			CHECK(strcasecmp(u->pairs[i].name,
			    u->pairs[k].name) != 0 ||
			    (strcmp(u->pairs[i].name, "type") == 0 &&
			    strcmp(u->pairs[i].value,
			    u->pairs[k].value) != 0));
	}
	if (strncmp(strchr(v->rule, ' ') + 1, "/distribution/", 14) == 0)
		check_registry(strstr(u->path, "/distribution/") + 14);
	if (strcmp(v->method, "POST") == 0) {
		CHECK(policy_action(row.action, &action, &e) == 0);
		CHECK(policy->actions & action);
		CHECK(v->kind == ANSWER_ACTION);
	} else
		CHECK(row.action[0] == '\0' && v->kind != ANSWER_ACTION);
	if (row.kind == ANSWER_REDACTED)
		CHECK((v->kind == ANSWER_REDACTED) == policy->redact);
	CHECK(v->head == (strcmp(v->method, "HEAD") == 0));
}

static void
check_refused(const struct verdict *v)
{
	const char *p;

	CHECK(v->target[0] == '\0' && v->reason[0] != '\0');
	CHECK(v->status == 400 || v->status == 403 || v->status == 404 ||
	    v->status == 405 || v->status == 414);
	for (p = v->reason; *p != '\0'; p++)
		CHECK(*p >= ' ' && *p < 0x7f);
}

static int
judge(const struct policy *policy, const char *method, const char *target,
    size_t len)
{
	static struct verdict v, again;
	static struct url meant, seen;

	policy_judge(policy, method, target, len, &v);
	CHECK(v.rule[0] != '\0' && v.route_class[0] != '\0');
	if (v.status != 0) {
		check_refused(&v);
		return v.status;
	}
	CHECK(strcmp(method, v.method) == 0);
	check_canonical(v.target);
	read_url(&meant, target, len);
	read_url(&seen, v.target, strlen(v.target));
	check_same(&meant, &seen, v.dropped);
	check_row(&seen, policy, &v);
	/* Percent-encoding can make what was short enough too long. */
	if (strlen(v.target) > MUZZLE_TARGET_MAX)
		return 0;
	policy_judge(policy, v.method, v.target, strlen(v.target), &again);
	CHECK(again.status == 0 && again.dropped[0] == '\0' &&
	    again.rule == v.rule &&
	    again.kind == v.kind && again.head == v.head &&
	    strcmp(again.method, v.method) == 0 &&
	    strcmp(again.target, v.target) == 0);
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct policy closed = { .redact = true };
	struct policy open = { .actions = ALL_ACTIONS,
	    .registries = "docker.io,a:1" };
	struct policy_limits by = { 0, false };
	const char *space, *target;
	char method[32];
	size_t len;
	int status;

	if (size > 0 && data[size - 1] == '\n')
		size--;		/* corpus files end as text does */
	space = size == 0 ? NULL : memchr(data, ' ', size);
	if (space == NULL || space == (const char *)data ||
	    (size_t)(space - (const char *)data) >= sizeof(method))
		return 0;
	memcpy(method, data, (size_t)(space - (const char *)data));
	method[space - (const char *)data] = '\0';
	if (strlen(method) != (size_t)(space - (const char *)data))
		return 0;
	target = space + 1;
	len = size - strlen(method) - 1;
	status = judge(&open, method, target, len);
	by.actions_closed = (unsigned)(len * 2654435761U >> 8) & ALL_ACTIONS;
	open = policy_narrow(open, &by);
	if (judge(&open, method, target, len) == 0)
		CHECK(status == 0);
	if (judge(&closed, method, target, len) == 0)
		CHECK(status == 0 && strcmp(method, "POST") != 0);
	return 0;
}
