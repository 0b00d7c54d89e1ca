/* SPDX-License-Identifier: ISC */
/* The registry's AUTH_KEYs and certificates, from enrolment to revocation. */
#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>

#include "orthrus/base/file.h"
#include "orthrus/base/mem.h"
#include "orthrus/proto/krl.h"
#include "orthrus/proto/wire.h"
#include "registry_fixture.h"

static void
refuse_auth(struct place *w, const struct auth_key *auth, int code,
    const char *text)
{
	struct certificate c;

	assert_false(registry_auth_key_valid(w->r, auth, &w->e));
	expect_error(&w->e, code, text);
	assert_int_equal(registry_enrol(w->r, auth, key_of(99), WEEK, &c,
	    &w->e), -1);
	expect_error(&w->e, code, text);
}

static void
test_enrol(void **state)
{
	struct place *w = *state;
	struct auth_key auth = must_add(w, "a");
	uint64_t now = (uint64_t)time(NULL);
	struct certificate c;

	assert_true(registry_auth_key_valid(w->r, &auth, &w->e));
	c = must_enrol(w, &auth, key_of(1));
	assert_int_not_equal(c.serial, 0);
	assert_int_equal(c.type, CERT_USER);
	assert_string_equal(c.key_id, "a");
	assert_int_equal(c.nprincipals, 1);
	assert_string_equal(c.principals[0], "a");
	assert_true(c.valid_after <= now - 60 && c.valid_after >= now - 70);
	assert_true(c.valid_before >= now + WEEK &&
	    c.valid_before <= now + WEEK + 10);
	assert_false(c.critical);
	assert_memory_equal(c.key, key_of(1), ED25519_KEY_LEN);
	assert_true(must_find(w, "a").enrolled);
	assert_true(lets_in(w, &c));
}

static void
test_auth_key_refused(void **state)
{
	struct place *w = *state;
	struct auth_key auth = must_add(w, "a"), bad = auth, old = auth;
	size_t i;

	for (i = 0; i < 32; i += 31) {
		bad = auth;
		bad.secret[i] ^= 1;
		refuse_auth(w, &bad, EX_DATAERR, "is wrong");
	}
	bad = auth;
	bad.id++;
	refuse_auth(w, &bad, EX_NOUSER, "removed");
	bad.id = 0;
	refuse_auth(w, &bad, EX_NOUSER, "removed");

	assert_int_equal(registry_rekey(w->r, "a", &auth, &w->e), 0);
	assert_true(auth.id == old.id);
	refuse_auth(w, &old, EX_DATAERR, "is revoked");
	assert_true(registry_auth_key_valid(w->r, &auth, &w->e));
	bad = auth;
	assert_int_equal(registry_rekey(w->r, "a", &auth, &w->e), 0);
	refuse_auth(w, &old, EX_DATAERR, "is revoked");
	refuse_auth(w, &bad, EX_DATAERR, "is revoked");
	must_enrol(w, &auth, key_of(1));

	assert_int_equal(registry_remove(w->r, PEER_AGENT, "a", &w->e), 0);
	refuse_auth(w, &auth, EX_NOUSER, "removed");

	assert_int_equal(registry_add(w->r, PEER_CLIENT, "anna", "",
	    key_of(1), NULL, &w->e), 0);
	bad.id = must_find(w, "anna").id;
	refuse_auth(w, &bad, EX_DATAERR, "has no AUTH_KEY");
}

/* Neither the database nor its log holds the secret itself. */
static void
test_secret_is_not_kept(void **state)
{
	static const char *const ends[] = { "", "-wal" };
	struct place *w = *state;
	struct auth_key auth = must_add(w, "a");
	size_t i, len;
	char *data, *path;

	for (i = 0; i < 2; i++) {
		path = xasprintf("%s%s", w->path, ends[i]);
		data = file_read(path, 1 << 26, &len, NULL);
		assert_non_null(data);
		assert_null(memmem(data, len, auth.secret, 16));
		assert_null(memmem(data, len, auth.secret + 16, 16));
		free(data);
		free(path);
	}
}

/* An agent that never got its answer asks again; nobody else may. */
static void
test_enrol_again(void **state)
{
	struct place *w = *state;
	struct auth_key auth = must_add(w, "a");
	struct certificate first = must_enrol(w, &auth, key_of(1)), c;
	int i;

	for (i = 0; i < 300; i++)
		c = must_enrol(w, &auth, key_of(1));
	assert_true(c.serial == first.serial);
	assert_true(registry_auth_key_valid(w->r, &auth, &w->e));
	assert_int_equal(registry_enrol(w->r, &auth, key_of(2), WEEK, &c,
	    &w->e), -1);
	expect_error(&w->e, EX_DATAERR, "used already");

	assert_in_range(registry_logged_in(w->r, auth.id, first.serial,
	    &w->e), 0, 1);
	refuse_auth(w, &auth, EX_DATAERR, "used already");
	assert_int_equal(registry_enrol(w->r, &auth, key_of(1), WEEK, &c,
	    &w->e), -1);
	expect_error(&w->e, EX_DATAERR, "used already");
	assert_true(lets_in(w, &first));

	/* A rekey begins anew, for the same key as well. */
	assert_int_equal(registry_rekey(w->r, "a", &auth, &w->e), 0);
	c = must_enrol(w, &auth, key_of(1));
	assert_true(c.serial > first.serial);
	assert_true(lets_in(w, &c));
	assert_false(lets_in(w, &first));
}

static void
test_certificate_refused(void **state)
{
	struct place *w = *state;
	struct auth_key a = must_add(w, "a"), b = must_add(w, "b");
	struct certificate c = must_enrol(w, &a, key_of(1)), bad;

	must_enrol(w, &b, key_of(2));
	bad = c;
	bad.serial += 1000;
	assert_false(lets_in(w, &bad));
	expect_error(&w->e, EX_NOPERM, "none of this gateway's");
	bad = c;
	bad.serial = UINT64_MAX;
	assert_false(lets_in(w, &bad));
	bad = c;
	strcpy(bad.key_id, "b");
	assert_false(lets_in(w, &bad));
	expect_error(&w->e, EX_NOPERM, "issued to another");
	bad = c;
	memcpy(bad.key, key_of(2), ED25519_KEY_LEN);
	assert_false(lets_in(w, &bad));
	expect_error(&w->e, EX_NOPERM, "another key");
	assert_true(lets_in(w, &c));
}

static void
test_renew(void **state)
{
	struct place *w = *state;
	struct auth_key auth = must_add(w, "a");
	struct certificate c, first, second, third;

	assert_int_equal(registry_renew(w->r, auth.id, 1, key_of(1), WEEK,
	    &c, &w->e), -1);
	expect_error(&w->e, EX_DATAERR, "is revoked");
	assert_int_equal(registry_renew(w->r, auth.id + 1, 1, key_of(1),
	    WEEK, &c, &w->e), -1);
	expect_error(&w->e, EX_NOUSER, "removed");

	first = must_enrol(w, &auth, key_of(1));
	second = must_renew(w, auth.id, first.serial, key_of(2));
	third = must_renew(w, auth.id, second.serial, key_of(3));
	assert_true(first.serial < second.serial);
	assert_true(second.serial < third.serial);
	assert_string_equal(third.principals[0], "a");
	assert_true(lets_in(w, &first) && lets_in(w, &second) &&
	    lets_in(w, &third));

	/* The older ones go when a newer one has come, and not before. */
	assert_in_range(registry_logged_in(w->r, auth.id, second.serial,
	    &w->e), 0, 1);
	assert_false(lets_in(w, &first));
	expect_error(&w->e, EX_NOPERM, "is revoked");
	assert_true(lets_in(w, &second) && lets_in(w, &third));
	assert_int_equal(registry_logged_in(w->r, auth.id, first.serial,
	    &w->e), -1);
	expect_error(&w->e, EX_NOUSER, "revoked meanwhile");
	assert_true(lets_in(w, &second));
	assert_in_range(registry_logged_in(w->r, auth.id, third.serial,
	    &w->e), 0, 1);
	assert_false(lets_in(w, &second));
	assert_true(lets_in(w, &third));
}

/* Whose a key is must be beyond doubt. */
static void
test_key_of_another(void **state)
{
	struct place *w = *state;
	struct auth_key a = must_add(w, "a"), b = must_add(w, "b"), used;
	struct certificate of_a = must_enrol(w, &a, key_of(1)), of_b, c;

	assert_int_equal(registry_add(w->r, PEER_CLIENT, "c", "egress",
	    key_of(7), &used, &w->e), 0);
	for (uint8_t n = 1; n <= 7; n += 6) {
		assert_int_equal(registry_enrol(w->r, &b, key_of(n), WEEK, &c,
		    &w->e), -1);
		expect_error(&w->e, EX_DATAERR, "is another's");
	}
	of_b = must_enrol(w, &b, key_of(2));	/* it was not used up */
	assert_int_equal(registry_renew(w->r, b.id, of_b.serial, key_of(1),
	    WEEK, &c, &w->e), -1);
	expect_error(&w->e, EX_DATAERR, "is another's");
	/* Its own it may have again. */
	must_renew(w, b.id, of_b.serial, key_of(2));
	/* What a has no more is anybody's. */
	of_a = must_renew(w, a.id, of_a.serial, key_of(3));
	assert_in_range(registry_logged_in(w->r, a.id, of_a.serial, &w->e), 0,
	    1);
	must_renew(w, b.id, of_b.serial, key_of(1));
	assert_int_equal(registry_remove(w->r, PEER_CLIENT, "c", &w->e), 0);
	must_renew(w, b.id, of_b.serial, key_of(7));
}

/* One that asks for ever more gets no more, and others do. */
static void
test_renew_is_bounded(void **state)
{
	struct place *w = *state;
	struct auth_key a = must_add(w, "a"), b = must_add(w, "b");
	struct certificate c, of_a, of_b;
	int i, r = 0;

	of_a = must_enrol(w, &a, key_of(1));
	of_b = must_enrol(w, &b, key_of(2));
	for (i = 0; i < 2000 && r == 0; i++)
		r = registry_renew(w->r, a.id, of_a.serial, key_of(3), WEEK,
		    &c, &w->e);
	assert_int_equal(r, -1);
	assert_in_range(i, 100, 1000);
	expect_error(&w->e, EX_DATAERR, "no more for now");
	must_renew(w, b.id, of_b.serial, key_of(4));
}

static void
test_expired_are_forgotten(void **state)
{
	struct place *w = *state;
	struct auth_key auth = must_add(w, "a");
	struct certificate old, c;
	int i;

	assert_int_equal(registry_enrol(w->r, &auth, key_of(1), 1, &old,
	    &w->e), 0);
	for (i = 0; i < 2; i++) {
		usleep(1100000);
		assert_int_equal(registry_renew(w->r, auth.id, old.serial,
		    key_of(2), 1, &c, &w->e), 0);
		assert_true(c.serial > old.serial);
		assert_false(lets_in(w, &old));
		expect_error(&w->e, EX_NOPERM, "none of this gateway's");
		old = c;
	}
}

static void
test_rekey_and_remove_revoke(void **state)
{
	struct place *w = *state;
	struct auth_key auth = must_add(w, "a");
	struct certificate first = must_enrol(w, &auth, key_of(1)), second, c;
	struct peer p;

	second = must_renew(w, auth.id, first.serial, key_of(2));
	assert_int_equal(registry_rekey(w->r, "a", &auth, &w->e), 0);
	assert_false(lets_in(w, &first));
	expect_error(&w->e, EX_NOPERM, "is revoked");
	assert_false(lets_in(w, &second));
	assert_false(must_find(w, "a").enrolled);
	assert_int_equal(registry_renew(w->r, auth.id, second.serial,
	    key_of(3), WEEK, &c, &w->e), -1);
	expect_error(&w->e, EX_DATAERR, "is revoked");

	c = must_enrol(w, &auth, key_of(3));
	assert_int_equal(registry_remove(w->r, PEER_AGENT, "a", &w->e), 0);
	assert_false(lets_in(w, &c));
	expect_error(&w->e, EX_NOPERM, "is revoked");
	assert_int_equal(registry_logged_in(w->r, auth.id, c.serial, &w->e),
	    -1);
	/* A new one of that name is not let in by it, nor gets its number. */
	auth = must_add(w, "a");
	assert_false(lets_in(w, &c));
	assert_int_equal(registry_certificate_valid(w->r, "a", c.serial,
	    c.key, &p, &w->e), 0);
	assert_true(must_enrol(w, &auth, key_of(4)).serial > c.serial);
}

/* --- the list for sshd ------------------------------------------------ */

static const uint8_t authorities[2][ED25519_KEY_LEN] = { { 1 }, { 2 } };

/* The list holds these serials, 0 for none, and no others. */
static void
expect_list(struct place *w, uint64_t one, uint64_t two)
{
	const uint64_t serials[] = { one, two };
	struct krl k = { authorities, 2, serials, (one != 0) + (two != 0), 0 };
	char *path = xasprintf("%s/revoked_keys", w->dir), *text;
	uint8_t *want = xcalloc(1, krl_room(&k));
	struct stat st;
	struct wire made;
	size_t len;

	if (registry_write_revoked(w->r, authorities, 2, path, &w->e) != 0)
		fail_msg("%s", w->e.text);
	text = file_read(path, 65536, &len, &st);
	assert_non_null(text);
	assert_int_equal(st.st_mode & 07777, 0644);
	assert_true(len > 20);
	wire_init(&made, text + 12, 8);
	k.made = wire_u64(&made);
	assert_true(k.made <= (uint64_t)time(NULL) &&
	    k.made + 60 > (uint64_t)time(NULL));
	assert_int_equal(len, krl_write(&k, want));
	assert_memory_equal(text, want, len);
	free(want);
	free(text);
	free(path);
}

static void
test_revoked_list(void **state)
{
	struct place *w = *state;
	struct auth_key a = must_add(w, "a"), b = must_add(w, "b");
	struct certificate c;
	uint64_t first, second;

	umask(0);
	expect_list(w, 0, 0);
	first = must_enrol(w, &a, key_of(1)).serial;
	c = must_renew(w, a.id, first, key_of(2));
	second = c.serial;
	expect_list(w, 0, 0);
	assert_in_range(registry_logged_in(w->r, a.id, second, &w->e), 0, 1);
	expect_list(w, first, 0);
	assert_int_equal(registry_remove(w->r, PEER_AGENT, "a", &w->e), 0);
	expect_list(w, first, second);

	/* Nobody takes a certificate off by having its key certified again. */
	must_enrol(w, &b, key_of(2));
	expect_list(w, first, second);
	umask(022);

	assert_int_equal(registry_write_revoked(w->r, authorities, 2,
	    "/nowhere/list", &w->e), -1);
	expect_error(&w->e, EX_CANTCREAT, "/nowhere/list");
	assert_int_equal(registry_write_revoked(w->r, NULL, 0,
	    "/nowhere/list", &w->e), -1);
	expect_error(&w->e, EX_CONFIG, "nobody knows whose");
}

/* What has expired need not be listed. */
static void
test_revoked_list_ends(void **state)
{
	struct place *w = *state;
	struct auth_key a = must_add(w, "a");
	struct certificate c;

	assert_int_equal(registry_enrol(w->r, &a, key_of(1), 1, &c, &w->e), 0);
	assert_int_equal(registry_remove(w->r, PEER_AGENT, "a", &w->e), 0);
	usleep(1100000);
	expect_list(w, 0, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, place_make, place_remove)
		TEST(test_enrol),
		TEST(test_auth_key_refused),
		TEST(test_secret_is_not_kept),
		TEST(test_enrol_again),
		TEST(test_certificate_refused),
		TEST(test_renew),
		TEST(test_key_of_another),
		TEST(test_renew_is_bounded),
		TEST(test_expired_are_forgotten),
		TEST(test_rekey_and_remove_revoke),
		TEST(test_revoked_list),
		TEST(test_revoked_list_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
