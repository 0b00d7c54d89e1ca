/* SPDX-License-Identifier: ISC */
/* See muzzle_fixture.h. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <event2/event.h>

#include "muzzle_fixture.h"
#include "orthrus/base/log.h"
#include "orthrus/http/upstream.h"

struct event_base *base;
struct muzzle *muzzle;
struct http_server *other;
struct memory client;
struct engine_end engines[ENGINES_MAX];
size_t nengines;
const char *away;
bool unread;

/* --- the engine --------------------------------------------------- */

static void *
engine_connect(void *arg, struct endpoint *ep,
    void (*failed)(struct endpoint *ep, const char *why))
{
	struct engine_end *e = &engines[nengines++];

	(void)arg;
	assert_true(nengines <= ENGINES_MAX);
	memory_init(&e->m);
	e->ep = ep;
	e->failed = failed;
	e->waits = true;
	return e;
}

static void
engine_cancel(void *handle)
{
	((struct engine_end *)handle)->waits = false;
}

static void
engine_step(struct engine_end *e)
{
	if (e->waits) {
		e->waits = false;
		if (away != NULL)
			e->failed(e->ep, away);
		else
			relay_start(&e->m.ep, e->ep, NULL, NULL);
	} else if (e->m.ep.relay != NULL)
		memory_step(&e->m);
}

void
settle(void)
{
	size_t i, k;

	for (i = 0; i < 50; i++) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		if (client.ep.relay != NULL)
			memory_step(&client);
		for (k = 0; k < nengines && !unread; k++)
			engine_step(&engines[k]);
	}
}

/* What connection i was sent since the last time. */
const char *
engine_heard(size_t i)
{
	static char text[64 * 1024];
	struct memory *m = &engines[i].m;

	assert_true(i < nengines && m->out_len < sizeof(text));
	if (m->out_len > 0)
		memcpy(text, m->out, m->out_len);
	text[m->out_len] = '\0';
	m->out_len = 0;
	return text;
}

void
engine_says_bytes(size_t i, const char *p, size_t n)
{
	assert_true(i < nengines);
	engines[i].m.in = (const uint8_t *)p;
	engines[i].m.in_len = n;
	settle();
}

void
engine_says(size_t i, const char *text)
{
	engine_says_bytes(i, text, strlen(text));
}

void
engine_ends(size_t i)
{
	engines[i].m.in_end = true;
	settle();
}

/* --- the client --------------------------------------------------- */

const char *
heard(void)
{
	static char text[1024 * 1024];

	assert_true(client.out_len < sizeof(text));
	if (client.out_len > 0)
		memcpy(text, client.out, client.out_len);
	text[client.out_len] = '\0';
	client.out_len = 0;
	return text;
}

void
say(const char *text)
{
	client.in = (const uint8_t *)text;
	client.in_len = strlen(text);
	settle();
}

const char *
ask(const char *text)
{
	say(text);
	return heard();
}

void
assert_begins(const char *text, const char *with)
{
	if (strncmp(text, with, strlen(with)) != 0)
		fail_msg("\"%.300s\" does not begin with \"%s\"", text, with);
}

void
assert_has(const char *text, const char *what)
{
	if (strstr(text, what) == NULL)
		fail_msg("\"%.300s\" has no \"%s\"", text, what);
}

/* Is the next request answered, too? */
void
assert_goes_on(void)
{
	size_t i;

	for (i = 0; i < nengines; i++)
		engines[i].m.out_len = 0;
	assert_string_equal(ask(GET("/version")), "");
	for (i = 0; engines[i].m.out_len == 0; i++)
		assert_true(i + 1 < nengines);
	assert_string_equal(engine_heard(i), "GET /version" TO_ENGINE "\r\n");
	engine_says(i, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
	assert_string_equal(heard(),
	    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
}

void
assert_counted(uint64_t allowed, uint64_t denied, size_t streams)
{
	struct muzzle_info info;

	muzzle_info(muzzle, &info);
	assert_int_equal(info.allowed, allowed);
	assert_int_equal(info.denied, denied);
	assert_int_equal(info.streams, streams);
}

/* --- another server, whose requests the Muzzle answers ------------ */

static void
on_other_request(void *arg, struct http_conn *c, const struct http_request *r)
{
	(void)arg;
	muzzle_serve(muzzle, c, r, r->target, r->target_len);
}

static int
on_other_refused(void *arg, int status, bool body, const char **why)
{
	(void)arg;
	(void)body;
	(void)why;
	return status;
}

static const struct http_service other_service = {
	.conns_max = 8, .prefix = "other: ", .every = "Every: 1\r\n",
	.own = "", .request = on_other_request, .refused = on_other_refused
};

/* --- setup -------------------------------------------------------- */

void
come_by(struct endpoint *ep)
{
	memory_init(&client);
	relay_start(&client.ep, ep, NULL, NULL);
}

int
muzzle_setup(void **state)
{
	static const struct http_way way = { engine_connect, engine_cancel,
	    NULL };
	static const struct policy policy = { .actions = ACTION_RESTART,
	    .redact = true };

	(void)state;
	log_setup(LEVEL_ERROR, LOG_TEXT);
	base = event_base_new();
	nengines = 0;
	away = NULL;
	unread = false;
	muzzle = muzzle_new_over(base, &way, "test", &policy);
	other = http_server_new(base, &other_service, NULL);
	come_by(muzzle_endpoint_new(muzzle, NULL));
	return 0;
}

int
muzzle_teardown(void **state)
{
	size_t i;

	(void)state;
	unread = false;
	muzzle_free(muzzle);
	http_server_free(other);
	settle();
	event_base_free(base);
	for (i = 0; i < nengines; i++) {
		assert_int_equal(engines[i].m.empty_writes, 0);
		assert_true(engines[i].m.closed == 1 ||
		    engines[i].m.ep.relay == NULL);
		memory_free(&engines[i].m);
	}
	memory_free(&client);
	return 0;
}
