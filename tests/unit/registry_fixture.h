/* SPDX-License-Identifier: ISC */
/* A registry in a folder of its own, for the tests of the registry. */
#ifndef ORTHRUS_TESTS_REGISTRY_FIXTURE_H
#define ORTHRUS_TESTS_REGISTRY_FIXTURE_H

#include "orthrus/registry/registry.h"

#define BUSY_MS 150
#define WEEK (7 * 24 * 3600)

struct place {
	char dir[64];
	char path[128];			/* of the database */
	struct registry *r;		/* open, or NULL */
	struct error e;
};

/* cmocka's set-up and tear-down; *state is a struct place. */
int place_make(void **state);
int place_remove(void **state);

/* Another handle to the same file; fails the test when there is none. */
struct registry *place_open(struct place *w);

/* A key that is all n. */
const uint8_t *key_of(uint8_t n);

/* Each fails the test when it fails. */
struct auth_key must_add(struct place *w, const char *name);
struct peer must_find(struct place *w, const char *name);
struct certificate must_enrol(struct place *w, const struct auth_key *auth,
    const uint8_t *key);
struct certificate must_renew(struct place *w, uint64_t id, uint64_t serial,
    const uint8_t *key);
/* What certificate_valid says of a certificate as its owner shows it. */
bool lets_in(struct place *w, const struct certificate *c);

/* Fails unless *e has that code and holds text. */
void expect_error(const struct error *e, int code, const char *text);

/* Runs SQL that is not the registry's own; returns SQLite's code. */
int run_sql(const char *path, const char *text);

#endif
