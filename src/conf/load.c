/* SPDX-License-Identifier: ISC */
/*
 * Puts the configuration together: options, environment, file, defaults; and
 * tells all that was wrong.
 */
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "conf.h"
#include "orthrus/base/mem.h"

/*
 * /proc/PID/environ shows what a process was started with, for as long as it
 * runs; and so does that of whatever it starts.
 */
static void
forget_variable(const char *name, char *value)
{
	if (value[0] == '\0')
		return;		/* that it is empty may be told later */
	sodium_memzero(value, strlen(value));
	unsetenv(name);
}

/*
 * A variable that is set to nothing counts as not set, as it does for Docker
 * Compose.
 */
static void
load_environment(struct loader *l)
{
	const struct program *p = l->c->program;
	const struct keyword *kw;
	char *value;

	for (kw = p->rows; kw < p->rows + p->n; kw++) {
		if (kw->env == NULL)
			continue;
		value = getenv(kw->env);
		if (value != NULL && value[0] != '\0')
			loader_take(l, kw, FROM_ENVIRONMENT, 0, NULL, value);
		if (value != NULL && (kw->flags & KW_SECRET))
			forget_variable(kw->env, value);
		else if (value != NULL && (kw->flags & KW_PASSWORD))
			hide_in_variable(kw->env, value);
	}
}

/* Called in the order of the table, since one default may rest on another. */
static void
load_default(struct loader *l, const struct keyword *kw)
{
	char *value;
	unsigned i;

	if (*loader_given_to(l, kw))
		return;
	if (kw->fallback != NULL)
		loader_take_one(l, kw, FROM_DEFAULT, 0, NULL, kw->fallback);
	if (kw->initial == NULL)
		return;
	for (i = 0; (value = kw->initial(l->c, i)) != NULL; i++) {
		loader_take_one(l, kw, FROM_DEFAULT, 0, NULL, value);
		free(value);
	}
}

static int
compare_problems(const void *va, const void *vb)
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
	qsort(sorted, l->nproblems, sizeof(*sorted), compare_problems);
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
	if (p->before_defaults != NULL)
		p->before_defaults(l);
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
