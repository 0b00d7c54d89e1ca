/* SPDX-License-Identifier: ISC */
/*
 * Any bytes as a SOCKS5 client: however they are cut into pieces the outcome
 * is the same, and it is one that RFC 1928 knows.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "orthrus/proto/socks5.h"

#define SOCKS5_CONSUMED_MAX 1032	/* the longest handshake */

#define REPLY_LEN 10

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
	enum socks5_verdict verdict;
	size_t consumed, outlen;
	uint8_t out[4 * SOCKS5_OUT_MAX];
	struct address to;
};

static void
check(bool ok)
{
	if (!ok)
		abort();
}

/* One call; memory of just the right size shows reads and writes beyond. */
static void
feed(struct socks5 *s, const uint8_t *data, size_t len, struct outcome *o)
{
	uint8_t *in = calloc(len > 0 ? len : 1, 1);
	uint8_t *out = malloc(SOCKS5_OUT_MAX);
	size_t consumed, outlen;

	check(in != NULL && out != NULL);
	if (len > 0)
		memcpy(in, data, len);
	o->verdict = socks5_feed(s, in, len, &consumed, out, &outlen);
	check(consumed <= len && outlen <= SOCKS5_OUT_MAX);
	check(consumed == len || o->verdict != SOCKS5_MORE);
	check(o->outlen + outlen <= sizeof(o->out));
	memcpy(o->out + o->outlen, out, outlen);
	o->outlen += outlen;
	o->consumed += consumed;
	free(in);
	free(out);
}

/* Feeds the data in pieces of 1 to max bytes, as seed has it. */
static void
run(const char *secret, const uint8_t *data, size_t size, size_t max,
    unsigned seed, struct outcome *o)
{
	struct outcome after = { .verdict = SOCKS5_MORE };
	size_t done, n;
	struct socks5 s;

	memset(o, 0, sizeof(*o));
	socks5_init(&s, secret, secret);
	for (done = 0; done < size && o->verdict == SOCKS5_MORE; done += n) {
		n = max > 1 ? (size_t)rand_r(&seed) % max + 1 : 1;
		if (n > size - done)
			n = size - done;
		feed(&s, data + done, n, o);
	}
	o->to = s.to;
	if (o->verdict != SOCKS5_MORE) {
		feed(&s, data, size, &after);
		check(after.verdict == o->verdict);
		check(after.consumed == 0 && after.outlen == 0);
	}
	socks5_clear(&s);
}

static void
check_outcome(const struct outcome *o, const uint8_t *data, size_t size)
{
	const uint8_t *reply = o->out + o->outlen - REPLY_LEN;
	char text[ADDRESS_TEXT_MAX];
	struct address again;

	check(o->consumed <= SOCKS5_CONSUMED_MAX);
	if (o->verdict == SOCKS5_MORE) {
		check(o->consumed == size && o->outlen <= 4);
		check(size == 0 || data[0] == 5);
	}
	if (o->verdict != SOCKS5_CONNECT)
		check(o->to.kind == ADDRESS_NONE);
	if (o->verdict == SOCKS5_CLOSE && data[0] == 5 &&
	    o->outlen >= REPLY_LEN)
		check(reply[0] == 5 && reply[1] != SOCKS5_SUCCEEDED &&
		    reply[1] <= SOCKS5_ADDRESS_UNSUPPORTED);
	if (o->verdict != SOCKS5_CONNECT)
		return;
	/* Where it goes is an address that people could have written. */
	check(o->to.kind == ADDRESS_TCP && o->to.port != 0);
	check(memchr(o->to.host, '\0', HOST_MAX) != NULL);
	address_format(&o->to, text);
	check(address_parse(text, false, &again, NULL) == 0);
	check(address_equal(&o->to, &again));
	check(o->outlen == 2 || o->outlen == 4);
}

static bool
same(const struct outcome *a, const struct outcome *b)
{
	return a->verdict == b->verdict && a->consumed == b->consumed &&
	    a->outlen == b->outlen &&
	    memcmp(a->out, b->out, a->outlen) == 0 &&
	    address_equal(&a->to, &b->to);
}

static void
check_client(const char *secret, const uint8_t *data, size_t size)
{
	struct outcome whole, bytes, pieces;
	unsigned seed = (unsigned)size;

	run(secret, data, size, 1, 0, &bytes);
	check_outcome(&bytes, data, size);
	if (secret != NULL && bytes.verdict == SOCKS5_CONNECT)
		check(bytes.outlen == 4 && bytes.out[3] == 0);

	memset(&whole, 0, sizeof(whole));
	for (size_t i = 0; i < size && i < 4; i++)
		seed = seed * 31 + data[size - 1 - i];
	run(secret, data, size, 7, seed, &pieces);
	check(same(&bytes, &pieces));
	run(secret, data, size, 300, seed, &pieces);
	check(same(&bytes, &pieces));

	if (size > 0) {
		struct socks5 s;

		socks5_init(&s, secret, secret);
		feed(&s, data, size, &whole);
		whole.to = s.to;
		check(same(&bytes, &whole));
	}
}

/* Whatever a server says of a failure is one of two replies. */
static void
check_reply(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	enum socks5_reply reply;

	check(text != NULL);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	reply = socks5_reply_for(text);
	check(reply == SOCKS5_REFUSED || reply == SOCKS5_HOST_UNREACHABLE);
	check(strcasestr(text, "refused") == NULL || reply == SOCKS5_REFUSED);
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_client(NULL, data, size);
	check_client("user", data, size);
	check_reply(data, size);
	return 0;
}
