/* SPDX-License-Identifier: ISC */
/*
 * Takes the text of one setting, wherever it comes from, and keeps what was
 * wrong.  What a higher origin has set is hidden from lower ones, yet every
 * value is checked, and every error reported.
 */
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "conf.h"
#include "orthrus/base/mem.h"
#include "orthrus/base/text.h"

struct config *
loader_config(const struct loader *l)
{
	return (struct config *)l->c;	/* whose head it is */
}

bool *
loader_given_to(const struct loader *l, const struct keyword *kw)
{
	return &l->given[kw - l->c->program->rows];
}

bool
loader_given(const struct loader *l, const char *section, const char *key)
{
	return *loader_given_to(l, keyword_by_key(l->c->program, section,
	    key));
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

void
loader_blame(struct loader *l, const struct setting *s, struct error *e)
{
	char option[OPTION_TEXT_MAX];

	if (s->origin == FROM_ENVIRONMENT)
		error_prefix(e, "environment %s", s->from->env);
	else if (s->origin == FROM_FILE)
		error_prefix(e, "%s", s->from->key);
	else if (s->origin == FROM_SSH_CONFIG)
		error_prefix(e, "%s:%u: %s", s->file, s->line, s->kw->key);
	else if (s->origin == FROM_DEFAULT)
		error_prefix(e, "%s", s->kw->key);
	else
		error_prefix(e, "%s", option_text(s->from, option));
	loader_fail(l, s->origin, s->line, e->text);
}

void
loader_take_one(struct loader *l, const struct keyword *kw, enum origin origin,
    unsigned line, const char *label, const char *value)
{
	struct setting s = { keyword_first(l->c->program, kw), kw, origin, line,
	    label == NULL ? NULL : xstrdup(label), xstrdup(value), NULL, NULL };
	struct config_head *c = l->c;
	struct error e;
	int r;

	if (origin == FROM_SSH_CONFIG)
		s.file = xstrdup(l->source);
	if (setting_is_hidden(c, s.kw, origin))
		c = l->hidden;
	if (value[0] == '\0')
		r = error_set(&e, EX_CONFIG, "an empty value; write one, or "
		    "leave it out");
	else if (value[0] == '"' || value[0] == '\'')
		r = error_set(&e, EX_CONFIG, "%s: write the value without "
		    "quotes", kw->flags & (KW_SECRET | KW_PASSWORD) ? "***" :
		    value);
	else if (!text_clean(value, strlen(value)))
		r = error_set(&e, EX_CONFIG, "not UTF-8 text without control "
		    "characters");
	else
		r = kw->set(c, &s, &e);
	if (r == 0) {
		setting_keep(c, &s);
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
	char *copy = xstrdup(text), *rest = copy, *one;

	*loader_given_to(l, keyword_first(l->c->program, kw)) = true;
	if (!list)
		loader_take_one(l, kw, origin, line, label, copy);
	while (list && (one = text_next_word(&rest)) != NULL)
		loader_take_one(l, kw, origin, line, label, one);
	sodium_memzero(copy, strlen(text));
	free(copy);
}
