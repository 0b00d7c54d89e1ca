/* SPDX-License-Identifier: ISC */
/* See registry_fixture.h. */
#include "registry_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "orthrus/base/mem.h"

int
place_make(void **state)
{
	struct place *w = xcalloc(1, sizeof(*w));

	*state = w;
	snprintf(w->dir, sizeof(w->dir), "/tmp/orthrus-registry.XXXXXX");
	if (mkdtemp(w->dir) == NULL)
		return -1;
	snprintf(w->path, sizeof(w->path), "%s/state/registry.db", w->dir);
	w->r = registry_open(w->path, true, BUSY_MS, &w->e);
	if (w->r == NULL)
		print_error("%s\n", w->e.text);
	return w->r == NULL ? -1 : 0;
}

int
place_remove(void **state)
{
	struct place *w = *state;
	char *line = xasprintf("rm -rf '%s'", w->dir);
	int r;

	registry_close(w->r);
	r = system(line);
	free(line);
	free(w);
	return r;
}

struct registry *
place_open(struct place *w)
{
	struct registry *r = registry_open(w->path, false, BUSY_MS, &w->e);

	if (r == NULL)
		fail_msg("%s", w->e.text);
	return r;
}

const uint8_t *
key_of(uint8_t n)
{
	static uint8_t keys[256][ED25519_KEY_LEN];

	memset(keys[n], n, sizeof(keys[n]));
	return keys[n];
}

struct auth_key
must_add(struct place *w, const char *name)
{
	struct auth_key auth = { 0 };

	if (registry_add(w->r, PEER_AGENT, name, NULL, NULL, &auth,
	    &w->e) != 0)
		fail_msg("%s", w->e.text);
	return auth;
}

struct peer
must_find(struct place *w, const char *name)
{
	struct peer p;
	int found = registry_find(w->r, name, &p, &w->e);

	if (found != 1)
		fail_msg("%s: %s", name, found == 0 ? "not found" : w->e.text);
	return p;
}

struct certificate
must_enrol(struct place *w, const struct auth_key *auth, const uint8_t *key)
{
	struct certificate c;

	if (registry_enrol(w->r, auth, key, WEEK, &c, &w->e) != 0)
		fail_msg("%s", w->e.text);
	return c;
}

struct certificate
must_renew(struct place *w, uint64_t id, uint64_t serial, const uint8_t *key)
{
	struct certificate c;

	if (registry_renew(w->r, id, serial, key, WEEK, &c, &w->e) != 0)
		fail_msg("%s", w->e.text);
	return c;
}

bool
lets_in(struct place *w, const struct certificate *c)
{
	struct peer p;
	int r = registry_certificate_valid(w->r, c->key_id, c->serial, c->key,
	    &p, &w->e);

	if (r == -1)
		fail_msg("%s", w->e.text);
	if (r == 1)
		assert_string_equal(p.name, c->key_id);
	return r == 1;
}

void
expect_error(const struct error *e, int code, const char *text)
{
	if (e->code != code || strstr(e->text, text) == NULL)
		fail_msg("expected %d and \"%s\", got %d and \"%s\"", code,
		    text, e->code, e->text);
	assert_null(strchr(e->text, '\n'));
}

int
run_sql(const char *path, const char *text)
{
	sqlite3 *db = NULL;
	int code = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_exec(db, text, NULL, NULL, NULL);
	sqlite3_close(db);
	return code;
}
