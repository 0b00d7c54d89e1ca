/* SPDX-License-Identifier: ISC */
/*
 * What runs a handshake in the loop: to its end, to its deadline, or until it
 * is cancelled.  TLS is the one that is run.
 */
#include <sys/socket.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "descriptors.h"
#include "orthrus/base/loop.h"
#include "tls_fixture.h"

#define LONG_MS 60000
#define SHORT_MS 60

static struct made ca, gw;
static struct tls_client *client;
static struct tls_server *server;
static struct event_base *base;
static struct talk k;
static unsigned before, done, awaited;	/* runs, and how many to wait for */

static int
setup(void **state)
{
	struct error e;
	char *path;

	(void)state;
	ca = make_ca("Some CA", NULL);
	gw = make_for("gw", "DNS:gw.test", &ca);
	path = in_file(ca.pem);
	client = tls_client_new(path, &e);
	unlink(path);
	free(path);
	server = tls_server_new_pem(gw.pem, strlen(gw.pem), gw.key_pem,
	    strlen(gw.key_pem), &e);
	assert_non_null(server);
	base = loop_new();
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	loop_free(base);
	tls_client_free(client);
	tls_server_free(server);
	unmake(&ca);
	unmake(&gw);
	return 0;
}

/* --- acts ------------------------------------------------------------- */

static void
one_more_done(void)
{
	if (++done == awaited)
		event_base_loopbreak(base);
}

static void
on_client(void *arg, struct transport *t, const struct error *why)
{
	assert_ptr_equal(arg, &k);
	k.client = t;
	k.why = *why;
	one_more_done();
}

static void
on_server(void *arg, struct transport *t, const struct error *why)
{
	assert_ptr_equal(arg, &k);
	k.server = t;
	k.server_why = *why;
	one_more_done();
}

static struct handshake_run *
run_client(const char *host, uint64_t ms)
{
	struct handshake_run *r = handshake_run(base, k.client,
	    tls_connect(client, host, NULL, 443, TLS_ALPN_SSH), ms, on_client,
	    &k);

	k.client = NULL;		/* the run's */
	return r;
}

static struct handshake_run *
run_server(uint64_t ms)
{
	struct handshake_run *r = handshake_run(base, k.server,
	    tls_accept(server), ms, on_server, &k);

	k.server = NULL;
	return r;
}

static void
begin(unsigned n)
{
	before = open_descriptors();
	talk_begin(&k);
	done = 0;
	awaited = n;
}

static void
end(void)
{
	talk_end(&k);
	assert_int_equal(open_descriptors(), before);
}

/* --- tests ------------------------------------------------------------ */

static void
test_both_sides(void **state)
{
	uint8_t got[8];

	(void)state;
	begin(2);
	run_client("gw.test", LONG_MS);
	run_server(LONG_MS);
	assert_int_equal(done, 0);	/* never from inside */
	event_base_dispatch(base);
	assert_int_equal(done, 2);
	assert_string_equal(k.client->ops->name, "tls");
	assert_int_equal(transport_write(k.client, (const uint8_t *)"hi", 2),
	    2);
	assert_int_equal(transport_read(k.server, got, sizeof(got)), 2);
	end();
}

static void
test_fails(void **state)
{
	(void)state;
	begin(2);
	run_client("other.test", LONG_MS);
	run_server(LONG_MS);
	event_base_dispatch(base);
	assert_null(k.client);
	assert_null(k.server);
	assert_string_equal(k.why.text, "TLS: the certificate of other.test is "
	    "for gw.test, not for other.test (--tls-name)");
	assert_int_equal(k.why.code, EX_NOPERM);
	assert_string_equal(k.server_why.text, "TLS: the client refused: bad "
	    "certificate");
	assert_int_equal(k.server_why.code, EX_UNAVAILABLE);
	end();
}

/* Who says nothing, or not all of it. */
static void
test_deadline(void **state)
{
	(void)state;
	begin(1);
	run_client("gw.test", SHORT_MS);
	event_base_dispatch(base);
	assert_null(k.client);
	assert_string_equal(k.why.text, "TLS: the server's answer did not come "
	    "within 0.06 s");
	assert_int_equal(k.why.code, EX_UNAVAILABLE);
	end();
	begin(1);
	assert_int_equal(send(k.client->fd, "\26\3\1\1\0\1", 6, 0), 6);
	run_server(SHORT_MS);
	event_base_dispatch(base);
	assert_string_equal(k.server_why.text, "TLS: the client's hello did "
	    "not come within 0.06 s");
	end();
}

static void
test_cancelled(void **state)
{
	struct handshake_run *r;

	(void)state;
	begin(1);
	r = run_client("gw.test", LONG_MS);
	run_server(LONG_MS);
	handshake_cancel(r);		/* at once */
	event_base_dispatch(base);
	assert_int_equal(done, 1);	/* the other one */
	assert_non_null(strstr(k.server_why.text, "TLS: "));
	end();
	begin(1);
	r = run_client("gw.test", LONG_MS);
	event_base_loop(base, EVLOOP_NONBLOCK);	/* and in its midst */
	handshake_cancel(r);
	handshake_cancel(NULL);
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(done, 0);
	end();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_sides),
		cmocka_unit_test(test_fails),
		cmocka_unit_test(test_deadline),
		cmocka_unit_test(test_cancelled),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
