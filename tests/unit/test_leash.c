/* SPDX-License-Identifier: ISC */
/*
 * The leash's messages: what is written reads back, every limit holds on both
 * of its sides, and bytes by hand show that the format is Protobuf's.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "orthrus/base/mem.h"
#include "orthrus/proto/leash.h"

static uint8_t frame[4 + LEASH_FRAME_MAX];

static struct leash_message *
message(enum leash_kind kind)
{
	struct leash_message *m = xcalloc(1, sizeof(*m));

	m->kind = kind;
	return m;
}

/* Encodes it, checks the length in front and decodes what follows. */
static int
pass(const struct leash_message *m, struct leash_message *again,
    const char **why)
{
	size_t n = leash_encode(m, frame);

	assert_in_range(n, 4, sizeof(frame));
	assert_true(((size_t)frame[0] << 24 | (size_t)frame[1] << 16 |
	    (size_t)frame[2] << 8 | frame[3]) == n - 4);
	return leash_decode(frame + 4, n - 4, again, why);
}

/* Both are zeroed where nothing was said, so that all of it compares. */
static void
expect_same(struct leash_message *m)
{
	struct leash_message *again = message(LEASH_UNKNOWN);
	const char *why = NULL;

	memset(again, 0x5a, sizeof(*again));
	if (pass(m, again, &why) == -1)
		fail_msg("%s", why);
	assert_memory_equal(m, again, sizeof(*m));
	free(again);
	free(m);
}

static void
expect_bad(struct leash_message *m, const char *text)
{
	struct leash_message *again = message(LEASH_UNKNOWN);
	const char *why = NULL;

	assert_int_equal(pass(m, again, &why), -1);
	assert_string_equal(why, text);
	free(again);
	free(m);
}

/* --- round trips -------------------------------------------------- */

static void
fill(char *text, size_t size)
{
	memset(text, 'x', size - 1);
	text[size - 1] = '\0';
}

static struct leash_message *
largest_hello(void)
{
	struct leash_message *m = message(LEASH_HELLO);
	size_t i;

	fill(m->hello.version, LEASH_TEXT_MAX);
	fill(m->hello.name, NAME_MAX_LEN);
	fill(m->hello.hostname, LEASH_TEXT_MAX);
	fill(m->hello.os, LEASH_TEXT_MAX);
	fill(m->hello.arch, LEASH_TEXT_MAX);
	fill(m->hello.docker_version, LEASH_TEXT_MAX);
	m->hello.nnetworks = LEASH_NETWORKS_MAX;
	for (i = 0; i < LEASH_NETWORKS_MAX; i++)
		fill(m->hello.networks[i], LEASH_TEXT_MAX);
	m->hello.nports = LEASH_PORTS_MAX;
	for (i = 0; i < LEASH_PORTS_MAX; i++) {
		m->hello.ports[i].port = (uint16_t)(UINT16_MAX - i);
		fill(m->hello.ports[i].name, NAME_MAX_LEN);
	}
	m->hello.docker = true;
	fill(m->hello.docker_hosts, LEASH_LIST_MAX);
	fill(m->hello.docker_trouble, LEASH_TEXT_MAX);
	memset(m->hello.instance, 0xa5, LEASH_INSTANCE_LEN);
	m->hello.has_instance = true;
	fill(m->hello.docker_reveal, LEASH_LIST_MAX);
	fill(m->hello.docker_registries, LEASH_LIST_MAX);
	fill(m->hello.key_exchange, LEASH_TEXT_MAX);
	return m;
}

static void
test_hello(void **state)
{
	struct leash_message *m = message(LEASH_HELLO);

	(void)state;
	strcpy(m->hello.name, "a");
	expect_same(m);
	expect_same(largest_hello());
	m = message(LEASH_HELLO);
	strcpy(m->hello.name, "a");
	strcpy(m->hello.hostname, "h\xc3\xb4te \xe2\x82\xac");
	m->hello.nports = 2;
	m->hello.ports[0].port = 1;
	m->hello.ports[1].port = 80;
	strcpy(m->hello.ports[1].name, "web");
	expect_same(m);
}

static void
test_heartbeat(void **state)
{
	struct leash_message *m = message(LEASH_HEARTBEAT);

	(void)state;
	expect_same(m);
	m = message(LEASH_HEARTBEAT);
	m->heartbeat.timestamp = UINT64_MAX;
	m->heartbeat.load = 0.37;
	m->heartbeat.memory_used = UINT64_C(0x8000000000000001);
	m->heartbeat.memory_total = UINT64_MAX;
	expect_same(m);
	m = message(LEASH_HEARTBEAT);
	m->heartbeat.load = 1e308;
	expect_same(m);
}

static void
test_from_gateway(void **state)
{
	struct leash_message *m = message(LEASH_WELCOME);

	(void)state;
	m->welcome.heartbeat_ms = 100;
	m->welcome.timeout_ms = 3600000;
	m->welcome.renew_before = LEASH_RENEW_BEFORE_MAX;
	strcpy(m->welcome.version, "0.1.0");
	expect_same(m);
	m = message(LEASH_UPDATE);
	expect_same(m);
	m = message(LEASH_UPDATE);
	m->update.heartbeat_ms = 3600000;
	m->update.renew_before = 1;
	m->update.actions_closed = 0xffffffff;
	m->update.redact_always = true;
	expect_same(m);
	m = message(LEASH_DRAIN);
	strcpy(m->drain.reason, "restarting");
	expect_same(m);
	m = message(LEASH_ERROR);
	fill(m->error.reason, LEASH_TEXT_MAX);
	expect_same(m);
}

static void
test_certificates(void **state)
{
	struct leash_message *m = message(LEASH_RENEW);

	(void)state;
	memset(m->renew.key, 0xfe, sizeof(m->renew.key));
	expect_same(m);
	m = message(LEASH_RENEW);
	m->renew.proven = true;
	memset(m->renew.proof, 0xfd, sizeof(m->renew.proof));
	expect_same(m);
	m = message(LEASH_ENROLL);
	strcpy(m->enroll.name, "vps-london-01");
	m->enroll.key[31] = 1;
	expect_same(m);
	m = message(LEASH_ENROLL);	/* any name */
	m->enroll.key[0] = 1;
	expect_same(m);
	m = message(LEASH_ENROLL);
	m->enroll.proven = true;	/* zeros are a proof, if a bad one */
	expect_same(m);
	m = message(LEASH_RENEWED);
	m->certificate.len = CERT_MAX;
	memset(m->certificate.certificate, 0x80, CERT_MAX);
	expect_same(m);
	m = message(LEASH_RENEWED);
	strcpy(m->certificate.error, "no");
	expect_same(m);
	m = message(LEASH_ENROLLED);
	m->certificate.len = 1;
	strcpy(m->certificate.name, "vps-london-01");
	expect_same(m);
	m = message(LEASH_ENROLLED);
	strcpy(m->certificate.error, "the key was used");
	expect_same(m);
	m = message(LEASH_ENROLLED);
	strcpy(m->certificate.error, "the key is for another");
	strcpy(m->certificate.name, "vps-london-01");
	expect_same(m);
	m = message(LEASH_ENROLLED);
	strcpy(m->certificate.error, "prove it");
	strcpy(m->certificate.name, "vps-london-01");
	m->certificate.challenged = true;
	memset(m->certificate.challenge, 0xfc, CHALLENGE_LEN);
	expect_same(m);
	m = message(LEASH_RENEWED);
	m->certificate.challenged = true;
	expect_same(m);
}

/* --- limits ------------------------------------------------------- */

static void
test_hello_limits(void **state)
{
	static const char *const names[] = { "", "A", "a.b", "-a", "a-", "a/b",
	    "\xc3\xa4" };
	struct leash_message *m;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		m = message(LEASH_HELLO);
		strcpy(m->hello.name, names[i]);
		expect_bad(m, "the agent's name is no name");
		m = largest_hello();
		memset(m->hello.ports[63].name, 0, NAME_MAX_LEN);
		strcpy(m->hello.ports[63].name, names[i]);
		if (i == 0)	/* a port needs none */
			expect_same(m);
		else
			expect_bad(m, "the name of a port is no name");
	}
	m = largest_hello();
	m->hello.ports[63].port = m->hello.ports[0].port;
	expect_bad(m, "a port twice");
	m = largest_hello();
	m->hello.ports[5].port = 0;
	expect_bad(m, "a port out of range");
}

static void
test_texts_are_clean(void **state)
{
	static const char *const bad[] = { "\n", "a\x1b[31m", "\x7f",
	    "\xc2\x85", "\xff", "\xc3", "\xed\xa0\x80", "\xc0\x80" };
	struct leash_message *m;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
#define BAD(kind, member) do { \
	m = message(kind); \
	strcpy(m->hello.name, "a"); \
	strcpy(m->member, bad[i]); \
	expect_bad(m, "a text too long, or not clean"); \
} while (0)
		BAD(LEASH_HELLO, hello.version);
		BAD(LEASH_HELLO, hello.hostname);
		BAD(LEASH_HELLO, hello.os);
		BAD(LEASH_HELLO, hello.arch);
		BAD(LEASH_HELLO, hello.docker_version);
		BAD(LEASH_HELLO, hello.docker_hosts);
		BAD(LEASH_HELLO, hello.docker_trouble);
		BAD(LEASH_HELLO, hello.docker_reveal);
		BAD(LEASH_HELLO, hello.docker_registries);
		BAD(LEASH_HELLO, hello.key_exchange);
#undef BAD
		m = largest_hello();
		strcpy(m->hello.networks[15], bad[i]);
		expect_bad(m, "a text too long, or not clean");
		m = message(LEASH_WELCOME);
		m->welcome.heartbeat_ms = m->welcome.timeout_ms = 1000;
		strcpy(m->welcome.version, bad[i]);
		expect_bad(m, "a text too long, or not clean");
		m = message(LEASH_DRAIN);
		strcpy(m->drain.reason, bad[i]);
		expect_bad(m, "a text too long, or not clean");
		m = message(LEASH_ERROR);
		strcpy(m->error.reason, bad[i]);
		expect_bad(m, "a text too long, or not clean");
		m = message(LEASH_RENEWED);
		strcpy(m->certificate.error, bad[i]);
		expect_bad(m, "a text too long, or not clean");
		m = message(LEASH_ENROLLED);
		strcpy(m->certificate.error, bad[i]);
		expect_bad(m, "a text too long, or not clean");
	}
}

static void
test_numbers(void **state)
{
	static const double loads[] = { -1, -0.0, INFINITY, -INFINITY, NAN };
	static const uint32_t intervals[] = { 0, 99, 3600001, UINT32_MAX };
	struct leash_message *m;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(loads) / sizeof(loads[0]); i++) {
		m = message(LEASH_HEARTBEAT);
		m->heartbeat.load = loads[i];
		if (loads[i] == 0)	/* is not even written */
			free(m);
		else
			expect_bad(m, "a load that is no number from 0");
	}
	for (i = 0; i < sizeof(intervals) / sizeof(intervals[0]); i++) {
		m = message(LEASH_WELCOME);
		m->welcome.heartbeat_ms = intervals[i];
		m->welcome.timeout_ms = 1000;
		expect_bad(m, "an interval out of range");
		m = message(LEASH_WELCOME);
		m->welcome.heartbeat_ms = 1000;
		m->welcome.timeout_ms = intervals[i];
		expect_bad(m, "an interval out of range");
		m = message(LEASH_UPDATE);
		m->update.heartbeat_ms = intervals[i];
		if (i == 0)	/* as before */
			expect_same(m);
		else
			expect_bad(m, "an interval out of range");
	}
	m = message(LEASH_WELCOME);
	m->welcome.heartbeat_ms = m->welcome.timeout_ms = 1000;
	m->welcome.renew_before = (uint64_t)LEASH_RENEW_BEFORE_MAX + 1;
	expect_bad(m, "a time of renewal out of range");
	m = message(LEASH_UPDATE);
	m->update.renew_before = UINT64_MAX;
	expect_bad(m, "a time of renewal out of range");
}

static void
test_certificate_limits(void **state)
{
	struct leash_message *m = message(LEASH_RENEWED);

	(void)state;
	m->certificate.len = 1;
	strcpy(m->certificate.error, "no");
	expect_bad(m, "a certificate and an error");
	m = message(LEASH_ENROLLED);
	m->certificate.len = 1;
	expect_bad(m, "the agent's name is no name");
	m = message(LEASH_ENROLLED);
	strcpy(m->certificate.error, "no");
	strcpy(m->certificate.name, "A");
	expect_bad(m, "the agent's name is no name");
	m = message(LEASH_ENROLL);
	strcpy(m->enroll.name, "a_b");
	expect_bad(m, "the agent's name is no name");
	m = message(LEASH_RENEWED);
	m->certificate.len = 1;
	m->certificate.challenged = true;
	expect_bad(m, "a certificate and an error");
	m = message(LEASH_ENROLLED);	/* for whom? */
	m->certificate.challenged = true;
	expect_bad(m, "the agent's name is no name");
}

/* --- by hand ------------------------------------------------------ */

static int
decode(const void *p, size_t n, struct leash_message *m, const char **why)
{
	uint8_t *exact = malloc(n > 0 ? n : 1);
	int r;

	assert_non_null(exact);
	if (n > 0)
		memcpy(exact, p, n);	/* the sanitizer sees a byte beyond */
	r = leash_decode(exact, n, m, why);
	free(exact);
	return r;
}

static uint8_t *
put_varint(uint8_t *p, size_t v)
{
	for (; v >= 0x80; v >>= 7)
		*p++ = (uint8_t)(v | 0x80);
	*p++ = (uint8_t)v;
	return p;
}

#define DECODE(text, m) decode(text, sizeof(text) - 1, m, &why)

static void
test_bytes(void **state)
{
	struct leash_message *m = message(LEASH_UNKNOWN);
	const char *why;

	(void)state;
	/* Field 2 with 13 bytes: 1: 300, 2: 1.5, 3: 7. */
	assert_int_equal(DECODE("\x12\x0e\x08\xac\x02\x11\0\0\0\0\0\0\xf8\x3f"
	    "\x18\x07", m), 0);
	assert_int_equal(m->kind, LEASH_HEARTBEAT);
	assert_true(m->heartbeat.timestamp == 300);
	assert_true(m->heartbeat.load == 1.5);
	assert_true(m->heartbeat.memory_used == 7);
	assert_true(m->heartbeat.memory_total == 0);
	/* Field 1: 2: "a", 8: { 1: 8080, 2: "web" }, 9: true, 99: 1. */
	assert_int_equal(DECODE("\x0a\x12\x12\x01" "a\x42\x08\x08\x90\x3f\x12"
	    "\x03web\x48\x01\x98\x06\x01", m), 0);
	assert_int_equal(m->kind, LEASH_HELLO);
	assert_string_equal(m->hello.name, "a");
	assert_int_equal(m->hello.nports, 1);
	assert_int_equal(m->hello.ports[0].port, 8080);
	assert_string_equal(m->hello.ports[0].name, "web");
	assert_true(m->hello.docker);
	/* A NUL would hide what follows it. */
	assert_int_equal(DECODE("\x7a\x05\x0a\x03" "a\0b", m), -1);
	assert_string_equal(why, "a text too long, or not clean");
	assert_int_equal(DECODE("\x7a\x05\x0a\x03" "abc", m), 0);
	assert_string_equal(m->error.reason, "abc");
	/* 65536 is no port. */
	assert_int_equal(DECODE("\x0a\x09\x12\x01" "a\x42\x04\x08\x80\x80\x04",
	    m), -1);
	assert_string_equal(why, "a port out of range");
	/* -0.0 is written out by some. */
	assert_int_equal(DECODE("\x12\x09\x11\0\0\0\0\0\0\0\x80", m), -1);
	assert_string_equal(why, "a load that is no number from 0");
	free(m);
}

static void
test_unknown(void **state)
{
	struct leash_message *m = message(LEASH_UNKNOWN);
	const char *why;

	(void)state;
	assert_int_equal(DECODE("", m), 0);
	assert_int_equal(m->kind, LEASH_UNKNOWN);
	/* Field 30, a message of a later version. */
	assert_int_equal(DECODE("\xf2\x01\x03xyz", m), 0);
	assert_int_equal(m->kind, LEASH_UNKNOWN);
	/* Unknown fields beside a known message. */
	assert_int_equal(DECODE("\xf2\x01\x03xyz\x72\x02\x12\x00", m), 0);
	assert_int_equal(m->kind, LEASH_DRAIN);
	/* Two at once: the last one counts, as Protobuf has it. */
	assert_int_equal(DECODE("\x12\x02\x08\x01\x72\x03\x0a\x01r", m), 0);
	assert_int_equal(m->kind, LEASH_DRAIN);
	assert_string_equal(m->drain.reason, "r");
	free(m);
}

static void
test_malformed(void **state)
{
	struct leash_message *m = message(LEASH_UNKNOWN);
	uint8_t *large = xcalloc(LEASH_FRAME_MAX + 1, 1);
	const char *why;
	size_t n, i;

	(void)state;
	assert_int_equal(DECODE("\x0a", m), -1);
	assert_int_equal(DECODE("\x0a\x05", m), -1);
	assert_int_equal(DECODE("\x0a\xff\xff\xff\xff\x0f", m), -1);
	assert_int_equal(DECODE("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
	    m), -1);
	assert_int_equal(DECODE("\x07", m), -1);
	assert_int_equal(DECODE("\x00\x00", m), -1);
	assert_int_equal(DECODE("GET / HTTP/1.1\r\n", m), -1);
	assert_int_equal(leash_decode(large, LEASH_FRAME_MAX + 1, m, &why),
	    -1);
	assert_string_equal(why, "longer than 64 KiB");
	free(large);

	/* Every cut of a large one: whatever is in it would be missing. */
	free(m);
	m = largest_hello();
	n = leash_encode(m, frame);
	for (i = 1; i < n - 4; i++)
		assert_int_equal(decode(frame + 4, i, m, &why), -1);
	assert_int_equal(decode(frame + 4, n - 4, m, &why), 0);
	free(m);
}

/* A message of kind (a field's number) whose field holds n letters. */
static int
decode_sized(unsigned kind, unsigned field, size_t n, struct leash_message *m,
    const char **why)
{
	uint8_t head[2 + 2 + 3], *p = head;
	size_t inner = n + 1 + (n < 128 ? 1 : 2);

	p = put_varint(p, kind << 3 | 2);
	p = put_varint(p, inner);
	p = put_varint(p, field << 3 | 2);
	p = put_varint(p, n);
	memcpy(frame, head, (size_t)(p - head));
	memset(frame + (p - head), 'a', n);
	return decode(frame, (size_t)(p - head) + n, m, why);
}

static void
test_sizes(void **state)
{
	struct leash_message *m = message(LEASH_UNKNOWN);
	const char *why;

	(void)state;
	assert_int_equal(decode_sized(15, 1, LEASH_TEXT_MAX - 1, m, &why), 0);
	assert_int_equal(strlen(m->error.reason), LEASH_TEXT_MAX - 1);
	assert_int_equal(decode_sized(15, 1, LEASH_TEXT_MAX, m, &why), -1);
	assert_string_equal(why, "a text too long, or not clean");
	assert_int_equal(decode_sized(1, 2, NAME_MAX_LEN - 1, m, &why), 0);
	assert_int_equal(decode_sized(1, 2, NAME_MAX_LEN, m, &why), -1);
	assert_string_equal(why, "the agent's name is no name");
	assert_int_equal(decode_sized(3, 1, ED25519_KEY_LEN, m, &why), 0);
	assert_int_equal(decode_sized(3, 1, ED25519_KEY_LEN - 1, m, &why), -1);
	assert_int_equal(decode_sized(3, 1, ED25519_KEY_LEN + 1, m, &why), -1);
	assert_string_equal(why, "a key that has not 32 bytes");
	assert_int_equal(decode_sized(13, 1, CERT_MAX, m, &why), 0);
	assert_int_equal(m->certificate.len, CERT_MAX);
	assert_int_equal(decode_sized(13, 1, CERT_MAX + 1, m, &why), -1);
	assert_string_equal(why, "a certificate too long");
	free(m);
}

/* n times the same field in a Hello that is otherwise right. */
static int
decode_repeated(const char *field, size_t len, size_t n,
    struct leash_message *m, const char **why)
{
	size_t head, i;
	uint8_t *p = frame;

	*p++ = 0x0a;
	p = put_varint(p, 3 + n * len);
	memcpy(p, "\x12\x01" "a", 3);
	p += 3;
	for (i = 0; i < n; i++, p += len)
		memcpy(p, field, len);
	head = (size_t)(p - frame);
	assert_true(head <= LEASH_FRAME_MAX);
	return decode(frame, head, m, why);
}

static void
test_too_many(void **state)
{
	struct leash_message *m = message(LEASH_UNKNOWN);
	const char *why;

	(void)state;
	assert_int_equal(decode_repeated("\x3a\x01n", 3, 16, m, &why), 0);
	assert_int_equal(m->hello.nnetworks, 16);
	assert_int_equal(decode_repeated("\x3a\x01n", 3, 17, m, &why), -1);
	assert_string_equal(why, "too many networks");
	assert_int_equal(decode_repeated("\x42\x02\x08\x50", 4, 65, m, &why),
	    -1);
	assert_string_equal(why, "too many ports");
	/* What a frame can hold of them would take more memory than allowed. */
	assert_int_equal(decode_repeated("\x42\x02\x08\x50", 4, 16000, m,
	    &why), -1);
	assert_string_equal(why,
	    "not a message of the leash, or one of too many parts");
	/* Unknown fields are ignored, in any number that is of use. */
	assert_int_equal(decode_repeated("\x98\x06\x01", 3, 1000, m, &why), 0);
	assert_int_equal(decode_repeated("\x98\x06\x01", 3, 20000, m, &why),
	    -1);
	free(m);
}

/* --- names -------------------------------------------------------- */

static void
test_host(void **state)
{
	static const char *const others[] = { "", ".", ".orthrus", "orthrus",
	    "a.orthrus.org", "a.b.orthrus", "a-.orthrus", "-a.orthrus",
	    "a.orthrus..", "a_b.orthrus", "aorthrus", "\xc3\xa4.orthrus",
	    "a .orthrus", "127.0.0.1" };
	char name[NAME_MAX_LEN], host[128];
	size_t i;

	(void)state;
	assert_true(leash_host("vps-london-01.orthrus", name));
	assert_string_equal(name, "vps-london-01");
	assert_true(leash_host("a.orthrus.", name));
	assert_string_equal(name, "a");
	assert_true(leash_host("VPS-London-01.OrthruS", name));
	assert_string_equal(name, "vps-london-01");
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (leash_host(others[i], name))
			fail_msg("\"%s\" is taken for an agent", others[i]);
	memset(host, 'a', sizeof(host));
	strcpy(host + 63, ".orthrus");
	assert_true(leash_host(host, name));
	assert_int_equal(strlen(name), 63);
	memset(host, 'a', sizeof(host));
	strcpy(host + 64, ".orthrus");
	assert_false(leash_host(host, name));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hello),
		cmocka_unit_test(test_heartbeat),
		cmocka_unit_test(test_from_gateway),
		cmocka_unit_test(test_certificates),
		cmocka_unit_test(test_hello_limits),
		cmocka_unit_test(test_texts_are_clean),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_certificate_limits),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
