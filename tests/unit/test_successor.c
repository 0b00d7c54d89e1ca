/* SPDX-License-Identifier: ISC */
/*
 * The next key: made once for an AUTH_KEY, anew for a renewal, and put in its
 * place so that a stop at any moment leaves a pair that fits.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <sys/stat.h>
#include <sys/wait.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>

#include "orthrus/base/file.h"
#include "orthrus/base/mem.h"
#include "orthrus/ssh/identity.h"
#include "orthrus/ssh/successor.h"

/* In a certificate: type name, nonce, key and serial come before its type. */
#define TYPE_AT (4 + sizeof(CERT_TYPE_NAME) - 1 + 4 + 32 + 4 + 32 + 8)

static char dir[64], path[96];
static uint8_t ca[64];
static char mark[MARK_MAX], other[MARK_MAX];

static int
setup(void **state)
{
	uint8_t public[32];

	(void)state;
	crypto_sign_keypair(public, ca);
	successor_hash("ch_orthrus_one", mark);
	successor_hash("ch_orthrus_two", other);
	strcpy(dir, "/tmp/orthrus-successor-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/state/id", dir);
	return 0;
}

static int
teardown(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static bool
exists(const char *suffix)
{
	char *file = xasprintf("%s%s", path, suffix);
	bool there = access(file, F_OK) == 0;

	free(file);
	return there;
}

static void
move(const char *from, const char *to)
{
	char *a = xasprintf("%s%s", path, from);
	char *b = xasprintf("%s%s", path, to);

	assert_int_equal(rename(a, b), 0);
	free(a);
	free(b);
}

static size_t
certify(const uint8_t key[32], uint64_t serial, uint8_t out[CERT_MAX])
{
	struct certificate c;

	memset(&c, 0, sizeof(c));
	c.serial = serial;
	c.type = CERT_USER;
	strcpy(c.key_id, "a");
	strcpy(c.principals[0], "a");
	c.nprincipals = 1;
	c.valid_after = 1000;
	c.valid_before = 2000;
	memcpy(c.key, key, sizeof(c.key));
	return certificate_write(&c, ca, out);
}

static void
assert_loaded(uint64_t serial)
{
	struct error e = { 0 };
	struct identity *id;

	assert_int_equal(successor_settle(path, &e), 0);
	id = identity_load(path, &e);
	if (id == NULL)
		fail_msg("%s", e.text);
	assert_non_null(identity_certificate(id));
	assert_int_equal(identity_certificate(id)->serial, serial);
	identity_free(id);
}

/* --- making ------------------------------------------------------- */

static void
test_made_once(void **state)
{
	uint8_t a[32], b[32];
	struct error e;
	struct stat st;
	char *file;

	(void)state;
	assert_int_equal(successor_make(path, mark, "c", a, &e), 0);
	assert_int_equal(successor_make(path, mark, "c", b, &e), 0);
	assert_memory_equal(a, b, 32);
	file = xasprintf("%s.new", path);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	free(file);
	assert_false(exists(""));

	/* Another AUTH_KEY, another key: the gateway knows the first one. */
	assert_int_equal(successor_make(path, other, "c", b, &e), 0);
	assert_memory_not_equal(a, b, 32);
	/* A renewal always has a new one, and forgets an enrolment. */
	assert_int_equal(successor_make(path, NULL, "c", a, &e), 0);
	assert_memory_not_equal(a, b, 32);
	assert_false(exists(".new.enrolled"));
	assert_int_equal(successor_make(path, NULL, "c", b, &e), 0);
	assert_memory_not_equal(a, b, 32);
	/* A renewal that was left does not serve an enrolment. */
	assert_int_equal(successor_make(path, mark, "c", a, &e), 0);
	assert_memory_not_equal(a, b, 32);
}

static void
test_damaged(void **state)
{
	uint8_t a[32], b[32];
	struct error e;
	char *file = xasprintf("%s.new", path);

	(void)state;
	assert_int_equal(successor_make(path, mark, "c", a, &e), 0);
	assert_int_equal(truncate(file, 100), 0);
	assert_int_equal(successor_make(path, mark, "c", b, &e), 0);
	assert_memory_not_equal(a, b, 32);
	free(file);
}

/* --- installing --------------------------------------------------- */

static void
test_installed(void **state)
{
	uint8_t key[32], blob[CERT_MAX];
	char found[MARK_MAX];
	struct error e;
	size_t n;

	(void)state;
	assert_false(successor_mark(path, found));
	assert_int_equal(successor_make(path, mark, "c", key, &e), 0);
	n = certify(key, 7, blob);
	assert_int_equal(successor_install(path, blob, n, &e), 0);
	assert_loaded(7);
	assert_true(successor_mark(path, found));
	assert_string_equal(found, mark);
	assert_true(exists(".pub"));
	assert_false(exists(".new"));
	assert_false(exists(".new-cert.pub"));

	/* A renewal keeps the mark. */
	assert_int_equal(successor_make(path, NULL, "c", key, &e), 0);
	assert_loaded(7);
	n = certify(key, 8, blob);
	assert_int_equal(successor_install(path, blob, n, &e), 0);
	assert_loaded(8);
	assert_true(successor_mark(path, found));
	assert_string_equal(found, mark);
}

/* Once more does no harm: the end of the first time may have failed. */
static void
test_installed_twice(void **state)
{
	uint8_t key[32], blob[CERT_MAX], later[CERT_MAX];
	struct error e;
	size_t n, m;

	(void)state;
	assert_int_equal(successor_make(path, mark, "c", key, &e), 0);
	n = certify(key, 7, blob);
	m = certify(key, 8, later);
	assert_int_equal(successor_install(path, blob, n, &e), 0);
	assert_int_equal(successor_install(path, blob, n, &e), 0);
	assert_loaded(7);
	/* Another one is not there, and its key is gone. */
	assert_int_equal(successor_install(path, later, m, &e), -1);
	assert_int_equal(e.code, EX_NOINPUT);
	assert_loaded(7);
}

/* What is in the way of a file goes, and the same certificate serves. */
static void
test_written_later(void **state)
{
	static const char *const blocked[] = { ".pub", ".new.pub" };
	uint8_t key[32], blob[CERT_MAX];
	struct error e;
	char *file;
	size_t i, n;

	(void)state;
	assert_int_equal(successor_make(path, mark, "c", key, &e), 0);
	n = certify(key, 1, blob);
	assert_int_equal(successor_install(path, blob, n, &e), 0);
	for (i = 0; i < 2; i++) {
		assert_int_equal(successor_make(path, NULL, "c", key, &e), 0);
		n = certify(key, 2 + i, blob);
		file = xasprintf("%s%s", path, blocked[i]);
		unlink(file);
		assert_int_equal(mkdir(file, 0700), 0);
		assert_int_equal(successor_install(path, blob, n, &e), -1);
		assert_int_not_equal(e.code, EX_PROTOCOL);
		assert_int_not_equal(e.code, EX_NOINPUT);
		assert_int_equal(rmdir(file), 0);
		free(file);
		assert_int_equal(successor_install(path, blob, n, &e), 0);
		assert_loaded(2 + i);
	}
}

/* The next key is made after a change that was cut off is finished. */
static void
test_made_after_a_cut(void **state)
{
	uint8_t key[32], blob[CERT_MAX];
	struct error e;
	size_t n;

	(void)state;
	assert_int_equal(successor_make(path, mark, "c", key, &e), 0);
	n = certify(key, 1, blob);
	assert_int_equal(successor_install(path, blob, n, &e), 0);
	assert_int_equal(successor_make(path, NULL, "c", key, &e), 0);
	n = certify(key, 2, blob);
	assert_int_equal(successor_install(path, blob, n, &e), 0);
	move(".pub", ".new.pub");
	move("-cert.pub", ".new-cert.pub");
	assert_int_equal(successor_make(path, NULL, "c", key, &e), 0);
	assert_loaded(2);
}

static void
test_wrong_certificate(void **state)
{
	uint8_t key[32], blob[CERT_MAX];
	struct error e;
	size_t n;

	(void)state;
	assert_int_equal(successor_make(path, mark, "c", key, &e), 0);
	n = certify(key, 7, blob);
	assert_int_equal(successor_install(path, blob, n - 1, &e), -1);
	assert_int_equal(e.code, EX_PROTOCOL);
	key[0] ^= 1;
	n = certify(key, 7, blob);
	assert_int_equal(successor_install(path, blob, n, &e), -1);
	assert_int_equal(e.code, EX_PROTOCOL);
	assert_non_null(strstr(e.text, "another key"));
	key[0] ^= 1;
	n = certify(key, 7, blob);
	assert_int_equal(memcmp(blob + TYPE_AT, "\0\0\0\1", 4), 0);
	blob[TYPE_AT + 3] = CERT_HOST;
	assert_int_equal(successor_install(path, blob, n, &e), -1);
	assert_int_equal(e.code, EX_PROTOCOL);
	assert_non_null(strstr(e.text, "not one of a user"));
	assert_false(exists(""));
	assert_false(exists(".new-cert.pub"));
}

/* What a refusal may be about, as the certificate's own fields tell. */
static void
test_why_refused(void **state)
{
	static const struct { const char *user; bool gateway; uint64_t now;
	    const char *says; } cases[] = {
		{ "a", true, 500, "not valid before 1970-01-01 00:16:40 UTC" },
		{ "a", true, 2000, "expired at 1970-01-01 00:33:20 UTC; "
		    "\"charon agent rekey a\"" },
		{ "b", true, 1500, "is for \"a\"" },
		{ "b", false, 1500, "--name), or with a key of your own: -i ~" },
		{ "a", true, 1500, "the gateway's log says why; when its "
		    "identity was revoked, \"charon agent rekey a\" helps" },
		{ "a", false, 500, "not valid before" },
		{ "a", false, 1500, "does not trust who signed" }
	};
	uint8_t key[32], blob[CERT_MAX];
	struct identity *id;
	struct error e;
	char text[256];
	size_t i, n;

	(void)state;
	assert_int_equal(successor_make(path, mark, "c", key, &e), 0);
	n = certify(key, 1, blob);
	assert_int_equal(successor_install(path, blob, n, &e), 0);
	assert_non_null(id = identity_load(path, &e));
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		identity_why_refused(id, cases[i].user, cases[i].gateway,
		    cases[i].now, text, sizeof(text));
		if (strstr(text, cases[i].says) == NULL)
			fail_msg("%zu: %s", i, text);
	}
	identity_free(id);
}

/* Stopped after each of the renames: the start goes on where it was. */
static void
test_cut_off(void **state)
{
	static const char *const suffixes[] = { ".enrolled", "", ".pub",
	    "-cert.pub" };
	uint8_t key[32], blob[CERT_MAX];
	char found[MARK_MAX], from[32];
	struct error e;
	size_t done, i, n;

	(void)state;
	assert_int_equal(successor_make(path, mark, "c", key, &e), 0);
	n = certify(key, 1, blob);
	assert_int_equal(successor_install(path, blob, n, &e), 0);
	for (done = 0; done <= 4; done++) {
		assert_int_equal(successor_make(path, other, "c", key, &e), 0);
		n = certify(key, 10 + done, blob);
		assert_int_equal(successor_install(path, blob, n, &e), 0);
		/* As if the last ones had not been renamed yet. */
		for (i = 4; i-- > done;) {
			snprintf(from, sizeof(from), ".new%s", suffixes[i]);
			move(suffixes[i], from);
		}
		assert_loaded(10 + done);
		assert_true(successor_mark(path, found));
		assert_string_equal(found, other);
	}
}

/* Killed at moments that nobody chose: a pair that fits, old or new. */
static void
test_killed(void **state)
{
	uint8_t key[32], blob[CERT_MAX];
	struct error e = { 0 };
	struct timespec nap;
	struct identity *id;
	int status, round;
	size_t n;
	pid_t pid;

	(void)state;
	assert_int_equal(successor_make(path, mark, "c", key, &e), 0);
	n = certify(key, 1, blob);
	assert_int_equal(successor_install(path, blob, n, &e), 0);
	for (round = 0; round < 25; round++) {
		if ((pid = fork()) == 0)
			for (;;)
				if (successor_make(path, round % 2 == 0 ?
				    NULL : other, "c", key, &e) == -1 ||
				    (n = certify(key, 2, blob)) == 0 ||
				    successor_install(path, blob, n, &e) == -1)
					_exit(1);
		nap.tv_sec = 0;
		nap.tv_nsec = 1000000 + (long)randombytes_uniform(9000000);
		nanosleep(&nap, NULL);
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(successor_settle(path, &e), 0);
		id = identity_load(path, &e);
		if (id == NULL)
			fail_msg("round %d: %s", round, e.text);
		assert_non_null(identity_certificate(id));
		identity_free(id);
	}
}

int
main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_made_once),
		TEST(test_damaged),
		TEST(test_installed),
		TEST(test_installed_twice),
		TEST(test_written_later),
		TEST(test_made_after_a_cut),
		TEST(test_wrong_certificate),
		TEST(test_why_refused),
		TEST(test_cut_off),
		TEST(test_killed),
	};

	if (sodium_init() == -1)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
