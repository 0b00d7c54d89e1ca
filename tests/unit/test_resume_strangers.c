/* SPDX-License-Identifier: ISC */
/*
 * Requests to resume a session that is somebody else's: recorded, altered,
 * foreign and many of them get nothing, and disturb nobody.
 */
#include <sys/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>

#include "orthrus/base/loop.h"
#include "orthrus/relay/relay.h"

#include "resume_fixture.h"

static int
stranger(uint32_t from)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(from) };
	struct timeval soon = { 0, 1 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	at.sin_port = htons(server_port());
	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof(soon));
	return fd;
}

static void
say(int fd, const void *p, size_t n)
{
	assert_int_equal(send(fd, p, n, MSG_NOSIGNAL), n);
}

/* What it hears behind the server's line, len bytes; fewer: it was closed. */
static size_t
hear(int fd, uint8_t *p, size_t len)
{
	uint64_t end = clock_ms() + PATIENCE_MS;
	size_t n = 0;
	bool line = true;
	ssize_t got;

	while (n < len) {
		assert_true(clock_ms() < end);
		got = recv(fd, p + n, line ? 1 : len - n, 0);
		if (got == 0 || (got == -1 && errno == ECONNRESET))
			return n;
		if (got == -1)
			step();
		else if (line)
			line = p[n] != '\n';
		else
			n += (size_t)got;
	}
	return n;
}

/* All of it still works. */
static void
assert_undisturbed(size_t n)
{
	assert_int_equal(server.parted, 0);
	assert_int_equal(server.rejoined, 0);
	give(n, n);
	until_moved(n);
	assert_all_came(n);
}

static void
test_foreign_id(void **state)
{
	const struct resume_exchange x = { .id = { 7 } };
	uint8_t request[RESUME_REQUEST_LEN], answer[RESUME_CHALLENGE_LEN];
	int fd;

	(void)state;
	serve(60000);
	begin(60000);
	until_agreed();
	resume_put_request(&x, request);
	fd = stranger(INADDR_LOOPBACK);
	say(fd, request, sizeof(request));
	assert_int_equal(hear(fd, answer, sizeof(answer)),
	    RESUME_REFUSAL_LEN);
	assert_memory_equal(answer, "\4resume\1", 8);
	close(fd);
	assert_undisturbed(1000);
}

/* Gets the challenge of the session that is up; the caller has its bytes. */
static int
challenged(uint32_t from, struct resume_exchange *x)
{
	uint8_t request[RESUME_REQUEST_LEN], answer[RESUME_CHALLENGE_LEN];
	int fd = stranger(from);

	memcpy(x->id, server.in->resume.id, sizeof(x->id));
	randombytes_buf(x->client_nonce, sizeof(x->client_nonce));
	resume_put_request(x, request);
	say(fd, request, sizeof(request));
	assert_int_equal(hear(fd, answer, sizeof(answer)), sizeof(answer));
	assert_true(resume_read_challenge(x, server.in->resume.secret,
	    answer));
	return fd;
}

/* Whoever has read the id from the network has no secret: one bit, and all. */
static void
test_altered_proof(void **state)
{
	struct resume_exchange x;
	uint8_t proof[RESUME_PROOF_LEN], end;
	size_t bit;
	int fd;

	(void)state;
	serve(60000);
	begin(60000);
	until_agreed();
	for (bit = 0; bit < sizeof(proof) * 8; bit += 29) {
		fd = challenged(INADDR_LOOPBACK, &x);
		x.client_received = 1000;
		resume_put_proof(&x, server.in->resume.secret, proof);
		proof[bit / 8] ^= (uint8_t)(1 << bit % 8);
		say(fd, proof, sizeof(proof));
		assert_int_equal(recv(fd, &end, 1, MSG_DONTWAIT), -1);
		while (recv(fd, &end, 1, MSG_DONTWAIT) == -1 &&
		    errno == EAGAIN)
			step();
		close(fd);
	}
	assert_undisturbed(1000);
}

/* The owner itself, who says that it has what was never sent, or lost. */
static void
test_impossible_positions(void **state)
{
	static const uint64_t positions[] = { 0, 1, UINT64_MAX, 1ULL << 62 };
	struct resume_exchange x;
	uint8_t proof[RESUME_PROOF_LEN], end;
	size_t i;
	int fd;

	(void)state;
	serve(60000);
	begin(60000);
	until_agreed();
	for (i = 0; i < sizeof(positions) / sizeof(positions[0]); i++) {
		fd = challenged(INADDR_LOOPBACK, &x);
		x.client_received = positions[i];
		resume_put_proof(&x, server.in->resume.secret, proof);
		say(fd, proof, sizeof(proof));
		while (recv(fd, &end, 1, MSG_DONTWAIT) == -1 &&
		    errno == EAGAIN)
			step();
		close(fd);
	}
	assert_non_null(strstr(server.turned, "not kept"));
	assert_undisturbed(1000);
}

/* What the owner said once, said again by who has recorded it. */
static void
test_replay(void **state)
{
	uint8_t recorded[RESUME_REQUEST_LEN + RESUME_PROOF_LEN];
	uint8_t answer[RESUME_CHALLENGE_LEN + 1];
	unsigned rejoined;
	int fd;

	(void)state;
	serve(60000);
	begin(60000);
	until_agreed();
	cut_link_cut();
	until(&server.rejoined, 1);
	assert_in_range(cut_link.head_len, sizeof(recorded),
	    sizeof(cut_link.head));
	memcpy(recorded, cut_link.head, sizeof(recorded));
	assert_memory_equal(recorded, "\1resume\1", 8);
	rejoined = server.rejoined;
	fd = stranger(INADDR_LOOPBACK);
	say(fd, recorded, sizeof(recorded));
	/* A challenge, and the end. */
	assert_int_equal(hear(fd, answer, sizeof(answer)),
	    RESUME_CHALLENGE_LEN);
	close(fd);
	assert_int_equal(server.rejoined, rejoined);
	give(1000, 1000);
	until_moved(1000);
	assert_all_came(1000);
}

/* Many ask at once, and hold what they get: the owner is not kept waiting. */
static void
test_concurrent(void **state)
{
	struct resume_exchange x;
	int fds[8];
	size_t i;

	(void)state;
	serve(60000);
	begin(60000);
	until_agreed();
	for (i = 0; i < 8; i++)
		fds[i] = challenged(INADDR_LOOPBACK, &x);
	give(SIZE, SIZE);
	cut_link.left = 500000;
	until(&server.rejoined, 1);
	until_moved(SIZE);
	assert_all_came(SIZE);
	for (i = 0; i < 8; i++)
		close(fds[i]);
}

/* They are limited as those who try to log in. */
static void
test_penalty(void **state)
{
	struct resume_exchange x;
	uint8_t proof[RESUME_PROOF_LEN] = { 0 };
	unsigned i;
	int fd;

	(void)state;
	serve(60000);
	begin(60000);
	until_agreed();
	for (i = 0; server.penalised == 0; i++) {
		assert_in_range(i, 0, 4);
		fd = challenged(0x7f000002, &x);
		say(fd, proof, sizeof(proof));
		until(&server.turned_away, i + 1);
		close(fd);
	}
	assert_undisturbed(1000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_foreign_id),
		TEST(test_altered_proof),
		TEST(test_impossible_positions),
		TEST(test_replay),
		TEST(test_concurrent),
		TEST(test_penalty),
	};

	return cmocka_run_group_tests(tests, make_keys, remove_keys);
}
