/*
 * Puts the configuration together: options, environment, file, defaults.  What
 * a higher origin has set is hidden from lower ones, yet every value is
 * checked, and every error reported.
 */
#include <stdlib.h>
#include <string.h>

#include "conf.h"
#include "orthrus/base/mem.h"
#include "orthrus/base/text.h"

static size_t
row(const struct loader *l, const struct keyword *kw)
{
	return (size_t)(kw - l->c->program->rows);
}

void
setting_add(struct config_head *c, const struct setting *s)
{
	c->settings = xreallocarray(c->settings, c->nsettings + 1,
	    sizeof(*c->settings));
	c->settings[c->nsettings++] = *s;
}

void
setting_clear(struct setting *s)
{
	free(s->label);
	secret_free(s->value);		/* it may be one */
}

struct setting *
setting_find(const struct config_head *c, const char *section,
    const char *key)
{
	const struct keyword *kw = keyword_by_key(c->program, section, key);
	size_t i;

	for (i = 0; i < c->nsettings; i++) {
		if (c->settings[i].kw == kw)
			return &c->settings[i];
	}
	return NULL;
}

bool
loader_given(const struct loader *l, const char *section, const char *key)
{
	return l->given[row(l, keyword_by_key(l->c->program, section, key))];
}

bool
loader_unclear(const struct loader *l)
{
	return l->unclear || (l->c->file == NULL && l->given[0]);
}

void
loader_fail(struct loader *l, enum origin origin, unsigned line,
    const char *text)
{
	struct problem *p;

	l->problems = xreallocarray(l->problems, l->nproblems + 1,
	    sizeof(*l->problems));
	p = &l->problems[l->nproblems++];
	p->origin = origin;
	p->line = line;
	if (origin == FROM_FILE && line > 0)
		p->text = xasprintf("%s:%u: %s", l->c->file, line, text);
	else if (origin == FROM_FILE)
		p->text = xasprintf("%s: %s", l->c->file, text);
	else
		p->text = xstrdup(text);
	/* Two empty items of a list are one mistake. */
	if (l->nproblems > 1 && p[-1].origin == origin && p[-1].line == line &&
	    strcmp(p[-1].text, p->text) == 0) {
		free(p->text);
		l->nproblems--;
	}
}

/* The last of several options counts; a list grows. */
static void
keep(struct config_head *c, const struct setting *s)
{
	size_t i = c->nsettings;

	if (!(s->kw->flags & KW_MANY) && s->origin != FROM_DEFAULT) {
		for (i = 0; i < c->nsettings; i++) {
			if (c->settings[i].kw == s->kw)
				break;
		}
	}
	if (i == c->nsettings)
		setting_add(c, s);
	else {
		setting_clear(&c->settings[i]);
		c->settings[i] = *s;
	}
}

/* Is kw set by an origin that comes before this one? */
static bool
is_hidden(const struct config_head *c, const struct keyword *kw,
    enum origin origin)
{
	size_t i;

	for (i = 0; i < c->nsettings; i++) {
		if (c->settings[i].kw == kw)
			return c->settings[i].origin < origin &&
			    !(kw->flags & KW_ADD);
	}
	return false;
}

void
loader_blame(struct loader *l, const struct setting *s, struct error *e)
{
	if (s->origin == FROM_ENVIRONMENT)
		error_prefix(e, "environment %s", s->from->env);
	else if (s->origin == FROM_FILE)
		error_prefix(e, "%s", s->from->key);
	else if (s->origin == FROM_DEFAULT)
		error_prefix(e, "%s", s->kw->key);
	else if (s->from->option != NULL)
		error_prefix(e, "option --%s", s->from->option);
	loader_fail(l, s->origin, s->line, e->text);
}

static void
take_one(struct loader *l, const struct keyword *kw, enum origin origin,
    unsigned line, const char *label, const char *value)
{
	struct setting s = { keyword_first(l->c->program, kw), kw, origin, line,
	    label == NULL ? NULL : xstrdup(label), xstrdup(value) };
	struct config_head *c = l->c;
	struct error e;
	int r;

	if (is_hidden(c, s.kw, origin))
		c = l->hidden;
	if (value[0] == '\0')
		r = error_set(&e, EX_CONFIG, "an empty value; write one, or "
		    "leave it out");
	else if (value[0] == '"' || value[0] == '\'')
		r = error_set(&e, EX_CONFIG, "%s: write the value without "
		    "quotes", kw->flags & KW_SECRET ? "***" : value);
	else if (!text_clean(value, strlen(value)))
		r = error_set(&e, EX_CONFIG, "not UTF-8 text without control "
		    "characters");
	else
		r = kw->set(c, &s, &e);
	if (r == 0) {
		keep(c, &s);
		return;
	}
	loader_blame(l, &s, &e);
	setting_clear(&s);
}

void
loader_take(struct loader *l, const struct keyword *kw, enum origin origin,
    unsigned line, const char *label, const char *text)
{
	bool list = (kw->flags & KW_LIST) && label == NULL &&
	    (origin == FROM_ENVIRONMENT || origin == FROM_FILE ||
	    (kw->flags & KW_COMMA));
	char *copy = xstrdup(text), *rest = copy, *one, *end;

	l->given[row(l, keyword_first(l->c->program, kw))] = true;
	while ((one = list ? strsep(&rest, ",") : rest) != NULL) {
		if (list) {
			one += strspn(one, " ");
			for (end = one + strlen(one); end > one &&
			    end[-1] == ' '; end--)
				end[-1] = '\0';
		}
		take_one(l, kw, origin, line, label, one);
		if (!list)
			break;
	}
	explicit_bzero(copy, strlen(text));
	free(copy);
}

/* A variable that is set to nothing counts as not set, as with compose. */
static void
load_environment(struct loader *l)
{
	const struct program *p = l->c->program;
	const struct keyword *kw;
	const char *value;

	for (kw = p->rows; kw < p->rows + p->n; kw++) {
		if (kw->env == NULL)
			continue;
		value = getenv(kw->env);
		if (value != NULL && value[0] != '\0')
			loader_take(l, kw, FROM_ENVIRONMENT, 0, NULL, value);
	}
}

/* In the order of the table, for one default may rest on another. */
static void
load_default(struct loader *l, const struct keyword *kw)
{
	char *value;
	unsigned i;

	if (l->given[row(l, kw)])
		return;
	if (kw->fallback != NULL)
		take_one(l, kw, FROM_DEFAULT, 0, NULL, kw->fallback);
	if (kw->initial == NULL)
		return;
	for (i = 0; (value = kw->initial(l->c, i)) != NULL; i++) {
		take_one(l, kw, FROM_DEFAULT, 0, NULL, value);
		free(value);
	}
}

static int
compare(const void *va, const void *vb)
{
	const struct problem *a = *(struct problem *const *)va;
	const struct problem *b = *(struct problem *const *)vb;

	if (a->origin != b->origin)
		return a->origin < b->origin ? -1 : 1;
	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	return a < b ? -1 : a > b;
}

/* Tells all that is wrong and returns the exit code for it. */
static int
report_problems(struct loader *l, void (*report)(void *, const char *),
    void *arg)
{
	struct problem **sorted = xcalloc(l->nproblems, sizeof(*sorted));
	size_t i;

	for (i = 0; i < l->nproblems; i++)
		sorted[i] = &l->problems[i];
	qsort(sorted, l->nproblems, sizeof(*sorted), compare);
	for (i = 0; i < l->nproblems; i++) {
		report(arg, sorted[i]->text);
		free(sorted[i]->text);
	}
	free(sorted);
	free(l->problems);
	return l->misused ? EX_USAGE : EX_CONFIG;
}

static struct config_head *
head_new(const struct program *p)
{
	struct config_head *c = xcalloc(1, p->size);

	c->program = p;
	return c;
}

void
head_free(struct config_head *c)
{
	if (c == NULL)
		return;
	while (c->nsettings > 0)
		setting_clear(&c->settings[--c->nsettings]);
	free(c->settings);
	free(c->file);
	c->program->clear(c);
	free(c);
}

void
loader_begin(struct loader *l, const struct program *p, int argc, char **argv)
{
	size_t i;

	memset(l, 0, sizeof(*l));
	l->c = head_new(p);
	l->hidden = head_new(p);
	l->given = xcalloc(p->n, sizeof(*l->given));
	load_options(l, argc, argv);
	l->misused = l->nproblems > 0;
	load_environment(l);
	load_default(l, &p->rows[0]);		/* which file to read */
	if (l->c->file != NULL)
		load_file(l);
	for (i = 1; i < p->n; i++)
		load_default(l, &p->rows[i]);
}

void *
loader_end(struct loader *l, void (*report)(void *, const char *), void *arg,
    int *code)
{
	if (l->nproblems > 0) {
		*code = report_problems(l, report, arg);
		head_free(l->c);
		l->c = NULL;
	}
	free(l->given);
	head_free(l->hidden);
	return l->c;
}
