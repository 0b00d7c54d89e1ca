/* SPDX-License-Identifier: ISC */
/*
 * Any bytes from a client of our HTTP server, at once and in pieces: the
 * service sees the same requests with the same bodies, each of them is
 * answered, and nothing comes behind the last one.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "../unit/memory_endpoint.h"
#include "orthrus/http/server.h"

#define CHECK(ok) do { if (!(ok)) abort(); } while (0)
#define INPUT_MAX (8 * 1024)
#define TOLD_MAX (4 * INPUT_MAX)
#define BODY_MAX 512

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct event_base *base;
static struct http_server *server;

static struct run {
	char told[TOLD_MAX];		/* what the service has seen */
	size_t n;
	struct http_conn *held;
	unsigned requests, gone;
	bool done, refused;
} run;

static void
tell(const char *p, size_t n)
{
	CHECK(run.n + n + 1 < TOLD_MAX);
	if (n > 0)
		memcpy(run.told + run.n, p, n);
	run.n += n;
	run.told[run.n++] = '\n';
}

static void
on_body(void *arg, const uint8_t *p, size_t n)
{
	(void)arg;
	CHECK(run.held != NULL && n <= BODY_MAX);
	tell((const char *)p, n);
	http_reply(run.held, 200, "", "taken", 5);
	run.held = NULL;
}

static void
on_more(void *arg)
{
	(void)arg;
}

static void
on_gone(void *arg)
{
	(void)arg;
	CHECK(run.held != NULL);
	run.held = NULL;
	run.gone++;
}

static void
on_request(void *arg, struct http_conn *c, const struct http_request *r)
{
	static const struct http_producer producer = { on_body, on_more,
	    on_more, on_gone };

	(void)arg;
	CHECK(run.held == NULL && !run.refused && !run.done);
	run.requests++;
	tell(r->method, strlen(r->method));
	tell(r->target, r->target_len);
	if (r->body) {
		run.held = c;
		http_hold(c, &producer, NULL, 60);
		http_take_body(c, r, BODY_MAX);
	} else
		http_reply(c, 200, "X: y\r\n", "text", 4);
}

static int
on_refused(void *arg, int status, bool body, const char **why)
{
	char text[16];

	(void)arg;
	(void)body;
	CHECK(status >= 400 && status <= 599 && *why != NULL);
	snprintf(text, sizeof(text), "%d", status);
	tell(text, strlen(text));
	run.refused = true;
	return status;
}

static void
on_done(void *arg, uint64_t out, uint64_t in)
{
	(void)arg;
	(void)out;
	(void)in;
	run.done = true;
}

static const struct http_service service = {
	.conns_max = 2, .prefix = "fuzz: ", .every = "", .own = "",
	.request = on_request, .refused = on_refused
};

/* Goes on until nothing moves any more. */
static void
settle(struct memory *client)
{
	unsigned quiet = 0;

	while (quiet < 3) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		quiet = client->closed == 0 && memory_step(client) ? 0 :
		    quiet + 1;
	}
}

/* Every answer begins in its place and is one that we give. */
static void
check_heard(const struct memory *client)
{
	CHECK(client->out_len == 0 || (client->out_len > 12 &&
	    memcmp(client->out, "HTTP/1.", 7) == 0));
	CHECK(run.requests == run.gone || client->out_len > 0);
}

/* step 0: all at once; else in a few pieces whose sizes it makes. */
static void
converse(const uint8_t *data, size_t size, unsigned step)
{
	struct memory client;
	size_t done, n;

	memset(&run, 0, sizeof(run));
	memory_init(&client);
	relay_start(&client.ep, http_conn_new(server, NULL), on_done, NULL);
	for (done = 0; done < size && client.closed == 0; done += n) {
		step = step * 1103515245 + 12345;
		n = step == 12345 ? size :
		    1 + (step >> 16) % (1 + size / 8);
		if (step == 12345)
			step = 0;
		if (n > size - done)
			n = size - done;
		client.in = data + done - client.in_len;
		client.in_len += n;
		settle(&client);
	}
	client.in_end = true;
	settle(&client);
	check_heard(&client);
	if (!run.done)
		relay_abort(client.ep.relay);
	event_base_loop(base, EVLOOP_NONBLOCK);
	CHECK(run.held == NULL && http_server_conns(server) == 0);
	memory_free(&client);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char told[TOLD_MAX];
	size_t n;

	if (size > INPUT_MAX)
		return 0;
	if (base == NULL) {
		base = event_base_new();
		server = http_server_new(base, &service, NULL);
	}
	converse(data, size, 0);
	n = run.n;
	memcpy(told, run.told, n);
	converse(data, size, (unsigned)size + 1);
	CHECK(run.n == n && memcmp(run.told, told, n) == 0);
	return 0;
}
