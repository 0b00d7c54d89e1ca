/* SPDX-License-Identifier: ISC */
/*
 * When a certificate is renewed, and by what: the leash, the link and the
 * agent are this file's, the disk is real.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <sys/stat.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>
#include <sodium.h>

#include "../../src/agent/orthrus.h"
#include "../../src/agent/agent_leash.h"
#include "../../src/agent/renewal.h"
#include "orthrus/base/loop.h"
#include "orthrus/base/mem.h"
#include "orthrus/ssh/identity.h"
#include "orthrus/ssh/successor.h"

#define HOST_KEY "SHA256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define DAY 86400

static struct certificate
valid(uint64_t after, uint64_t before)
{
	struct certificate c;

	memset(&c, 0, sizeof(c));
	c.valid_after = after;
	c.valid_before = before;
	return c;
}

static void
test_due(void **state)
{
	struct certificate c = valid(1000000 - 60, 1000000 + 7 * DAY);

	(void)state;
	/* The contract's: 7 days, renewed one day before. */
	assert_int_equal(renewal_due(&c, DAY), 1000000 + 6 * DAY);
	/* Not in the first half, or each would be renewed at once. */
	assert_int_equal(renewal_due(&c, 30 * DAY),
	    1000000 + 7 * DAY / 2);
	/* Seconds, as in a test; the first minute is for others' clocks. */
	c = valid(1000000 - 60, 1000010);
	assert_int_equal(renewal_due(&c, 4), 1000006);
	assert_int_equal(renewal_due(&c, DAY), 1000005);
	/* Another authority may give no such minute. */
	c = valid(1000000, 1000010);
	assert_int_equal(renewal_due(&c, DAY), 1000005);
}

/* Nonsense does not overflow. */
static void
test_limits(void **state)
{
	struct certificate c = valid(0, UINT64_MAX);

	(void)state;
	assert_int_equal(renewal_due(&c, DAY), UINT64_MAX - DAY);
	c = valid(2000, 1000);
	assert_int_equal(renewal_due(&c, DAY), 1000);
	c = valid(0, 0);
	assert_int_equal(renewal_due(&c, DAY), 0);
}

static void
test_pace(void **state)
{
	struct certificate c = valid(1000000 - 60, 1000000 + 7 * DAY);

	(void)state;
	assert_int_equal(renewal_pace(&c, 1000000), 60);
	assert_int_equal(renewal_pace(&c, c.valid_before - 300), 30);
	assert_int_equal(renewal_pace(&c, c.valid_before - 5), 1);
	/* When it has expired, nothing is to be gained by haste. */
	assert_int_equal(renewal_pace(&c, c.valid_before), 60);
	assert_int_equal(renewal_pace(&c, UINT64_MAX), 60);
	c = valid(1000000 - 60, 1000012);
	assert_int_equal(renewal_pace(&c, c.valid_before + 1), 1);
	c = valid(0, 0);
	assert_int_equal(renewal_pace(&c, 0), 1);
}

static void
assert_check(const struct certificate *fresh, const char *says)
{
	struct certificate present = valid(1000000, 1000000 + 7 * DAY);
	struct error e = { 0 };
	int r = renewal_check(fresh, &present, "a", 1000000 + 6 * DAY, &e);

	if (says == NULL) {
		assert_int_equal(r, 0);
		return;
	}
	assert_int_equal(r, -1);
	assert_int_equal(e.code, EX_PROTOCOL);
	if (strstr(e.text, says) == NULL)
		fail_msg("\"%s\" is not about \"%s\"", e.text, says);
}

static void
test_check(void **state)
{
	struct certificate good = valid(1000000 + 6 * DAY - 60,
	    1000000 + 13 * DAY), c;

	(void)state;
	good.type = CERT_USER;
	good.nprincipals = 2;
	strcpy(good.principals[0], "b");
	strcpy(good.principals[1], "a");
	assert_check(&good, NULL);
	/* Gateways change their authority. */
	c = good;
	c.ca[0] ^= 1;
	assert_check(&c, NULL);
	/* Our clock may be behind, but not by a day. */
	c = good;
	c.valid_after = 1000000 + 6 * DAY + 3600;
	assert_check(&c, NULL);
	c.valid_after++;
	assert_check(&c, "not valid yet");
	c.valid_after = UINT64_MAX;
	assert_check(&c, "not valid yet");
	c = good;
	c.type = CERT_HOST;
	assert_check(&c, "not one of a user");
	c = good;
	strcpy(c.principals[1], "c");
	assert_check(&c, "another name");
	c = good;
	c.nprincipals = 0;
	assert_check(&c, "another name");
	c = good;
	c.critical = true;
	assert_check(&c, "option");
	c = good;
	c.valid_before = 1000000 + 6 * DAY;
	assert_check(&c, "expired");
	c.valid_before = 1000000 + 7 * DAY;
	assert_check(&c, "not last longer");
	c.valid_before++;
	assert_check(&c, NULL);
}

/* --- an agent that holds the leash -------------------------------- */

static char dir[64], path[96];
static uint8_t ca[64], asked_key[ED25519_KEY_LEN];
static struct orthrus agent;
static struct config config;
static struct server server;
static struct renewal *renewal;
static unsigned asked, proven, changed;
static uint8_t asked_proof[ED25519_SIGNATURE_LEN];

int
agent_leash_renew(struct agent_leash *l, const uint8_t key[ED25519_KEY_LEN],
    const uint8_t *proof)
{
	assert_ptr_equal(l, &asked);
	memcpy(asked_key, key, ED25519_KEY_LEN);
	asked++;
	if (proof != NULL) {
		memcpy(asked_proof, proof, ED25519_SIGNATURE_LEN);
		proven++;
	}
	return 0;
}

void
orthrus_set_identity(struct orthrus *a, struct identity *id)
{
	identity_free(a->identity);
	a->identity = id;
	changed++;
}

void
link_info(const struct link *l, struct link_info *info)
{
	(void)l;
	memset(info, 0, sizeof(*info));
	info->server = &server;
	strcpy(info->session.host_key, HOST_KEY);
}

static size_t
certify(const uint8_t key[ED25519_KEY_LEN], uint64_t serial, const char *name,
    uint64_t seconds, uint8_t out[CERT_MAX])
{
	uint64_t now = (uint64_t)time(NULL);
	struct certificate c = valid(now - 61, now + seconds);

	c.serial = serial;
	c.type = CERT_USER;
	strcpy(c.key_id, name);
	strcpy(c.principals[0], name);
	c.nprincipals = 1;
	memcpy(c.key, key, ED25519_KEY_LEN);
	return certificate_write(&c, ca, out);
}

/* Enrolled, for a day: longer than tests take, and due when they say so. */
static int
setup(void **state)
{
	uint8_t key[ED25519_KEY_LEN], blob[CERT_MAX];
	char mark[MARK_MAX];
	struct error e;
	size_t n;

	(void)state;
	strcpy(dir, "/tmp/orthrus-renewal-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/id", dir);
	crypto_sign_keypair(key, ca);
	successor_hash("ch_orthrus_one", mark);
	assert_int_equal(successor_make(path, mark, "c", key, &e), 0);
	n = certify(key, 1, "a", DAY, blob);
	assert_int_equal(successor_install(path, blob, n, &e), 0);
	memset(&agent, 0, sizeof(agent));
	memset(&config, 0, sizeof(config));
	strcpy(config.name, "a");
	strcpy(server.user, "a");
	config.identity = path;
	agent.config = &config;
	agent.base = event_base_new();
	assert_non_null(agent.identity = identity_load(path, &e));
	renewal = renewal_new(&agent);
	asked = proven = changed = 0;
	return 0;
}

static int
teardown(void **state)
{
	char command[128];

	(void)state;
	renewal_free(renewal);
	identity_free(agent.identity);
	event_base_free(agent.base);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static void
run_ms(unsigned ms)
{
	struct timeval tv = { ms / 1000, ms % 1000 * 1000 };

	event_base_loopexit(agent.base, &tv);
	event_base_dispatch(agent.base);
}

static void
hold(uint64_t before)
{
	renewal_allow(renewal, (struct agent_leash *)&asked, before);
}

/* So short a certificate that it is due, and asked for each second. */
static void
make_due(void)
{
	uint8_t key[ED25519_KEY_LEN], blob[CERT_MAX];
	struct error e;
	size_t n;

	assert_int_equal(successor_make(path, NULL, "c", key, &e), 0);
	n = certify(key, 2, "a", 0, blob);
	assert_int_equal(successor_install(path, blob, n, &e), 0);
	identity_free(agent.identity);
	assert_non_null(agent.identity = identity_load(path, &e));
	hold(1);
	assert_int_equal(asked, 1);
}

static void
answer(const uint8_t key[ED25519_KEY_LEN], uint64_t serial, const char *name,
    uint64_t seconds)
{
	struct leash_message *m = xcalloc(1, sizeof(*m));

	m->kind = LEASH_RENEWED;
	m->certificate.len = certify(key, serial, name, seconds,
	    m->certificate.certificate);
	renewal_answer(renewal, m);
	free(m);
}

static uint64_t
serial_now(void)
{
	struct error e = { 0 };
	struct identity *id = identity_load(path, &e);
	uint64_t serial;

	if (id == NULL)
		fail_msg("%s", e.text);
	serial = identity_certificate(id)->serial;
	assert_int_equal(identity_certificate(agent.identity)->serial, serial);
	identity_free(id);
	return serial;
}

/* A challenge is answered at once with a proof, and once for each request. */
static void
test_challenged(void **state)
{
	struct leash_message m = { .kind = LEASH_RENEWED };
	const struct possession p = { m.certificate.challenge, HOST_KEY, "a",
	    asked_key };
	uint8_t key[ED25519_KEY_LEN];

	(void)state;
	m.certificate.challenged = true;
	memset(m.certificate.challenge, 7, CHALLENGE_LEN);
	strcpy(m.certificate.error, "prove it");
	renewal_answer(renewal, &m);	/* to nothing that was asked */
	assert_int_equal(asked, 0);
	make_due();
	assert_int_equal(proven, 0);
	memcpy(key, asked_key, sizeof(key));
	renewal_answer(renewal, &m);
	assert_int_equal(asked, 2);
	assert_int_equal(proven, 1);
	assert_memory_equal(asked_key, key, sizeof(key));
	assert_true(possession_proven(&p, asked_proof));
	renewal_answer(renewal, &m);	/* without end */
	renewal_answer(renewal, &m);
	assert_int_equal(asked, 2);
	run_ms(1200);			/* asked again, without a proof */
	assert_int_equal(asked, 3);
	assert_int_equal(proven, 1);
	renewal_answer(renewal, &m);
	assert_int_equal(proven, 2);
	assert_true(possession_proven(&p, asked_proof));
	answer(asked_key, 3, "a", DAY);
	assert_int_equal(serial_now(), 3);
}

static void
test_renewed(void **state)
{
	(void)state;
	hold(1);
	assert_int_equal(asked, 0);
	make_due();
	answer(asked_key, 3, "a", DAY);
	assert_int_equal(changed, 1);
	assert_int_equal(serial_now(), 3);
	/* A second answer is one to nothing. */
	answer(asked_key, 4, "a", 2 * DAY);
	assert_int_equal(changed, 1);
	assert_int_equal(serial_now(), 3);
	run_ms(1200);
	assert_int_equal(asked, 1);
}

static void
test_not_asked(void **state)
{
	uint8_t key[ED25519_KEY_LEN];
	struct error e;

	(void)state;
	hold(1);
	assert_int_equal(successor_make(path, NULL, "c", key, &e), 0);
	answer(key, 3, "a", 2 * DAY);
	assert_int_equal(changed, 0);
	assert_int_equal(serial_now(), 1);
}

/* None of these takes the place of what works. */
static void
test_refused(void **state)
{
	static const struct { const char *name; uint64_t seconds; } bad[] = {
		{ "b", DAY },
		{ "a", 0 },
	};
	uint8_t other[ED25519_KEY_LEN];
	size_t i;

	(void)state;
	make_due();
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		answer(asked_key, 3, bad[i].name, bad[i].seconds);
		run_ms(1200);
		assert_int_equal(asked, i + 2);
	}
	memcpy(other, asked_key, sizeof(other));
	other[0] ^= 1;
	answer(other, 3, "a", DAY);
	assert_int_equal(changed, 0);
	assert_int_equal(serial_now(), 2);
}

/* An identity of the owner's own, though it has a certificate. */
static void
test_not_enrolled(void **state)
{
	char *mark = xasprintf("%s.enrolled", path);

	(void)state;
	make_due();
	assert_int_equal(unlink(mark), 0);
	answer(asked_key, 3, "a", DAY);
	assert_int_equal(changed, 0);
	assert_int_equal(serial_now(), 2);
	run_ms(1200);
	assert_int_equal(asked, 1);
	free(mark);
}

/* Whatever makes it think anew: one request a second here, 60 s for a day. */
static void
test_paced(void **state)
{
	uint64_t started = clock_ms();
	unsigned i;

	(void)state;
	make_due();
	for (i = 0; i < 200; i++)
		hold(1 + i % 2);
	for (i = 0; i < 20; i++) {
		renewal_allow(renewal, NULL, 0);
		hold(1);
		renewal_plan(renewal);
	}
	assert_in_range(asked, 1, 1 + (clock_ms() - started) / 1000);
	run_ms(1200);
	assert_in_range(asked, 2, 1 + (clock_ms() - started) / 1000);
	/* When what came is due at once, the next one must wait, too. */
	i = asked;
	answer(asked_key, 3, "a", 1);
	assert_int_equal(serial_now(), 3);
	hold(DAY);
	assert_in_range(asked, i, 1 + (clock_ms() - started) / 1000);
	i = asked;
	run_ms(2300);
	assert_in_range(asked, i + 1, i + 3);
}

/* A disk that is full for a while costs no second certificate. */
static void
test_kept(void **state)
{
	char *file = xasprintf("%s.new-cert.pub", path);
	char *pub = xasprintf("%s.new.pub", path);

	(void)state;
	make_due();
	/* In the way of a file; root is not stopped by modes. */
	assert_int_equal(unlink(pub), 0);
	assert_int_equal(mkdir(pub, 0700), 0);
	answer(asked_key, 3, "a", DAY);
	assert_int_equal(changed, 0);
	assert_int_equal(serial_now(), 2);
	/* It needs no leash any more. */
	renewal_allow(renewal, NULL, 0);
	run_ms(1200);
	assert_int_equal(changed, 0);
	assert_int_equal(rmdir(pub), 0);
	run_ms(1200);
	assert_int_equal(changed, 1);
	assert_int_equal(serial_now(), 3);
	assert_int_equal(asked, 1);
	assert_int_equal(access(file, F_OK), -1);
	free(file);
	free(pub);
}

/* Its key is gone: there is nothing to be had by keeping it. */
static void
test_key_gone(void **state)
{
	char *file = xasprintf("%s.new", path);

	(void)state;
	make_due();
	assert_int_equal(unlink(file), 0);
	answer(asked_key, 3, "a", DAY);
	assert_int_equal(changed, 0);
	run_ms(1200);
	assert_int_equal(asked, 2);
	answer(asked_key, 4, "a", DAY);
	assert_int_equal(serial_now(), 4);
	free(file);
}

/* Another identity was read meanwhile: the answer is not for that. */
static void
test_reloaded(void **state)
{
	(void)state;
	make_due();
	renewal_plan(renewal);
	answer(asked_key, 3, "a", DAY);
	assert_int_equal(changed, 0);
	assert_int_equal(serial_now(), 2);
}

int
main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_due),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_pace),
		cmocka_unit_test(test_check),
		TEST(test_challenged),
		TEST(test_renewed),
		TEST(test_not_asked),
		TEST(test_refused),
		TEST(test_not_enrolled),
		TEST(test_paced),
		TEST(test_kept),
		TEST(test_key_gone),
		TEST(test_reloaded),
	};

	if (sodium_init() == -1)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
