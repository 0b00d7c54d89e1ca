/* SPDX-License-Identifier: ISC */
/*
 * Tickets: who comes again is known, to that server, under that name, as long
 * as its certificate is good and was looked at lately.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "orthrus/base/mem.h"
#include "tls_fixture.h"

#define HOUR_MS (3600 * UINT64_C(1000))

uint64_t __wrap_clock_ms(void);

static uint64_t now;

uint64_t
__wrap_clock_ms(void)
{
	return now;
}

static struct made ca, gw;
static char *ca_path;
static struct tls_server *server;
static struct talk k;			/* the last one */

static struct tls_server *
server_with(const struct made *m)
{
	struct error e;
	struct tls_server *s = tls_server_new_pem(m->pem, strlen(m->pem),
	    m->key_pem, strlen(m->key_pem), &e);

	assert_non_null(s);
	return s;
}

static int
setup(void **state)
{
	(void)state;
	ca = make_ca("Some CA", NULL);
	gw = make_for("gw", "DNS:gw.test", &ca);
	ca_path = in_file(ca.pem);
	server = server_with(&gw);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	tls_server_free(server);
	unlink(ca_path);
	free(ca_path);
	unmake(&ca);
	unmake(&gw);
	return 0;
}

static struct tls_client *
new_client(void)
{
	struct error e;
	struct tls_client *c = tls_client_new(ca_path, &e);

	assert_non_null(c);
	return c;
}

/* True when both are content; the client has read its ticket then. */
static bool
connects(struct tls_client *c, const char *host, const char *name,
    uint16_t port, bool *resumed)
{
	uint8_t byte;
	bool done;

	talk_begin(&k);
	done = talk(&k, tls_connect(c, host, name, port, TLS_ALPN_SSH),
	    tls_accept(server));
	if (done) {
		transport_read(k.client, &byte, 1);
		*resumed = tls_resumed(k.client);
		assert_int_equal(tls_resumed(k.server), *resumed);
		assert_string_equal(tls_alpn(k.server), "ssh");
	}
	talk_end(&k);
	return done;
}

static bool
resumes_at(struct tls_client *c, const char *host, const char *name,
    uint16_t port)
{
	bool resumed;

	assert_true(connects(c, host, name, port, &resumed));
	return resumed;
}

static bool
resumes(struct tls_client *c)
{
	return resumes_at(c, "gw.test", NULL, 443);
}

static void
test_resumes(void **state)
{
	struct tls_client *c = new_client();
	int i;

	(void)state;
	assert_false(resumes(c));
	for (i = 0; i < 3; i++)
		assert_true(resumes(c));
	/* Neither another server, nor another name. */
	assert_false(resumes_at(c, "gw.test", NULL, 444));
	assert_false(resumes_at(c, "192.0.2.1", "gw.test", 443));
	for (i = 0; i < 20; i++)
		assert_false(resumes_at(c, "192.0.2.2", "gw.test",
		    (uint16_t)(i + 1)));
	tls_client_free(c);
	/* Who begins anew trusts nobody yet. */
	c = new_client();
	assert_false(resumes(c));
	tls_client_free(c);
}

/* A renewed certificate does not make strangers of who was here. */
static void
test_renewed(void **state)
{
	struct made next = make_for("next", "DNS:gw.test", &ca);
	struct tls_client *c = new_client();
	struct error e;

	(void)state;
	assert_false(resumes(c));
	assert_int_equal(tls_server_set_pem(server, next.pem, strlen(next.pem),
	    next.key_pem, strlen(next.key_pem), &e), 0);
	assert_true(resumes(c));
	tls_client_free(c);
	unmake(&next);
}

/* However often it comes again, a server shows its certificate each day. */
static void
test_day(void **state)
{
	struct tls_client *c = new_client();
	int hour;

	(void)state;
	assert_false(resumes(c));
	for (hour = 1; hour < 24; hour++) {
		now += HOUR_MS;
		assert_true(resumes(c));
	}
	now += HOUR_MS;
	assert_false(resumes(c));
	now += HOUR_MS;
	assert_true(resumes(c));
	tls_client_free(c);
}

/* One that expires while somebody is here is not good for coming again. */
static void
test_expires(void **state)
{
	struct wish w = { .subject = "gw", .names = "DNS:gw.test",
	    .until = 2 };
	struct tls_client *c = new_client();
	struct made m;
	bool resumed = false;

	(void)state;
	do {			/* a machine may be slow */
		m = make(&w, &ca);
		tls_server_free(server);
		server = server_with(&m);
	} while (!connects(c, "gw.test", NULL, 443, &resumed) ||
	    (!resumed && !connects(c, "gw.test", NULL, 443, &resumed)));
	assert_true(resumed);
	while (X509_cmp_current_time(X509_get0_notAfter(m.certificate)) > 0)
		usleep(50 * 1000);
	assert_false(connects(c, "gw.test", NULL, 443, &resumed));
	assert_non_null(strstr(k.why.text, "the certificate of gw.test "
	    "expired on "));
	tls_client_free(c);
	unmake(&m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_resumes),
		cmocka_unit_test(test_renewed),
		cmocka_unit_test(test_day),
		cmocka_unit_test(test_expires),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
