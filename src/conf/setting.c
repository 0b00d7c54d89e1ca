/* SPDX-License-Identifier: ISC */
/* The settings that are in effect, one by one. */
#include <stdlib.h>
#include <string.h>

#include "conf.h"
#include "orthrus/base/mem.h"

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
	free(s->file);
	free(s->note);
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

const struct setting *
setting_plain(const struct config_head *c, const char *key, const char *value)
{
	const struct setting *s;
	size_t i;

	for (i = 0; i < c->nsettings; i++) {
		s = &c->settings[i];
		if (s->kw->section == NULL && strcmp(s->kw->key, key) == 0 &&
		    (value == NULL || strcmp(s->value, value) == 0))
			return s;
	}
	return NULL;
}

const struct setting *
setting_nth(const struct config_head *c, const struct keyword *kw, size_t n)
{
	size_t i;

	for (i = 0; i < c->nsettings; i++) {
		if (c->settings[i].kw == kw && n-- == 0)
			return &c->settings[i];
	}
	return NULL;
}

void
setting_keep(struct config_head *c, const struct setting *s)
{
	size_t i = c->nsettings;

	/* Some have several files, too, by default or of one line. */
	if (!(s->kw->flags & KW_MANY) && s->origin < FROM_SSH_CONFIG) {
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

bool
setting_is_hidden(const struct config_head *c, const struct keyword *kw,
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
