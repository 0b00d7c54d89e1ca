/* SPDX-License-Identifier: ISC */
/*
 * The status document, as a running agent makes it and "orthrus status" shows
 * it.  The link, the session, the tunnels and the leash are this file's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "../../src/agent/at_gateway.h"
#include "../../src/agent/enroll.h"
#include "../../src/agent/orthrus.h"
#include "../../src/agent/status.h"

#define SHOWN_MAX 8192
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct link_info the_link;
static struct mux_counters the_counters;
static struct link_gateway the_gateways[6];
static size_t ngateways;
static struct tunnel_info the_tunnels[8];
static size_t ntunnels;
static bool held;

void
link_info(const struct link *l, struct link_info *info)
{
	assert_non_null(l);
	*info = the_link;
}

const struct link *
enrolment_link(const struct agent_enrolment *en)
{
	assert_non_null(en);
	return (const struct link *)&the_link;
}

void
link_counters(const struct link *l, struct mux_counters *sum)
{
	assert_non_null(l);
	*sum = the_counters;
}

void
link_gateways(const struct link *l, void (*each)(void *arg,
    const struct link_gateway *g), void *arg)
{
	size_t i;

	assert_non_null(l);
	for (i = 0; i < ngateways; i++)
		each(arg, &the_gateways[i]);
}

void
tunnels_each(const struct tunnels *set,
    void (*each)(void *arg, const struct tunnel_info *info), void *arg)
{
	size_t i;

	(void)set;
	for (i = 0; i < ntunnels; i++)
		each(arg, &the_tunnels[i]);
}

bool
at_gateway_held(const struct at_gateway *g)
{
	(void)g;
	return held;
}

/* --- an agent ----------------------------------------------------- */

static struct server server = { .transport = TRANSPORT_TCP, .user = "web-1",
    .host = "gw.example", .port = 2222 };
static struct config config = { .name = "web-1" };
static struct orthrus agent;

static int
setup(void **state)
{
	(void)state;
	memset(&agent, 0, sizeof(agent));
	memset(&the_counters, 0, sizeof(the_counters));
	agent.config = &config;
	agent.link = (struct link *)&the_link;
	the_link = (struct link_info){ .state = LINK_CONNECTED,
	    .server = &server, .since = 1795276291,
	    .session = { .kex = "curve25519-sha256", .cipher = "aes256-gcm",
	    .host_key = "SHA256:abc", .rtt_ms = 7, .transport = "tcp",
	    .address = "192.0.2.7", .link_since = 1795276295, .resumed = 3,
	    .parked_ms = 1700, .resent = 5000000000 } };
	the_gateways[0] = (struct link_gateway){ .server = &server,
	    .rtt_ms = 7, .state = GATEWAY_IS_IN_USE };
	ngateways = 1;
	ntunnels = 0;
	held = false;
	return 0;
}

static struct tunnel_info *
add_info(enum tunnel_kind kind, enum tunnel_state state, const char *name)
{
	static const struct forward_spec spec = {
		.listen = { .kind = ADDRESS_TCP, .host = "localhost",
		    .port = 8080 },
		.to = { .kind = ADDRESS_TCP, .host = "db", .port = 5432 }
	};
	struct tunnel_info *t = &the_tunnels[ntunnels++];

	*t = (struct tunnel_info){ .kind = kind, .state = state, .name = name,
	    .words = "8080:db:5432", .spec = &spec, .listen = spec.listen,
	    .error = "", .docker = { .error = "" } };
	return t;
}

static json_t *
snapshot(void)
{
	char *text = orthrus_snapshot(&agent);
	json_t *o = json_loads(text, 0, NULL);

	assert_non_null(o);
	free(text);
	return o;
}

static void
assert_text(const json_t *o, const char *key, const char *wanted)
{
	const json_t *v = json_object_get(o, key);

	assert_non_null(v);
	if (wanted == NULL)
		assert_true(json_is_null(v));
	else
		assert_string_equal(json_string_value(v), wanted);
}

static void
assert_number(const json_t *o, const char *key, json_int_t wanted)
{
	assert_true(json_is_integer(json_object_get(o, key)));
	assert_int_equal(json_integer_value(json_object_get(o, key)), wanted);
}

/* --- the document ------------------------------------------------- */

static void
test_session(void **state)
{
	json_t *o = snapshot();

	(void)state;
	assert_text(o, "name", "web-1");
	assert_text(o, "state", "connected");
	assert_text(o, "server", "ssh://web-1@gw.example:2222");
	assert_text(o, "since", "2026-11-21T15:51:31Z");
	assert_text(o, "error", NULL);
	assert_text(o, "certificate", NULL);
	assert_text(o, "docker", NULL);
	assert_text(json_object_get(o, "socks5"), "listen", NULL);
	assert_number(o, "pid", getpid());
	assert_number(o, "rtt_ms", 7);
	assert_true(json_is_false(json_object_get(o, "gateway")));
	assert_int_equal(json_array_size(json_object_get(o, "forwards")), 0);
	json_decref(o);

	error_set(&agent.trouble, EX_UNAVAILABLE, "gone");
	the_link.session.rtt_ms = -1;
	the_link.session.gateway = held = true;
	o = snapshot();
	assert_text(o, "error", "gone");
	assert_text(o, "rtt_ms", NULL);
	assert_true(json_is_true(json_object_get(o, "gateway")));
	assert_true(json_is_true(json_object_get(o, "leash")));
	json_decref(o);
}

static void
assert_state(const char *wanted)
{
	json_t *o = snapshot();

	assert_text(o, "state", wanted);
	json_decref(o);
}

static void
test_states(void **state)
{
	(void)state;
	the_link.state = LINK_CONNECTING;
	assert_state("connecting");
	the_link.state = LINK_BACKOFF;
	assert_state("backoff");
	the_link.state = LINK_CONNECTED;
	assert_state("connected");
	agent.stopping = true;
	assert_state("stopping");
	/* A session that only enrols is of no use yet. */
	agent.stopping = false;
	agent.link = NULL;
	agent.enrolment = (struct agent_enrolment *)&the_link;
	assert_state("connecting");
	the_link.state = LINK_BACKOFF;
	assert_state("backoff");
}

static void
test_link(void **state)
{
	json_t *o = snapshot(), *l = json_object_get(o, "link");

	(void)state;
	assert_text(l, "transport", "tcp");
	assert_text(l, "proxy", NULL);
	assert_text(l, "address", "192.0.2.7");
	assert_text(l, "since", "2026-11-21T15:51:35Z");
	assert_number(l, "resumed", 3);
	assert_number(l, "parked", 1700);
	assert_number(l, "resent_bytes", 5000000000);
	json_decref(o);

	the_link.state = LINK_BACKOFF;
	the_link.session.link_since = 0;
	the_link.session.transport = "";
	the_link.session.address[0] = '\0';
	o = snapshot();
	l = json_object_get(o, "link");
	assert_text(l, "transport", NULL);
	assert_text(l, "address", NULL);
	assert_text(l, "since", NULL);
	json_decref(o);
}

static void
test_gateways(void **state)
{
	static const struct {
		enum gateway_state state;
		const char *text;
	} cases[] = {
		{ GATEWAY_IS_UNKNOWN, "unknown" }, { GATEWAY_IS_UP, "up" },
		{ GATEWAY_IS_DOWN, "down" }, { GATEWAY_IS_TRIED, "connecting" },
		{ GATEWAY_IS_IN_USE, "connected" },
		{ GATEWAY_IS_LEFT, "draining" }
	};
	json_t *o, *g;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		the_gateways[i] = (struct link_gateway){ .server = &server,
		    .rtt_ms = i == 0 ? -1 : (int64_t)i,
		    .state = cases[i].state };
	ngateways = COUNT(cases);
	o = snapshot();
	for (i = 0; i < COUNT(cases); i++) {
		g = json_array_get(json_object_get(o, "gateways"), i);
		assert_text(g, "server", "ssh://web-1@gw.example:2222");
		assert_text(g, "state", cases[i].text);
		if (i == 0)
			assert_text(g, "rtt_ms", NULL);
		else
			assert_number(g, "rtt_ms", (json_int_t)i);
	}
	assert_int_equal(json_array_size(json_object_get(o, "gateways")), i);
	json_decref(o);
}

static void
test_forwards(void **state)
{
	static const struct {
		enum tunnel_kind kind;
		enum tunnel_state state;
		const char *kind_text, *state_text, *normalized;
	} cases[] = {
		{ TUNNEL_LOCAL, TUNNEL_UP, "local", "up",
		    "localhost:8080:db:5432" },
		{ TUNNEL_REMOTE, TUNNEL_PENDING, "remote", "pending",
		    "localhost:8080:db:5432" },
		{ TUNNEL_REMOTE, TUNNEL_RETRYING, "remote", "retrying",
		    "localhost:8080:db:5432" },
		{ TUNNEL_EXPOSE, TUNNEL_DOWN, "expose", "down", "db:5432" },
	};
	struct tunnel_info *t;
	json_t *o, *f;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		t = add_info(cases[i].kind, cases[i].state, "one");
		t->listen.port = 9090;		/* that is really bound */
		t->open = 1;
		t->total = 5;
	}
	the_tunnels[2].error = "refused";
	add_info(TUNNEL_SOCKS5, TUNNEL_DOWN, "")->error = "taken";
	o = snapshot();
	for (i = 0; i < COUNT(cases); i++) {
		f = json_array_get(json_object_get(o, "forwards"), i);
		assert_text(f, "kind", cases[i].kind_text);
		assert_text(f, "state", cases[i].state_text);
		assert_text(f, "normalized", cases[i].normalized);
		assert_text(f, "name", "one");
		assert_text(f, "spec", "8080:db:5432");
		assert_text(f, "listen", "localhost:9090");
		assert_text(f, "to", "db:5432");
		assert_text(f, "error", i == 2 ? "refused" : NULL);
		assert_number(f, "open", 1);
		assert_number(f, "total", 5);
	}
	assert_int_equal(json_array_size(json_object_get(o, "forwards")), i);
	f = json_object_get(o, "socks5");
	assert_text(f, "listen", "localhost:8080");
	assert_text(f, "state", "down");
	assert_text(f, "error", "taken");
	json_decref(o);
}

static void
test_docker(void **state)
{
	static const struct forward_spec spec = { .to = {
	    .kind = ADDRESS_UNIX, .path = "/var/run/docker.sock" } };
	struct tunnel_info *t = add_info(TUNNEL_DOCKER, TUNNEL_UP, "");
	json_t *o, *d;

	(void)state;
	t->spec = &spec;
	t->docker = (struct muzzle_info){ .error = "no engine", .allowed = 3,
	    .denied = 4 };
	o = snapshot();
	d = json_object_get(o, "docker");
	assert_text(d, "socket", "/var/run/docker.sock");
	assert_text(d, "remote", "localhost:8080");
	assert_text(d, "docker_host", "tcp://localhost:8080");
	assert_text(d, "state", "up");
	assert_text(d, "ping_error", "no engine");
	assert_number(d, "allowed", 3);
	assert_number(d, "denied", 4);
	assert_null(json_object_get(d, "listen"));
	json_decref(o);

	/* At a gateway it is reached by the gateway's own means. */
	t->gateway = t->docker.ping = true;
	o = snapshot();
	assert_text(json_object_get(o, "docker"), "docker_host", NULL);
	assert_text(json_object_get(o, "docker"), "ping_error", NULL);
	json_decref(o);
}

static void
test_counters(void **state)
{
	json_t *o;

	(void)state;
	agent.past = (struct mux_counters){ .total = 10, .in = 1000,
	    .out = 2000 };
	the_counters = (struct mux_counters){ .open = 2, .total = 3, .in = 5,
	    .out = 6, .backlog = 7 };
	agent.link = NULL;
	agent.enrolment = (struct agent_enrolment *)&the_link;
	o = snapshot();
	assert_number(json_object_get(o, "channels"), "total", 10);
	assert_number(json_object_get(o, "channels"), "open", 0);
	json_decref(o);
	agent.link = (struct link *)&the_link;
	o = snapshot();
	assert_number(json_object_get(o, "channels"), "total", 13);
	assert_number(json_object_get(o, "channels"), "open", 2);
	assert_number(json_object_get(o, "bytes"), "in", 1005);
	assert_number(json_object_get(o, "bytes"), "out", 2006);
	assert_number(o, "backlog_bytes", 7);
	json_decref(o);
}

/* --- what is made of it ------------------------------------------- */

static bool
is_ready(void)
{
	json_t *o = snapshot();
	bool ready = status_ready(o);

	json_decref(o);
	return ready;
}

static void
test_ready(void **state)
{
	(void)state;
	assert_true(is_ready());
	add_info(TUNNEL_SOCKS5, TUNNEL_DOWN, "");	/* need not be up */
	add_info(TUNNEL_LOCAL, TUNNEL_UP, "a");
	assert_true(is_ready());
	add_info(TUNNEL_REMOTE, TUNNEL_PENDING, "b");
	assert_false(is_ready());
	the_tunnels[2].state = TUNNEL_UP;
	assert_true(is_ready());
	add_info(TUNNEL_DOCKER, TUNNEL_RETRYING, "");
	assert_false(is_ready());
	the_tunnels[3].state = TUNNEL_UP;
	assert_true(is_ready());
	the_link.state = LINK_BACKOFF;
	assert_false(is_ready());
}

/* What status_print() writes to standard output. */
static void
print_to(char shown[SHOWN_MAX], const json_t *o)
{
	FILE *f = tmpfile();
	int own = dup(STDOUT_FILENO);
	size_t n;

	assert_non_null(f);
	fflush(stdout);
	dup2(fileno(f), STDOUT_FILENO);
	status_print(o, 1795276291 + 12 * 60);
	fflush(stdout);
	dup2(own, STDOUT_FILENO);
	close(own);
	rewind(f);
	n = fread(shown, 1, SHOWN_MAX - 1, f);
	shown[n] = '\0';
	fclose(f);
}

static void
test_print(void **state)
{
	char shown[SHOWN_MAX];
	json_t *o;

	(void)state;
	add_info(TUNNEL_SOCKS5, TUNNEL_UP, "")->open = 3;
	add_info(TUNNEL_REMOTE, TUNNEL_RETRYING, "back")->error = "refused";
	the_link.session.gateway = true;
	the_counters = (struct mux_counters){ .in = 1288490189, .out = 312 };
	o = snapshot();
	print_to(shown, o);
	json_decref(o);
	assert_string_equal(shown,
	    "web-1: connected, server ssh://web-1@gw.example:2222, since "
	    "2026-11-21 21:21 (12 min ago)\n"
	    "reconnects 0, round trip 7 ms, transport tcp\n"
	    "link to 192.0.2.7, since 2026-11-21 21:21 (11 min ago), resumed 3 "
	    "times (1.7 s without one), 4.7 GiB sent again\n"
	    "key exchange curve25519-sha256, cipher aes256-gcm\n"
	    "host key SHA256:abc\n"
	    "the server is a gateway, but does not hear from this agent now\n"
	    "channels 0 open, 0 in total\n"
	    "traffic 1.2 GiB in, 312 B out, 0 B waiting\n"
	    "SOCKS5 on localhost:8080: up, 3 open, 0 in total\n"
	    "\n"
	    "KIND    NAME  LISTEN          TO       STATE     OPEN  TOTAL  "
	    "ERROR\n"
	    "remote  back  localhost:8080  db:5432  retrying     0      0  "
	    "refused\n");
}

/* While it waits: why, for how long, and nothing of a session. */
static void
test_print_backoff(void **state)
{
	char shown[SHOWN_MAX];
	json_t *o;

	(void)state;
	the_link = (struct link_info){ .state = LINK_BACKOFF,
	    .server = &server, .since = 1795276291, .retry_ms = 11001,
	    .session = { .kex = "", .cipher = "", .transport = "",
	    .rtt_ms = -1 } };
	error_set(&agent.trouble, EX_UNAVAILABLE, "connection refused");
	add_info(TUNNEL_REMOTE, TUNNEL_PENDING, "");
	o = snapshot();
	assert_number(o, "retry_ms", 11001);
	print_to(shown, o);
	json_decref(o);
	assert_string_equal(shown,
	    "web-1: backoff, server ssh://web-1@gw.example:2222, since "
	    "2026-11-21 21:21 (12 min ago)\n"
	    "last error: connection refused\n"
	    "next try in 12 s\n"
	    "reconnects 0, transport tcp\n"
	    "channels 0 open, 0 in total\n"
	    "traffic 0 B in, 0 B out, 0 B waiting\n"
	    "SOCKS5 off\n"
	    "\n"
	    "KIND    LISTEN          TO       STATE    OPEN  TOTAL\n"
	    "remote  localhost:8080  db:5432  pending     0      0\n");
	the_link.state = LINK_CONNECTING;
	o = snapshot();
	assert_text(o, "retry_ms", NULL);
	print_to(shown, o);
	json_decref(o);
	assert_null(strstr(shown, "next try"));
}

/* A row for each, where there are several. */
static void
test_print_gateways(void **state)
{
	char shown[SHOWN_MAX];
	json_t *o;

	(void)state;
	the_gateways[1] = (struct link_gateway){ .server = &server,
	    .rtt_ms = -1, .state = GATEWAY_IS_DOWN };
	ngateways = 2;
	o = snapshot();
	print_to(shown, o);
	json_decref(o);
	assert_non_null(strstr(shown, "\n\n"
	    "SERVER                       MS  STATE\n"
	    "ssh://web-1@gw.example:2222   7  connected\n"
	    "ssh://web-1@gw.example:2222   -  down\n"));
}

/* The document comes from whoever answered: any of it may be missing or bad. */
static void
test_print_strange(void **state)
{
	char shown[SHOWN_MAX];
	json_t *o = json_pack("{s:s, s:i, s:s, s:I, s:[s, {s:s}], s:s}",
	    "name", "\x1b[2Jx", "state", 7, "since", "\x1b[1m", "retry_ms",
	    (json_int_t)INT64_MAX, "forwards", "text", "kind", "a\nb",
	    "docker", "none");

	(void)state;
	assert_non_null(o);
	assert_false(status_ready(o));
	print_to(shown, o);
	json_decref(o);
	assert_null(strchr(shown, '\x1b'));
	assert_non_null(strstr(shown, "\\x1b[2Jx: 7, server -, since "
	    "\\x1b[1m\n"));
	assert_non_null(strstr(shown, "\nKIND\n-\na\\nb\n"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_session, setup),
		cmocka_unit_test_setup(test_states, setup),
		cmocka_unit_test_setup(test_link, setup),
		cmocka_unit_test_setup(test_gateways, setup),
		cmocka_unit_test_setup(test_forwards, setup),
		cmocka_unit_test_setup(test_docker, setup),
		cmocka_unit_test_setup(test_counters, setup),
		cmocka_unit_test_setup(test_ready, setup),
		cmocka_unit_test_setup(test_print, setup),
		cmocka_unit_test_setup(test_print_backoff, setup),
		cmocka_unit_test_setup(test_print_gateways, setup),
		cmocka_unit_test_setup(test_print_strange, setup),
	};

	setenv("TZ", "XXX-5:30", 1);	/* people's times are local */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
