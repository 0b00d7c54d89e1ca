/* SPDX-License-Identifier: ISC */
/* The registry's peers: added, found, listed, seen, changed, removed. */
#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <sodium.h>

#include "../../src/registry/registry_private.h"
#include "registry_fixture.h"

#define MANY 10000

static void
test_add_and_find(void **state)
{
	struct place *w = *state;
	struct auth_key auth = must_add(w, "vps-london-01"), other;
	struct peer p = must_find(w, "vps-london-01"), q;

	assert_int_not_equal(auth.id, 0);
	assert_false(sodium_is_zero(auth.secret, sizeof(auth.secret)));
	assert_true(p.id == auth.id);
	assert_int_equal(p.kind, PEER_AGENT);
	assert_true(llabs(p.created - (int64_t)time(NULL)) < 60);
	assert_false(p.enrolled);
	assert_false(p.has_key);
	assert_false(p.online);
	assert_int_equal(p.last_seen, 0);
	assert_string_equal(p.allow, "");
	assert_int_equal(p.hello.kind, LEASH_UNKNOWN);

	assert_int_equal(registry_find_id(w->r, auth.id, &q, &w->e), 1);
	assert_string_equal(q.name, "vps-london-01");
	assert_int_equal(registry_find_id(w->r, auth.id + 1, &q, &w->e), 0);
	assert_int_equal(registry_find(w->r, "vps-london-0", &q, &w->e), 0);
	assert_int_equal(registry_find(w->r, "VPS-LONDON-01", &q, &w->e), 0);

	other = must_add(w, "other");
	assert_true(other.id != auth.id);
	assert_int_not_equal(sodium_memcmp(other.secret, auth.secret,
	    sizeof(auth.secret)), 0);
}

static void
test_clients(void **state)
{
	struct place *w = *state;
	struct auth_key auth = { 0 };
	struct peer p;

	assert_int_equal(registry_add(w->r, PEER_CLIENT, "anna", "a:80,egress",
	    key_of(7), &auth, &w->e), 0);
	assert_int_equal(auth.id, 0);
	p = must_find(w, "anna");
	assert_int_equal(p.kind, PEER_CLIENT);
	assert_true(p.has_key);
	assert_memory_equal(p.key, key_of(7), ED25519_KEY_LEN);
	assert_string_equal(p.allow, "a:80,egress");

	assert_int_equal(registry_add(w->r, PEER_CLIENT, "ben", "a:*", NULL,
	    &auth, &w->e), 0);
	p = must_find(w, "ben");
	assert_true(auth.id == p.id);
	assert_false(p.has_key);
	assert_int_equal(must_enrol(w, &auth, key_of(1)).type, CERT_USER);

	/* There is no AUTH_KEY to renew. */
	assert_int_equal(registry_rekey(w->r, "anna", &auth, &w->e), -1);
	expect_error(&w->e, EX_DATAERR, "a key of its own");
	assert_int_equal(registry_rekey(w->r, "ben", &auth, &w->e), 0);
}

static void
refuse(struct place *w, enum peer_kind kind, const char *name,
    const char *allow, const uint8_t *key, const char *text)
{
	struct auth_key auth = { 0 };

	assert_int_equal(registry_add(w->r, kind, name, allow, key, &auth,
	    &w->e), -1);
	expect_error(&w->e, EX_DATAERR, text);
	assert_true(sodium_is_zero((uint8_t *)&auth, sizeof(auth)));
}

static void
test_add_refused(void **state)
{
	struct place *w = *state;
	char longest[ALLOW_MAX + 1];

	must_add(w, "taken");
	refuse(w, PEER_AGENT, "taken", NULL, NULL, "already an agent called");
	refuse(w, PEER_CLIENT, "taken", "", key_of(1), "already an agent");
	assert_int_equal(registry_add(w->r, PEER_CLIENT, "anna", "a:1",
	    key_of(1), NULL, &w->e), 0);
	refuse(w, PEER_AGENT, "anna", NULL, NULL, "already a client called");
	refuse(w, PEER_CLIENT, "anna", "a:2", key_of(1),
	    "charon client allow anna --allow LIST");
	refuse(w, PEER_AGENT, "", NULL, NULL, "no name");
	refuse(w, PEER_AGENT, "../up", NULL, NULL, "no name");
	refuse(w, PEER_AGENT, "a';DROP TABLE peers;--", NULL, NULL, "no name");
	refuse(w, PEER_AGENT, "enroll", NULL, NULL, "choose another name");
	refuse(w, PEER_AGENT, "a", "b:1", NULL, "add a client");
	refuse(w, PEER_AGENT, "a", NULL, key_of(1), "add a client");
	memset(longest, 'a', ALLOW_MAX);
	longest[ALLOW_MAX] = '\0';
	refuse(w, PEER_CLIENT, "b", longest, key_of(1), "AGENT:*");
	longest[ALLOW_MAX - 1] = '\0';
	assert_int_equal(registry_add(w->r, PEER_CLIENT, "b", longest,
	    key_of(1), NULL, &w->e), 0);
	assert_string_equal(must_find(w, "b").allow, longest);
	/* Text is data: it is never a part of a statement. */
	assert_int_equal(registry_add(w->r, PEER_CLIENT, "c",
	    "x', 1); DROP TABLE peers; --", key_of(1), NULL, &w->e), 0);
	assert_string_equal(must_find(w, "c").allow,
	    "x', 1); DROP TABLE peers; --");
}

static void
test_set_allow(void **state)
{
	struct place *w = *state;
	char longest[ALLOW_MAX + 1];
	struct auth_key auth;
	struct peer p, q;

	must_add(w, "agent");
	assert_int_equal(registry_add(w->r, PEER_CLIENT, "anna", "a:80",
	    key_of(7), NULL, &w->e), 0);
	assert_int_equal(registry_add(w->r, PEER_CLIENT, "ben", "a:80", NULL,
	    &auth, &w->e), 0);
	must_enrol(w, &auth, key_of(1));
	p = must_find(w, "ben");
	assert_int_equal(registry_set_allow(w->r, "ben", "b:*,egress", &w->e),
	    0);
	q = must_find(w, "ben");
	assert_string_equal(q.allow, "b:*,egress");
	/* It is still the same client, and nobody else has changed. */
	assert_true(q.id == p.id && q.created == p.created && q.enrolled);
	assert_string_equal(must_find(w, "anna").allow, "a:80");
	assert_int_equal(registry_set_allow(w->r, "anna", "", &w->e), 0);
	assert_string_equal(must_find(w, "anna").allow, "");
	assert_true(must_find(w, "anna").has_key);

	assert_int_equal(registry_set_allow(w->r, "agent", "a:1", &w->e), -1);
	expect_error(&w->e, EX_NOUSER, "agent is the name of an agent");
	assert_string_equal(must_find(w, "agent").allow, "");
	assert_int_equal(registry_set_allow(w->r, "carl", "a:1", &w->e), -1);
	expect_error(&w->e, EX_NOUSER, "no client called \"carl\"");
	memset(longest, 'a', ALLOW_MAX);
	longest[ALLOW_MAX] = '\0';
	assert_int_equal(registry_set_allow(w->r, "ben", longest, &w->e), -1);
	expect_error(&w->e, EX_DATAERR, "AGENT:*");
	assert_string_equal(must_find(w, "ben").allow, "b:*,egress");
}

static void
test_docker_port(void **state)
{
	struct place *w = *state;

	must_add(w, "a");
	must_add(w, "b");
	assert_int_equal(registry_add(w->r, PEER_CLIENT, "c", "a:*",
	    key_of(1), NULL, &w->e), 0);
	assert_int_equal(must_find(w, "a").docker_port, 0);
	assert_int_equal(registry_set_docker_port(w->r, "a", 2401, &w->e), 0);
	assert_int_equal(must_find(w, "a").docker_port, 2401);
	assert_int_equal(registry_set_docker_port(w->r, "a", 2401, &w->e), 0);
	assert_int_equal(registry_set_docker_port(w->r, "b", 2401, &w->e), -1);
	expect_error(&w->e, EX_DATAERR, "2401 is agent a's already");
	assert_int_equal(must_find(w, "b").docker_port, 0);
	assert_int_equal(registry_set_docker_port(w->r, "b", 65535, &w->e), 0);
	assert_int_equal(must_find(w, "b").docker_port, 65535);
	assert_int_equal(registry_set_docker_port(w->r, "a", 0, &w->e), 0);
	assert_int_equal(registry_set_docker_port(w->r, "b", 0, &w->e), 0);
	assert_int_equal(registry_set_docker_port(w->r, "b", 2401, &w->e), 0);
	assert_int_equal(registry_set_docker_port(w->r, "c", 2402, &w->e), -1);
	expect_error(&w->e, EX_NOUSER, "the name of a client");
	assert_int_equal(registry_set_docker_port(w->r, "d", 2402, &w->e), -1);
	expect_error(&w->e, EX_NOUSER, "no agent called");
	/* It goes with its agent. */
	assert_int_equal(registry_remove(w->r, PEER_AGENT, "b", &w->e), 0);
	assert_int_equal(registry_set_docker_port(w->r, "a", 2401, &w->e), 0);
}

static void
test_remove(void **state)
{
	struct place *w = *state;
	struct auth_key first = must_add(w, "here");
	struct peer p;

	assert_int_equal(registry_remove(w->r, PEER_CLIENT, "here", &w->e),
	    -1);
	expect_error(&w->e, EX_NOUSER, "charon agent remove here");
	assert_int_equal(registry_remove(w->r, PEER_AGENT, "gone", &w->e), -1);
	expect_error(&w->e, EX_NOUSER, "no agent called \"gone\"");
	assert_int_equal(registry_rekey(w->r, "gone", &first, &w->e), -1);
	expect_error(&w->e, EX_NOUSER, "gone");
	assert_int_equal(registry_remove(w->r, PEER_AGENT, "here", &w->e), 0);
	assert_int_equal(registry_find(w->r, "here", &p, &w->e), 0);
	assert_int_equal(registry_remove(w->r, PEER_AGENT, "here", &w->e), -1);
	/* Another of the same name is another. */
	assert_true(must_add(w, "here").id != first.id);
}

static void
collect(void *arg, const struct peer *p)
{
	char *all = arg;

	strcat(all, p->name);
	strcat(all, " ");
}

static void
test_each_in_order(void **state)
{
	struct place *w = *state;
	char all[128] = "";

	must_add(w, "b");
	must_add(w, "c-1");
	assert_int_equal(registry_add(w->r, PEER_CLIENT, "a", "", key_of(1),
	    NULL, &w->e), 0);
	assert_int_equal(registry_each(w->r, collect, all, &w->e), 0);
	assert_string_equal(all, "a b c-1 ");
}

/* --- what was seen ---------------------------------------------------- */

static void
seen(struct place *w, const struct peer *p)
{
	assert_int_equal(registry_seen_begin(w->r, &w->e), 0);
	assert_int_equal(registry_seen(w->r, p, &w->e), 0);
	assert_int_equal(registry_seen_commit(w->r, &w->e), 0);
}

static void
test_seen(void **state)
{
	struct place *w = *state;
	struct peer p, q;

	must_add(w, "a");
	p = must_find(w, "a");
	p.last_seen = 1700000000;
	p.online = true;
	p.load = 1.25;
	p.memory_used = 5;
	p.memory_total = UINT64_C(1) << 40;
	seen(w, &p);
	p.hello.kind = LEASH_HELLO;
	strcpy(p.hello.hello.name, "a");
	strcpy(p.hello.hello.version, "0.1.0");
	strcpy(p.hello.hello.hostname, "\xc3\xa4");
	p.hello.hello.docker = true;
	p.hello.hello.nports = 2;
	p.hello.hello.ports[0].port = 9100;
	strcpy(p.hello.hello.ports[0].name, "metrics");
	p.hello.hello.ports[1].port = 65535;
	seen(w, &p);
	/* One that says nothing of itself leaves what was known. */
	q = p;
	memset(&q.hello, 0, sizeof(q.hello));
	q.last_seen++;
	seen(w, &q);

	registry_close(w->r);
	w->r = place_open(w);
	q = must_find(w, "a");
	assert_int_equal(q.last_seen, 1700000001);
	assert_true(q.online);
	assert_true(q.load == 1.25);
	assert_int_equal(q.memory_used, 5);
	assert_true(q.memory_total == UINT64_C(1) << 40);
	assert_int_equal(q.hello.kind, LEASH_HELLO);
	assert_string_equal(q.hello.hello.hostname, "\xc3\xa4");
	assert_true(q.hello.hello.docker);
	assert_int_equal(q.hello.hello.nports, 2);
	assert_int_equal(q.hello.hello.ports[0].port, 9100);
	assert_string_equal(q.hello.hello.ports[0].name, "metrics");
	assert_int_equal(q.hello.hello.ports[1].port, 65535);

	assert_int_equal(registry_all_offline(w->r, &w->e), 0);
	assert_false(must_find(w, "a").online);
	assert_int_equal(must_find(w, "a").last_seen, 1700000001);
}

/* A heartbeat of one that was removed meanwhile disturbs no other. */
static void
test_seen_of_removed(void **state)
{
	struct place *w = *state;
	struct peer a, b;

	must_add(w, "a");
	must_add(w, "b");
	a = must_find(w, "a");
	b = must_find(w, "b");
	a.last_seen = b.last_seen = 5;
	a.hello.kind = b.hello.kind = LEASH_HELLO;
	strcpy(a.hello.hello.name, "a");
	strcpy(b.hello.hello.name, "b");
	assert_int_equal(registry_remove(w->r, PEER_AGENT, "a", &w->e), 0);
	assert_int_equal(registry_seen_begin(w->r, &w->e), 0);
	assert_int_equal(registry_seen(w->r, &a, &w->e), 0);
	assert_int_equal(registry_seen(w->r, &b, &w->e), 0);
	assert_int_equal(registry_seen_commit(w->r, &w->e), 0);
	assert_int_equal(registry_find(w->r, "a", &a, &w->e), 0);
	assert_int_equal(must_find(w, "b").last_seen, 5);
}

static int
setting(struct database *d, const char *query)
{
	sqlite3_stmt *s;
	int value;

	assert_int_equal(sqlite3_prepare_v2(d->db, query, -1, &s, NULL),
	    SQLITE_OK);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	value = sqlite3_column_int(s, 0);
	sqlite3_finalize(s);
	return value;
}

/* What no kill can show: the disk is waited for (2), or not (1). */
static void
test_forced_to_disk(void **state)
{
	struct place *w = *state;

	must_add(w, "a");
	assert_int_equal(registry_all_offline(w->r, &w->e), 0);
	assert_int_equal(setting(&w->r->main, "PRAGMA synchronous"), 2);
	assert_int_equal(setting(&w->r->seen, "PRAGMA synchronous"), 1);
	assert_int_equal(setting(&w->r->main, "PRAGMA foreign_keys"), 1);
	assert_int_equal(setting(&w->r->seen, "PRAGMA foreign_keys"), 1);
	assert_int_equal(setting(&w->r->main, "PRAGMA busy_timeout"),
	    BUSY_MS);
}

/* --- ten thousand ----------------------------------------------------- */

/* All that a login, an enrolment, a renewal or a heartbeat runs. */
static const enum sql on_the_way[] = {
	SQL_PEER_BY_NAME, SQL_PEER_BY_ID, SQL_SECRET_BY_ID, SQL_SECRET_WAS,
	SQL_SECRET_USE, SQL_SECRET_CLOSE, SQL_CERTIFICATE_ADD,
	SQL_CERTIFICATE_AGAIN, SQL_CERTIFICATE_EXTEND,
	SQL_CERTIFICATE_BY_SERIAL, SQL_CERTIFICATE_COUNT,
	SQL_CERTIFICATE_STATE, SQL_CERTIFICATE_OLDER,
	SQL_CERTIFICATE_REVOKE_OLDER, SQL_CERTIFICATE_REVOKE_ALL,
	SQL_CERTIFICATE_EXPIRE, SQL_CERTIFICATE_EXPIRE_PEER, SQL_SEEN,
	SQL_SEEN_HELLO, SQL_CHANGES_RANGE, SQL_CHANGES, SQL_CHANGES_PRUNE,
	SQL_PEER_KIND, SQL_PEER_ADD, SQL_PEER_REKEY, SQL_PEER_REMOVE,
	SQL_SECRET_KEEP, SQL_PEER_DOCKER_PORT, SQL_PEER_BY_DOCKER_PORT,
};

/* Whether SQLite would walk through a table or an index for it. */
static bool
walks(sqlite3 *db, enum sql which)
{
	char text[2048];
	sqlite3_stmt *s = NULL;
	const char *detail;
	bool found = false;

	snprintf(text, sizeof(text), "EXPLAIN QUERY PLAN %s",
	    sql_text[which]);
	if (sqlite3_prepare_v2(db, text, -1, &s, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql_text[which], sqlite3_errmsg(db));
	while (sqlite3_step(s) == SQLITE_ROW) {
		detail = (const char *)sqlite3_column_text(s, 3);
		/* A subquery without a table is one row: no walk. */
		if (strstr(detail, "SCAN") != NULL &&
		    strstr(detail, "CONSTANT ROW") == NULL)
			found = true;
	}
	sqlite3_finalize(s);
	return found;
}

static void
test_many(void **state)
{
	struct place *w = *state;
	struct auth_key auth;
	char name[32];
	size_t i;

	/* In one go: a disk that syncs ten thousand times takes minutes. */
	assert_int_equal(sqlite3_exec(w->r->main.db, "WITH RECURSIVE n (i) AS "
	    "(SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000) "
	    "INSERT INTO peers (id, kind, name, created, allow, secret) "
	    "SELECT i * 1000003, 0, 'host-' || i, 1, '', randomblob(32) "
	    "FROM n; ANALYZE", NULL, NULL, NULL), SQLITE_OK);
	auth = must_add(w, "the-last");
	for (i = 1; i <= MANY; i += 999) {
		snprintf(name, sizeof(name), "host-%zu", i);
		assert_true(must_find(w, name).id == i * 1000003);
	}
	must_enrol(w, &auth, key_of(1));
	for (i = 0; i < sizeof(on_the_way) / sizeof(on_the_way[0]); i++)
		if (walks(w->r->main.db, on_the_way[i]))
			fail_msg("walks: %s", sql_text[on_the_way[i]]);
	/* The test can see a walk where there is one. */
	assert_true(walks(w->r->main.db, SQL_PEER_EACH));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, place_make, place_remove)
		TEST(test_add_and_find),
		TEST(test_clients),
		TEST(test_add_refused),
		TEST(test_set_allow),
		TEST(test_docker_port),
		TEST(test_remove),
		TEST(test_each_in_order),
		TEST(test_seen),
		TEST(test_seen_of_removed),
		TEST(test_forced_to_disk),
		TEST(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
