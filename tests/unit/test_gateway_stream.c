/* SPDX-License-Identifier: ISC */
/*
 * The gateway's streams over a far end in memory: what an agent is asked for,
 * what each who asks is told when that cannot be had, and what is counted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sys/socket.h>

#include <cmocka.h>
#include <event2/event.h>

#include "orthrus/base/mem.h"
#include "orthrus/http/server.h"
#include "orthrus/relay/relay.h"
#include "orthrus/transport/dial.h"

#include "../../src/gateway/gateway.h"
#include "../../src/ssh/mux_private.h"
#include "fake_peer.h"
#include "memory_endpoint.h"

#define OPEN 90			/* RFC 4254 section 9 */
#define CONFIRMED 91
#define REFUSED 92
#define DATA 94
#define WINDOW 65536
#define PEER 70			/* the client's number */
#define AGENT_PEER 80		/* the agent's */

static struct gateway gateway;
static struct session session;		/* the agent's */
static struct principal principal, owner;	/* owner: the agent */
static struct session client;		/* of that principal */
static struct agent agent, *registered;	/* NULL: it was removed */
static struct session_listen listens[2];
static struct mux *mux;		/* of client and agent alike */
static struct channel *incoming;
static struct memory muzzle_end, refusal_end, mine;
static int refusal_status;
static char refusal_text[128], failure[128];
static unsigned failures, refusals;

/* --- stand-ins ---------------------------------------------------- */

struct agent *
agents_find(const struct agents *set, const char *name)
{
	(void)set;
	return registered != NULL && strcmp(registered->name, name) == 0 ?
	    registered : NULL;
}

struct mux *
inbound_mux(struct inbound *in)
{
	(void)in;
	return mux;
}

bool
inbound_is_parted(const struct inbound *in)
{
	(void)in;
	return fake.parted;
}

struct endpoint *
muzzle_endpoint_new(struct muzzle *m, struct account *payer)
{
	(void)m;
	(void)payer;
	return &muzzle_end.ep;
}

struct endpoint *
http_conn_refusal(struct http_server *s, int status, const char *text)
{
	(void)s;
	refusal_status = status;
	snprintf(refusal_text, sizeof(refusal_text), "%s", text);
	return &refusal_end.ep;
}

void
route_refused(struct session *s, enum refusal why, const char *text)
{
	assert_ptr_equal(s, &session);
	assert_int_equal(why, REFUSED_LIMIT);
	assert_non_null(text);
	refusals++;
}

static void
on_failed(struct endpoint *ep, const char *why)
{
	assert_ptr_equal(ep, &mine.ep);
	failures++;
	snprintf(failure, sizeof(failure), "%s", why);
}

static void
on_direct(void *arg, struct channel *ch, const struct address *to)
{
	(void)arg;
	(void)to;
	incoming = ch;
}

static void
on_violation(const char *what)
{
	print_error("%s\n", what);
	fail();
}

/* --- the house ---------------------------------------------------- */

static int
setup(void **state)
{
	static const struct mux_service service = { .direct = on_direct };

	(void)state;
	fake_reset();
	fake.violation = on_violation;
	memset(&gateway, 0, sizeof(gateway));
	gateway.base = event_base_new();
	gateway.dialer = dialer_new(gateway.base);
	gateway.enabled = true;
	LIST_INIT(&gateway.streams);
	mux = fake_mux(gateway.base);
	mux_serve(mux, &service, NULL);
	/* Its session keeps it while it asks for nothing. */
	principal = (struct principal){ .sessions = 1 };
	client = (struct session){ .gateway = &gateway,
	    .principal = &principal };
	account_init(&principal.account, NULL);
	owner = principal;
	memset(&session, 0, sizeof(session));
	session.principal = &owner;
	session.listens = listens;
	session.nlistens = 2;
	listens[0].at = (struct address){ .kind = ADDRESS_TCP,
	    .host = "asked.for", .port = 9100 };
	listens[0].port = 9100;
	listens[1].at = (struct address){ .kind = ADDRESS_UNIX,
	    .path = "/web/docker.sock" };
	listens[1].port = 0;
	memset(&agent, 0, sizeof(agent));
	strcpy(agent.name, "web");
	agent.gateway = &gateway;
	agent.session = &session;
	agent.away = (char *)(uintptr_t)"web is away";
	registered = &agent;
	incoming = NULL;
	refusal_status = 0;
	failures = refusals = 0;
	memory_init(&muzzle_end);
	memory_init(&refusal_end);
	memory_init(&mine);
	return 0;
}

static void
turn_all(void)
{
	int i;

	for (i = 0; i < 200 &&
	    event_base_loop(gateway.base, EVLOOP_NONBLOCK) == 0; i++)
		continue;
}

static int
teardown(void **state)
{
	(void)state;
	gateway_end_streams(&gateway);
	turn_all();
	assert_int_equal(gateway.counters.open, 0);
	assert_int_equal(principal.streams + owner.streams, 0);
	assert_int_equal(principal.borne + owner.borne, 0);
	assert_int_equal(principal.dialled + gateway.dialled, 0);
	mux_free(mux);
	dialer_free(gateway.dialer);
	event_base_free(gateway.base);
	assert_true(account_is_idle(&principal.account));
	assert_true(account_is_idle(&owner.account));
	memory_free(&muzzle_end);
	memory_free(&refusal_end);
	memory_free(&mine);
	fake_reset();
	return 0;
}

static const struct sent *
await_packet(uint8_t type)
{
	const struct sent *s;

	turn_all();
	while ((s = fake_next()) != NULL && s->type != type)
		continue;
	assert_non_null(s);
	return s;
}

static bool
has_text(const struct sent *s, const char *text)
{
	return memmem(s->p, s->len, text, strlen(text)) != NULL;
}

static uint32_t
u32_at(const struct sent *s, size_t offset)
{
	assert_true(offset + 4 <= s->len);
	return (uint32_t)s->p[offset] << 24 | (uint32_t)s->p[offset + 1] << 16 |
	    (uint32_t)s->p[offset + 2] << 8 | s->p[offset + 3];
}

/* The number of the channel that the agent is asked for, of this type. */
static uint32_t
await_open(const char *type, const char *at)
{
	const struct sent *s = await_packet(OPEN);

	assert_true(has_text(s, type));
	assert_true(has_text(s, at));
	return u32_at(s, 4 + strlen(type));
}

static void
agent_answers(uint32_t id)
{
	fake_feed(CONFIRMED, "uuuu", id, AGENT_PEER, WINDOW, 32768);
}

static struct channel *
client_asks(void)
{
	fake_feed(OPEN, "suuususu", "direct-tcpip", PEER, WINDOW, 32768,
	    "web.orthrus", 9100, "127.0.0.1", 1);
	assert_non_null(incoming);
	return incoming;
}

static void
assert_client_told(enum open_failure reason, const char *text)
{
	const struct sent *s = await_packet(REFUSED);

	assert_int_equal(u32_at(s, 0), PEER);
	assert_int_equal(u32_at(s, 4), reason);
	assert_true(has_text(s, text));
	assert_int_equal(gateway.counters.open, 0);
}

/* --- clients ------------------------------------------------------ */

static void
a_client_and_a_port(void **state)
{
	struct stream_counters c;
	uint32_t id;

	(void)state;
	gateway_stream_agent(&client, &agent, 9100, client_asks());
	assert_int_equal(gateway.counters.open, 1);
	assert_int_equal(principal.streams, 1);
	/* As the agent asked for it, not as the client did. */
	id = await_open("forwarded-tcpip", "asked.for");
	agent_answers(id);
	fake_feed(DATA, "us", u32_at(await_packet(CONFIRMED), 4), "question");
	assert_true(has_text(await_packet(DATA), "question"));
	fake_feed(DATA, "us", id, "answers");
	assert_true(has_text(await_packet(DATA), "answers"));
	gateway_counters(&gateway, &c);
	assert_int_equal(c.bytes_in, 8);
	assert_int_equal(c.bytes_out, 7);
	gateway_end_streams(&gateway);
	turn_all();
	gateway_counters(&gateway, &c);
	assert_int_equal(c.open, 0);
	assert_int_equal(c.total, 1);
	assert_int_equal(c.bytes_in, 8);
	assert_int_equal(c.bytes_out, 7);
}

static void
why_a_client_has_no_port(void **state)
{
	(void)state;
	gateway_stream_agent(&client, &agent, 9101, client_asks());
	assert_client_told(OPEN_CONNECT_FAILED, "does not offer this port");
	agent.session = NULL;
	gateway_stream_agent(&client, &agent, 9100, client_asks());
	assert_client_told(OPEN_CONNECT_FAILED, "web is away");
	gateway.enabled = false;
	gateway_stream_agent(&client, &agent, 9100, client_asks());
	assert_client_told(OPEN_CONNECT_FAILED, DISABLED);
}

/* The operator is to know that, too: it is counted. */
static void
an_agent_with_all_channels(void **state)
{
	struct address to = { .kind = ADDRESS_TCP, .host = "h", .port = 1 };
	struct channel *ch = client_asks();

	(void)state;
	while (mux_open(mux, &to, NULL, NULL, NULL) != NULL)
		assert_non_null(fake_next());
	gateway_stream_agent(&client, &agent, 9100, ch);
	assert_client_told(OPEN_RESOURCE_SHORTAGE, "too many channels");
	assert_int_equal(refusals, 1);
}

/* The agent's own words are about its own address. */
static void
an_agent_that_refuses(void **state)
{
	const struct sent *s;

	(void)state;
	gateway_stream_agent(&client, &agent, 9100, client_asks());
	fake_feed(REFUSED, "uuss", await_open("forwarded-tcpip", "asked.for"),
	    OPEN_PROHIBITED, "10.1.2.3 refused", "");
	s = await_packet(REFUSED);
	assert_int_equal(u32_at(s, 4), OPEN_CONNECT_FAILED);
	assert_true(has_text(s, "the agent could not connect to it"));
	assert_false(has_text(s, "10.1.2.3"));
}

static void
an_agent_that_goes_meanwhile(void **state)
{
	(void)state;
	gateway_stream_agent(&client, &agent, 9100, client_asks());
	agent.session = NULL;
	fake_feed(REFUSED, "uuss", await_open("forwarded-tcpip", "asked.for"),
	    OPEN_CONNECT_FAILED, "", "");
	assert_client_told(OPEN_CONNECT_FAILED, "web is away");
	agent.session = &session;
	gateway_stream_agent(&client, &agent, 9100, client_asks());
	registered = NULL;
	fake_feed(REFUSED, "uuss", await_open("forwarded-tcpip", "asked.for"),
	    OPEN_CONNECT_FAILED, "", "");
	assert_client_told(OPEN_CONNECT_FAILED, "was removed");
}

static void
a_client_when_all_ends(void **state)
{
	(void)state;
	gateway_stream_agent(&client, &agent, 9100, client_asks());
	await_open("forwarded-tcpip", "asked.for");
	gateway_end_streams(&gateway);
	assert_client_told(OPEN_CONNECT_FAILED, "shutting down");
}

/* What passes a Muzzle is counted behind it. */
static void
a_client_and_docker(void **state)
{
	struct stream_counters c;

	(void)state;
	gateway_stream_docker(&client, &agent, client_asks());
	fake_feed(DATA, "us", u32_at(await_packet(CONFIRMED), 4), "GET /");
	turn_all();
	assert_int_equal(muzzle_end.out_len, 5);
	gateway_counters(&gateway, &c);
	assert_int_equal(c.open, 1);
	assert_int_equal(c.bytes_in, 0);
	gateway_end_streams(&gateway);
	gateway_counters(&gateway, &c);
	assert_int_equal(c.bytes_in, 0);
}

static bool
allow_none(void *arg, const struct address *to,
    const struct sockaddr *resolved)
{
	(void)arg;
	(void)to;
	(void)resolved;
	return false;
}

static void
egress_that_the_rules_forbid(void **state)
{
	static const struct address loopback = {
		.kind = ADDRESS_TCP, .host = "127.0.0.1", .port = 9
	};
	time_t end = time(NULL) + 60;

	(void)state;
	dialer_set_filter(gateway.dialer, allow_none, NULL);
	gateway_stream_dial(&client, &loopback, client_asks());
	while (gateway.counters.open > 0 && time(NULL) < end)
		event_base_loop(gateway.base, EVLOOP_NONBLOCK);
	assert_client_told(OPEN_PROHIBITED, "not allowed here");
}

/* --- sockets of this machine -------------------------------------- */

static void
a_socket_is_told_with_502(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
	    fds), 0);
	agent.session = NULL;
	refusal_end.in = (const uint8_t *)"502";
	refusal_end.in_len = 3;
	gateway_stream_way.visit(&agent, 9100, fds[0]);
	assert_int_equal(refusal_status, 502);
	assert_string_equal(refusal_text, "web is away\n");
	memory_step(&refusal_end);
	turn_all();
	assert_int_equal(read(fds[1], refusal_text, 3), 3);
	close(fds[1]);
}

static void
a_socket_and_docker(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
	    fds), 0);
	gateway_stream_way.visit(&agent, 0, fds[0]);
	assert_int_equal(write(fds[1], "GET /", 5), 5);
	turn_all();
	assert_int_equal(muzzle_end.out_len, 5);
	assert_int_equal(refusal_status, 0);
	close(fds[1]);
}

/* --- an agent's Muzzle -------------------------------------------- */

static void *
muzzle_asks(void)
{
	return gateway_stream_way.docker.connect(&agent, &mine.ep, on_failed);
}

static void
a_muzzle_and_its_engine(void **state)
{
	struct stream_counters c;
	uint32_t id;

	(void)state;
	mine.in = (const uint8_t *)"GET /";
	mine.in_len = 5;
	muzzle_asks();
	id = await_open("forwarded-streamlocal@openssh.com",
	    "/web/docker.sock");
	agent_answers(id);
	turn_all();
	memory_step(&mine);
	assert_true(has_text(await_packet(DATA), "GET /"));
	assert_int_equal(failures, 0);
	gateway_counters(&gateway, &c);
	assert_int_equal(c.bytes_in, 5);
}

/* Never from inside connect. */
static void
why_a_muzzle_has_no_engine(void **state)
{
	(void)state;
	session.nlistens = 1;
	muzzle_asks();
	assert_int_equal(failures, 0);
	turn_all();
	assert_int_equal(failures, 1);
	assert_non_null(strstr(failure, "does not share its Docker socket"));
	agent.session = NULL;
	muzzle_asks();
	turn_all();
	assert_int_equal(failures, 2);
	assert_string_equal(failure, "web is away");
	assert_int_equal(gateway.counters.open, 0);
}

static void
a_muzzle_that_cancels(void **state)
{
	void *handle = muzzle_asks();
	uint32_t id = await_open("forwarded-streamlocal@openssh.com",
	    "/web/docker.sock");

	(void)state;
	gateway_stream_way.docker.cancel(handle);
	agent_answers(id);
	session.nlistens = 1;
	gateway_stream_way.docker.cancel(muzzle_asks());
	turn_all();
	assert_int_equal(failures, 0);
	assert_int_equal(gateway.counters.open, 0);
	assert_int_equal(mine.closed, 0);
}

#define STREAM_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STREAM_TEST(a_client_and_a_port),
		STREAM_TEST(why_a_client_has_no_port),
		STREAM_TEST(an_agent_with_all_channels),
		STREAM_TEST(an_agent_that_refuses),
		STREAM_TEST(an_agent_that_goes_meanwhile),
		STREAM_TEST(a_client_when_all_ends),
		STREAM_TEST(a_client_and_docker),
		STREAM_TEST(egress_that_the_rules_forbid),
		STREAM_TEST(a_socket_is_told_with_502),
		STREAM_TEST(a_socket_and_docker),
		STREAM_TEST(a_muzzle_and_its_engine),
		STREAM_TEST(why_a_muzzle_has_no_engine),
		STREAM_TEST(a_muzzle_that_cancels)
	};

	return cmocka_run_group_tests_name("gateway stream", tests, NULL,
	    NULL);
}
