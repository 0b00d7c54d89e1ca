/* SPDX-License-Identifier: ISC */
/* See resume.h. */
#include "config.h"

#include <string.h>

#include <sodium.h>

#include "orthrus/proto/leash.h"
#include "orthrus/proto/resume.h"
#include "orthrus/proto/wire.h"

enum kind { REQUEST = RESUME_FIRST, CHALLENGE, PROOF, REFUSAL };

#define FORMAT 1
#define COVERED_MAX (RESUME_HEAD_LEN + RESUME_ID_LEN + 2 * RESUME_NONCE_LEN + \
    2 * 8)

static uint8_t *
put(uint8_t *to, const void *p, size_t n)
{
	memcpy(to, p, n);
	return to + n;
}

static uint8_t *
put_head(uint8_t *to, enum kind kind)
{
	*to++ = (uint8_t)kind;
	to = put(to, "resume", 6);
	*to++ = FORMAT;
	return to;
}

static bool
is_head(const uint8_t *p, enum kind kind)
{
	uint8_t head[RESUME_HEAD_LEN];

	put_head(head, kind);
	return memcmp(p, head, sizeof(head)) == 0;
}

/*
 * Covers all that was said until then.  The kind at its front keeps the two
 * sides apart: what one has made is never taken for the other's.
 */
static void
make_mac(const struct resume_exchange *x, enum kind kind,
    const uint8_t secret[RESUME_SECRET_LEN], uint8_t mac[RESUME_MAC_LEN])
{
	uint8_t covered[COVERED_MAX], *p = put_head(covered, kind);

	p = put(p, x->id, sizeof(x->id));
	p = put(p, x->client_nonce, sizeof(x->client_nonce));
	p = put(p, x->server_nonce, sizeof(x->server_nonce));
	p = wire_put_u64(p, x->server_received);
	if (kind == PROOF)
		p = wire_put_u64(p, x->client_received);
	crypto_auth_hmacsha256(mac, covered,
	    (unsigned long long)(p - covered), secret);
}

static bool
is_mac(const struct resume_exchange *x, enum kind kind,
    const uint8_t secret[RESUME_SECRET_LEN], const uint8_t *mac)
{
	uint8_t ours[RESUME_MAC_LEN];

	make_mac(x, kind, secret, ours);
	return sodium_memcmp(ours, mac, sizeof(ours)) == 0;
}

static uint64_t
read_u64(const uint8_t *p)
{
	struct wire w;

	wire_init(&w, p, 8);
	return wire_u64(&w);
}

/* --- writing ---------------------------------------------------------- */

void
resume_put_request(const struct resume_exchange *x,
    uint8_t out[RESUME_REQUEST_LEN])
{
	uint8_t *p = put_head(out, REQUEST);

	p = put(p, x->id, sizeof(x->id));
	put(p, x->client_nonce, sizeof(x->client_nonce));
}

void
resume_put_challenge(const struct resume_exchange *x,
    const uint8_t secret[RESUME_SECRET_LEN], uint8_t out[RESUME_CHALLENGE_LEN])
{
	uint8_t *p = put_head(out, CHALLENGE);

	p = put(p, x->server_nonce, sizeof(x->server_nonce));
	p = wire_put_u64(p, x->server_received);
	make_mac(x, CHALLENGE, secret, p);
}

void
resume_put_proof(const struct resume_exchange *x,
    const uint8_t secret[RESUME_SECRET_LEN], uint8_t out[RESUME_PROOF_LEN])
{
	uint8_t *p = put_head(out, PROOF);

	p = wire_put_u64(p, x->client_received);
	make_mac(x, PROOF, secret, p);
}

void
resume_put_refusal(uint8_t out[RESUME_REFUSAL_LEN])
{
	put_head(out, REFUSAL);
}

/* --- reading ---------------------------------------------------------- */

bool
resume_read_request(struct resume_exchange *x,
    const uint8_t p[RESUME_REQUEST_LEN])
{
	if (!is_head(p, REQUEST))
		return false;
	p += RESUME_HEAD_LEN;
	memcpy(x->id, p, sizeof(x->id));
	memcpy(x->client_nonce, p + sizeof(x->id), sizeof(x->client_nonce));
	return true;
}

bool
resume_read_challenge(struct resume_exchange *x,
    const uint8_t secret[RESUME_SECRET_LEN],
    const uint8_t p[RESUME_CHALLENGE_LEN])
{
	if (!is_head(p, CHALLENGE))
		return false;
	p += RESUME_HEAD_LEN;
	memcpy(x->server_nonce, p, sizeof(x->server_nonce));
	p += sizeof(x->server_nonce);
	x->server_received = read_u64(p);
	return is_mac(x, CHALLENGE, secret, p + 8);
}

bool
resume_read_proof(struct resume_exchange *x,
    const uint8_t secret[RESUME_SECRET_LEN], const uint8_t p[RESUME_PROOF_LEN])
{
	if (!is_head(p, PROOF))
		return false;
	p += RESUME_HEAD_LEN;
	x->client_received = read_u64(p);
	return is_mac(x, PROOF, secret, p + 8);
}

/* --- what a client reads ---------------------------------------------- */

static bool
is_message(const struct resume_reader *r)
{
	return r->bytes[0] == CHALLENGE || r->bytes[0] == REFUSAL;
}

/* A line is read byte by byte: its end is not known before. */
size_t
resume_wants(const struct resume_reader *r)
{
	if (r->n == 0 || !is_message(r))
		return 1;
	return (r->n < RESUME_HEAD_LEN ? RESUME_HEAD_LEN :
	    RESUME_CHALLENGE_LEN) - r->n;
}

/* Of a line no more is kept than tells who speaks. */
uint8_t *
resume_space(struct resume_reader *r)
{
	return &r->bytes[r->n < sizeof(r->bytes) ? r->n : sizeof(r->bytes) - 1];
}

/* Our gateways are known by their identification. */
static bool
is_foreign(const struct resume_reader *r)
{
	size_t len = strlen(LEASH_BANNER), n = r->n < len ? r->n : len;

	return n > 4 && memcmp(r->bytes, "SSH-", 4) == 0 &&
	    memcmp(r->bytes, LEASH_BANNER, n) != 0;
}

static enum resume_answer
took_line(struct resume_reader *r)
{
	uint8_t last = *resume_space(r);

	if (r->n < sizeof(r->bytes))
		r->n++;
	if (is_foreign(r) || ++r->skipped > RESUME_LINES_MAX)
		return RESUME_FOREIGN;
	if (last == '\n')
		r->n = 0;
	return RESUME_MORE;
}

enum resume_answer
resume_took(struct resume_reader *r, size_t n)
{
	if (!is_message(r))
		return took_line(r);
	r->n += n;
	if (r->n < RESUME_HEAD_LEN)
		return RESUME_MORE;
	if (is_head(r->bytes, REFUSAL))
		return RESUME_REFUSAL;
	if (!is_head(r->bytes, CHALLENGE))
		return RESUME_FOREIGN;
	return r->n < RESUME_CHALLENGE_LEN ? RESUME_MORE : RESUME_CHALLENGE;
}
