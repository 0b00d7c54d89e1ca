/* SPDX-License-Identifier: ISC */
/*
 * Any bytes as what a client sends to resume a session: a request, and then a
 * proof.  Only the proof that was made for that request and challenge, with
 * the secret, is one; the server's own challenge, or one bit, is not.
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

/* Zeros stand for what is not there. */
static void
take(const uint8_t **p, size_t *left, uint8_t *to, size_t n)
{
	size_t have = n < *left ? n : *left;

	memset(to, 0, n);
	memcpy(to, *p, have);
	*p += have;
	*left -= have;
}

/* What the other side has made is no proof of this one. */
static void
check_reflection(const struct resume_exchange *x)
{
	uint8_t challenge[RESUME_CHALLENGE_LEN], proof[RESUME_PROOF_LEN];
	struct resume_exchange y = *x;

	resume_put_challenge(x, secret, challenge);
	resume_put_proof(x, secret, proof);
	memcpy(proof + RESUME_HEAD_LEN, challenge + RESUME_HEAD_LEN +
	    RESUME_NONCE_LEN, 8 + RESUME_MAC_LEN);
	check(!resume_read_proof(&y, secret, proof));
}

static void
check_honest(struct resume_exchange *x, size_t bit)
{
	uint8_t proof[RESUME_PROOF_LEN];
	struct resume_exchange y = *x;

	resume_put_proof(x, secret, proof);
	y.client_received = 0;
	check(resume_read_proof(&y, secret, proof));
	check(y.client_received == x->client_received);
	proof[bit / 8 % sizeof(proof)] ^= (uint8_t)(1 << bit % 8);
	check(!resume_read_proof(&y, secret, proof));
	proof[bit / 8 % sizeof(proof)] ^= (uint8_t)(1 << bit % 8);
	y = *x;
	y.server_nonce[bit % RESUME_NONCE_LEN] ^= 1;
	check(!resume_read_proof(&y, secret, proof));
	y = *x;
	y.id[bit % RESUME_ID_LEN] ^= 1;
	check(!resume_read_proof(&y, secret, proof));
	y = *x;
	y.server_received++;
	check(!resume_read_proof(&y, secret, proof));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t request[RESUME_REQUEST_LEN], proof[RESUME_PROOF_LEN];
	uint8_t again[RESUME_REQUEST_LEN];
	struct resume_exchange x = { .server_nonce = { 9 } };

	take(&data, &size, request, sizeof(request));
	take(&data, &size, proof, sizeof(proof));
	if (resume_read_request(&x, request)) {
		resume_put_request(&x, again);
		check(memcmp(again, request, sizeof(again)) == 0);
	}
	x.server_received = size;
	check(!resume_read_proof(&x, secret, proof));
	check_reflection(&x);
	check_honest(&x, proof[0] * 257U + size);
	return 0;
}
