/* SPDX-License-Identifier: ISC */
/* The messages by which a session goes on over a new link. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "orthrus/proto/resume.h"

static const uint8_t secret[RESUME_SECRET_LEN] = { 1, 2, 3 };

static struct resume_exchange
exchange(void)
{
	struct resume_exchange x = { .server_received = 1ULL << 40,
	    .client_received = 77 };

	memset(x.id, 0xaa, sizeof(x.id));
	memset(x.client_nonce, 0xbb, sizeof(x.client_nonce));
	memset(x.server_nonce, 0xcc, sizeof(x.server_nonce));
	return x;
}

/* The format of docs/resume.md, by hand. */
static void
test_bytes(void **state)
{
	static const char text[] = "\1resume\1";
	const struct resume_exchange x = exchange();
	uint8_t request[RESUME_REQUEST_LEN], challenge[RESUME_CHALLENGE_LEN];
	uint8_t proof[RESUME_PROOF_LEN], refusal[RESUME_REFUSAL_LEN];
	uint8_t covered[8 + 16 + 32 + 32 + 8 + 8], mac[32];

	(void)state;
	resume_put_request(&x, request);
	assert_memory_equal(request, text, 8);
	assert_memory_equal(request + 8, x.id, 16);
	assert_memory_equal(request + 24, x.client_nonce, 32);
	resume_put_challenge(&x, secret, challenge);
	assert_memory_equal(challenge, "\2resume\1", 8);
	assert_memory_equal(challenge + 40, "\0\0\1\0\0\0\0\0", 8);
	memcpy(covered, challenge, 8);
	memcpy(covered + 8, x.id, 16);
	memcpy(covered + 24, x.client_nonce, 32);
	memcpy(covered + 56, x.server_nonce, 32);
	memcpy(covered + 88, challenge + 40, 8);
	crypto_auth_hmacsha256(mac, covered, 96, secret);
	assert_memory_equal(challenge + 48, mac, 32);
	resume_put_proof(&x, secret, proof);
	assert_memory_equal(proof, "\3resume\1\0\0\0\0\0\0\0\115", 16);
	memcpy(covered, proof, 8);
	memcpy(covered + 96, proof + 8, 8);
	crypto_auth_hmacsha256(mac, covered, 104, secret);
	assert_memory_equal(proof + 16, mac, 32);
	resume_put_refusal(refusal);
	assert_memory_equal(refusal, "\4resume\1", 8);
}

static void
test_exchange(void **state)
{
	struct resume_exchange client = exchange(), server = { .id = { 0 } };
	uint8_t request[RESUME_REQUEST_LEN], challenge[RESUME_CHALLENGE_LEN];
	uint8_t proof[RESUME_PROOF_LEN];

	(void)state;
	resume_put_request(&client, request);
	assert_true(resume_read_request(&server, request));
	server.server_received = 5;
	memset(server.server_nonce, 0x11, sizeof(server.server_nonce));
	resume_put_challenge(&server, secret, challenge);
	assert_true(resume_read_challenge(&client, secret, challenge));
	assert_int_equal(client.server_received, 5);
	resume_put_proof(&client, secret, proof);
	assert_true(resume_read_proof(&server, secret, proof));
	assert_int_equal(server.client_received, 77);
	/* The same proof for another challenge. */
	server.server_nonce[31]++;
	assert_false(resume_read_proof(&server, secret, proof));
}

static void
test_another_secret(void **state)
{
	static const uint8_t other[RESUME_SECRET_LEN] = { 1, 2, 4 };
	struct resume_exchange x = exchange();
	uint8_t challenge[RESUME_CHALLENGE_LEN], proof[RESUME_PROOF_LEN];

	(void)state;
	resume_put_challenge(&x, other, challenge);
	assert_false(resume_read_challenge(&x, secret, challenge));
	resume_put_proof(&x, other, proof);
	assert_false(resume_read_proof(&x, secret, proof));
}

/* Feeds the text byte by byte, and then what is at p: what was said last. */
static enum resume_answer
answer_to(const char *text, const uint8_t *p, size_t n)
{
	struct resume_reader r = { 0 };
	enum resume_answer answer = RESUME_MORE;
	size_t wants;

	for (; *text != '\0' && answer == RESUME_MORE; text++) {
		assert_int_equal(resume_wants(&r), 1);
		*resume_space(&r) = (uint8_t)*text;
		answer = resume_took(&r, 1);
	}
	while (n > 0 && answer == RESUME_MORE) {
		wants = resume_wants(&r);
		assert_in_range(wants, 1, n);
		memcpy(resume_space(&r), p, wants);
		answer = resume_took(&r, wants);
		p += wants;
		n -= wants;
	}
	assert_int_equal(n, 0);
	return answer;
}

static void
test_lines_before(void **state)
{
	const struct resume_exchange x = exchange();
	uint8_t challenge[RESUME_CHALLENGE_LEN], refusal[RESUME_REFUSAL_LEN];
	uint8_t other[RESUME_CHALLENGE_LEN];

	(void)state;
	resume_put_challenge(&x, secret, challenge);
	resume_put_refusal(refusal);
	assert_int_equal(answer_to("", challenge, sizeof(challenge)),
	    RESUME_CHALLENGE);
	assert_int_equal(answer_to("SSH-2.0-charon_1.2\r\n", challenge,
	    sizeof(challenge)), RESUME_CHALLENGE);
	assert_int_equal(answer_to("hello\nSSH-2.0-charon_9\r\n", refusal,
	    sizeof(refusal)), RESUME_REFUSAL);
	assert_int_equal(answer_to("SSH-2.0-charon_9", NULL, 0), RESUME_MORE);
	assert_int_equal(answer_to("Not now: too many\r\n", NULL, 0),
	    RESUME_MORE);
	memcpy(other, challenge, sizeof(other));
	other[7] = 2;		/* a version that we do not know */
	assert_int_equal(answer_to("", other, RESUME_HEAD_LEN),
	    RESUME_FOREIGN);
}

static void
test_others(void **state)
{
	char line[RESUME_LINES_MAX + 2];

	(void)state;
	assert_int_equal(answer_to("SSH-2.0-O", NULL, 0), RESUME_FOREIGN);
	assert_int_equal(answer_to("SSH-2.0-c\r", NULL, 0), RESUME_FOREIGN);
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	assert_int_equal(answer_to(line, NULL, 0), RESUME_FOREIGN);
	line[RESUME_LINES_MAX] = '\0';
	assert_int_equal(answer_to(line, NULL, 0), RESUME_MORE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_exchange),
		cmocka_unit_test(test_another_secret),
		cmocka_unit_test(test_lines_before),
		cmocka_unit_test(test_others)
	};

	if (sodium_init() == -1)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
