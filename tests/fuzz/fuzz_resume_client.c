/* SPDX-License-Identifier: ISC */
/*
 * Any bytes as what a server says to a request to resume, in pieces of any
 * size: the reader asks for no byte behind the answer and ends in time; a
 * challenge is taken with the right MAC only, whatever was altered.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "orthrus/proto/resume.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t secret[RESUME_SECRET_LEN] = { 3 };

static void
check(bool ok)
{
	if (!ok)
		abort();
}

/* How many bytes the reader took until its answer. */
static size_t
feed(struct resume_reader *r, const uint8_t *p, size_t n, size_t piece,
    enum resume_answer *answer)
{
	size_t taken = 0, wants;

	*answer = RESUME_MORE;
	while (taken < n && *answer == RESUME_MORE) {
		wants = resume_wants(r);
		check(wants > 0 && resume_space(r) >= r->bytes &&
		    resume_space(r) + wants <= r->bytes + sizeof(r->bytes));
		if (wants > piece)
			wants = piece;
		if (wants > n - taken)
			wants = n - taken;
		memcpy(resume_space(r), p + taken, wants);
		*answer = resume_took(r, wants);
		taken += wants;
	}
	check(taken <= RESUME_LINES_MAX + RESUME_CHALLENGE_LEN);
	return taken;
}

/* An honest answer behind the same lines is found wherever it begins. */
static void
check_honest(const uint8_t *data, size_t size, struct resume_exchange *x)
{
	uint8_t bytes[RESUME_LINES_MAX + 2 * RESUME_CHALLENGE_LEN];
	struct resume_exchange theirs = *x;
	struct resume_reader r = { 0 };
	enum resume_answer answer;
	size_t n = 0;

	while (n < size && n < RESUME_LINES_MAX / 2 && data[n] >= ' ')
		n++;
	memcpy(bytes, "- ", 2);
	memcpy(bytes + 2, data, n);
	n += 2;
	bytes[n++] = '\n';
	resume_put_challenge(x, secret, bytes + n);
	memset(bytes + n + RESUME_CHALLENGE_LEN, 7, RESUME_CHALLENGE_LEN);
	check(feed(&r, bytes, n + 2 * RESUME_CHALLENGE_LEN, 5, &answer) ==
	    n + RESUME_CHALLENGE_LEN && answer == RESUME_CHALLENGE);
	memset(theirs.server_nonce, 0, sizeof(theirs.server_nonce));
	theirs.server_received = 0;
	check(resume_read_challenge(&theirs, secret, r.bytes));
	check(memcmp(&theirs, x, sizeof(theirs)) == 0);
	r.bytes[size % RESUME_CHALLENGE_LEN] ^= 1;
	check(!resume_read_challenge(&theirs, secret, r.bytes));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct resume_exchange x = { .id = { 5 }, .client_nonce = { 2 } };
	struct resume_reader whole = { 0 }, pieces = { 0 };
	enum resume_answer a, b;

	check(feed(&whole, data, size, SIZE_MAX, &a) ==
	    feed(&pieces, data, size, 1 + size % 7, &b));
	check(a == b);
	if (a == RESUME_CHALLENGE)
		check(!resume_read_challenge(&x, secret, whole.bytes));
	memcpy(x.server_nonce, data, size < sizeof(x.server_nonce) ? size :
	    sizeof(x.server_nonce));
	x.server_received = size * 1000003;
	check_honest(data, size, &x);
	return 0;
}
