/* SPDX-License-Identifier: ISC */
/*
 * The whole Muzzle between a client and an engine that say whatever they like:
 * the bytes before the first NUL are the client's, those behind it the
 * engine's, to each of its connections, with a NUL where it waits to be asked
 * again.  The engine sees nothing but whole requests that the policy writes, and
 * the client nothing but well-formed answers.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "../unit/memory_endpoint.h"
#include "orthrus/base/log.h"
#include "orthrus/http/reader.h"
#include "orthrus/http/upstream.h"
#include "orthrus/muzzle/muzzle.h"

#define CHECK(ok) do { if (!(ok)) abort(); } while (0)
#define ENGINES_MAX 512		/* more than there are requests */
#define INPUT_MAX (4 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct engine_end {
	struct memory m;
	struct endpoint *ep;
	void (*failed)(struct endpoint *ep, const char *why);
	bool waits;
	size_t asked;			/* bytes of requests that were answered */
} engines[ENGINES_MAX];
static size_t nengines;

static struct event_base *base;
static struct memory client;
static const uint8_t *script;		/* what is left of the engine's words */
static size_t script_len;

/* --- the engine --------------------------------------------------------- */

static void *
engine_connect(void *arg, struct endpoint *ep,
    void (*failed)(struct endpoint *ep, const char *why))
{
	struct engine_end *e = &engines[nengines];

	(void)arg;
	CHECK(++nengines < ENGINES_MAX);
	memory_init(&e->m);
	e->ep = ep;
	e->failed = failed;
	e->waits = true;
	e->asked = 0;
	return e;
}

static void
engine_cancel(void *handle)
{
	((struct engine_end *)handle)->waits = false;
}

/* Its next words, up to a NUL, once there is a request more. */
static void
engine_answers(struct engine_end *e)
{
	const uint8_t *end;
	size_t n;

	if (e->m.out_len == e->asked || e->m.in_len > 0)
		return;
	e->asked = e->m.out_len;
	end = script_len == 0 ? NULL : memchr(script, '\0', script_len);
	n = end == NULL ? script_len : (size_t)(end - script);
	e->m.in = script;
	e->m.in_len = n;
	script += n + (end != NULL);
	script_len -= n + (end != NULL);
	e->m.in_end = script_len == 0;
}

/* True when anything moved. */
static bool
engine_step(struct engine_end *e)
{
	if (e->waits) {
		e->waits = false;
		if (script_len == 0)
			e->failed(e->ep, "it is away");
		else
			relay_start(&e->m.ep, e->ep, NULL, NULL);
		return true;
	}
	if (e->m.ep.relay == NULL || e->m.closed > 0)
		return false;
	engine_answers(e);
	return memory_step(&e->m);
}

static const struct http_way way = { engine_connect, engine_cancel, NULL };

/* --- what they have heard ----------------------------------------------- */

/* Requests one behind the other, each a head with our Host, without a body. */
static void
check_engine(const struct engine_end *e)
{
	const uint8_t *p = e->m.out;
	size_t left, seen;
	struct http_request r;
	const char *why;
	int status;
	long n;

	for (left = e->m.out_len; left > 0; p += n, left -= (size_t)n) {
		seen = 0;
		n = http_head_end(p, left, HTTP_HEAD_MAX, &seen, &status);
		CHECK(n > 0);
		CHECK(http_request_read(p, (size_t)n, &r, &why) == 0);
		CHECK(strcmp(r.method, "GET") == 0 ||
		    strcmp(r.method, "HEAD") == 0);
		CHECK(!r.body && r.target[0] == '/' && r.caller.hosts == 1);
	}
}

/* Answers one behind the other; only of the last one the end may be missing. */
static void
check_client(const uint8_t *said, size_t size)
{
	const uint8_t *p = client.out, *data;
	size_t left = client.out_len, len;
	struct http_reader r;
	const char *why;
	long n;

	/* Whether a body follows is not seen there, but where it was asked. */
	if (memmem(said, size, "HEAD", 4) != NULL ||
	    memmem(said, size, "HTTP/1.0", 8) != NULL)
		return;
	http_reader_init(&r, false);
	for (; left > 0; p += n, left -= (size_t)n) {
		n = http_reader_feed(&r, p, left, &data, &len, &why);
		CHECK(n >= 0);
		if (!r.done)
			continue;
		http_reader_clear(&r);
		http_reader_init(&r, false);
	}
	http_reader_clear(&r);
}

/* --- a conversation ------------------------------------------------------- */

static void
settle(void)
{
	unsigned quiet, rounds = 0;
	bool moved;
	size_t i;

	for (quiet = 0; quiet < 3; quiet = moved ? 0 : quiet + 1) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		moved = client.ep.relay != NULL && client.closed == 0 &&
		    memory_step(&client);
		for (i = 0; i < nengines; i++)
			moved |= engine_step(&engines[i]);
		CHECK(rounds++ < 100000);
	}
}

static void
finish(struct muzzle *m)
{
	size_t i;

	client.in_end = true;
	settle();
	muzzle_free(m);
	settle();
	for (i = 0; i < nengines; i++) {
		CHECK(!engines[i].waits);
		if (engines[i].m.ep.relay != NULL &&
		    engines[i].m.closed == 0)
			relay_abort(engines[i].m.ep.relay);
		check_engine(&engines[i]);
	}
	event_base_loop(base, EVLOOP_NONBLOCK);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct policy policy = { .redact = true };
	const uint8_t *end = size == 0 ? NULL : memchr(data, '\0', size);
	struct muzzle *m;
	size_t i, n;

	if (end == NULL || size > INPUT_MAX)
		return 0;
	if (base == NULL) {
		base = event_base_new();
		log_setup(LEVEL_ERROR, LOG_TEXT);
	}
	n = (size_t)(end - data);
	script = end + 1;
	script_len = size - n - 1;
	nengines = 0;
	m = muzzle_new_over(base, &way, "fuzz", &policy);
	memory_init(&client);
	relay_start(&client.ep, muzzle_endpoint_new(m, NULL), NULL, NULL);
	client.in = data;
	client.in_len = n;
	settle();
	finish(m);
	check_client(data, n);
	memory_free(&client);
	for (i = 0; i < nengines; i++)
		memory_free(&engines[i].m);
	return 0;
}
