/* SPDX-License-Identifier: ISC */
/*
 * Who may go where at the gateway: each principal, with each list of
 * permissions that matters, to each kind of target; and who may listen where.
 * The rest of the gateway is stood in for here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "orthrus/proto/allow.h"

#include "../../src/gateway/gateway.h"

#define RUNTIME "/run/charon"
#define STREAMS 20		/* [limits] streams */

struct agent_endpoint {
	uint16_t port;
	unsigned requests;
};

/* web offers 9100, db has 2375 as a port of its own, off is offline. */
static struct gateway gateway;
static struct session web_session, db_session;
static struct agent agents[] = {
	{ .name = "web", .session = &web_session },
	{ .name = "db", .session = &db_session },
	{ .name = "off", .away = (char *)(uintptr_t)"off is away" }
};
static struct agent_endpoint offered[] = { { 9100, 0 }, { 2375, 0 },
	{ 9100, 0 } };

/* What was done with the channel: see outcome_of(). */
static struct {
	unsigned answers;
	char outcome;			/* 'D', 'P', 'E', or 'r': refused */
	const struct agent *agent;
	uint16_t port;
	enum open_failure reason;
	const char *text;
} seen;
static struct principal principal;	/* of every session */
static uint16_t exposed, unexposed;	/* the last ones */
static bool exposes;			/* agent_expose() has room */

/* --- stand-ins ---------------------------------------------------- */

struct agent *
agents_find(const struct agents *set, const char *name)
{
	size_t i;

	(void)set;
	for (i = 0; i < sizeof(agents) / sizeof(agents[0]); i++)
		if (strcmp(agents[i].name, name) == 0)
			return &agents[i];
	return NULL;
}

struct agent_endpoint *
agent_port(const struct agent *a, uint16_t port)
{
	struct agent_endpoint *ep = &offered[a - agents];

	return ep->port == port ? ep : NULL;
}

void
agent_endpoint_count(struct agent_endpoint *ep)
{
	ep->requests++;
}

bool
agent_expose(struct agent *a, uint16_t port)
{
	assert_ptr_equal(a, &agents[0]);
	exposed = port;
	return exposes;
}

void
agent_unexpose(struct agent *a, uint16_t port)
{
	assert_ptr_equal(a, &agents[0]);
	unexposed = port;
}

const char *
session_who(const struct session *s)
{
	return s->name;
}

const char *
inbound_peer(const struct inbound *in)
{
	(void)in;
	return "";
}

void
channel_refuse(struct channel *ch, enum open_failure reason, const char *text)
{
	(void)ch;
	seen.answers++;
	seen.outcome = 'r';
	seen.reason = reason;
	seen.text = text;
}

void
gateway_stream_agent(struct session *s, struct agent *a, uint16_t port,
    struct channel *ch)
{
	(void)s;
	(void)ch;
	seen.answers++;
	seen.outcome = 'P';
	seen.agent = a;
	seen.port = port;
}

void
gateway_stream_docker(struct session *s, struct agent *a, struct channel *ch)
{
	(void)s;
	(void)ch;
	seen.answers++;
	seen.outcome = 'D';
	seen.agent = a;
}

void
gateway_stream_dial(struct session *s, const struct address *to,
    struct channel *ch)
{
	(void)ch;
	assert_ptr_equal(s->gateway, &gateway);
	assert_string_equal(to->host, "example.org");
	seen.answers++;
	seen.outcome = 'E';
}

/* --- the house ---------------------------------------------------- */

static struct egress_rule rule;

static int
setup(void **state)
{
	struct error e;

	(void)state;
	memset(&gateway, 0, sizeof(gateway));
	gateway.runtime = (char *)(uintptr_t)RUNTIME;
	gateway.enabled = true;
	gateway.egress = &rule;
	gateway.negress = 1;
	assert_int_equal(egress_rule_parse("example.org:443", &rule, &e), 0);
	gateway.streams_max = STREAMS;
	gateway.dialled = 0;
	gateway.dialled_max = 9;
	principal.streams = principal.dialled = 0;
	exposed = unexposed = 0;
	exposes = true;
	return 0;
}

static struct session
session_of(enum session_kind kind, const char *name, const char *allow)
{
	static char lists[8][ALLOW_MAX];	/* of the last so many */
	static unsigned n;
	char *list = lists[n++ % 8];
	struct session s = { .gateway = &gateway, .kind = kind,
	    .principal = &principal };
	struct error e;

	strcpy(s.name, name);
	list[0] = '\0';
	if (allow != NULL && allow[0] != '\0')
		assert_int_equal(allow_parse(allow, list, &e), 0);
	s.allow = list;
	return s;
}

/* A path, or HOST:PORT. */
static struct address
address_of(const char *text)
{
	struct address at = { .kind = ADDRESS_UNIX };
	const char *colon = strrchr(text, ':');
	unsigned port;

	if (text[0] == '/') {
		strcpy(at.path, text);
		return at;
	}
	at.kind = ADDRESS_TCP;
	memcpy(at.host, text, (size_t)(colon - text));
	assert_int_equal(sscanf(colon + 1, "%u", &port), 1);
	at.port = (uint16_t)port;
	return at;
}

/* --- direct channels ---------------------------------------------- */

/*
 * D its Docker, P its port, E dialled; refused: p no permission, f an agent's
 * name that is another's, u unknown, o offline, e not among egress's rules, l
 * beyond a limit.
 */
static char
outcome_of(struct session *s, const char *target)
{
	static const char letters[NREFUSALS] = {
		[REFUSED_PERMISSION] = 'p', [REFUSED_FOREIGN] = 'f',
		[REFUSED_UNKNOWN] = 'u', [REFUSED_OFFLINE] = 'o',
		[REFUSED_EGRESS] = 'e', [REFUSED_LIMIT] = 'l'
	};
	struct address to = address_of(target);
	char outcome = '?';
	unsigned counted = 0;
	size_t i;

	memset(&seen, 0, sizeof(seen));
	memset(gateway.refusals, 0, sizeof(gateway.refusals));
	route_direct(s, NULL, &to);
	assert_int_equal(seen.answers, 1);
	for (i = 0; i < NREFUSALS; i++)
		if (gateway.refusals[i] > 0) {
			counted += (unsigned)gateway.refusals[i];
			outcome = letters[i];
		}
	if (seen.outcome != 'r') {
		assert_int_equal(counted, 0);
		return seen.outcome;
	}
	assert_int_equal(counted, 1);
	assert_int_equal(seen.reason, outcome == 'o' ? OPEN_CONNECT_FAILED :
	    outcome == 'l' ? OPEN_RESOURCE_SHORTAGE : OPEN_PROHIBITED);
	assert_true(seen.text != NULL && seen.text[0] != '\0');
	return outcome;
}

/* The columns; where agent is not NULL, what is reached there is its. */
static const struct {
	const char *to;
	const struct agent *agent;
	uint16_t port;
} targets[] = {
	{ "web.orthrus:2375", &agents[0], 0 },
	{ "/web/docker.sock", &agents[0], 0 },
	{ RUNTIME "/agents/web/docker.sock", &agents[0], 0 },
	{ "web.orthrus:9100", &agents[0], 9100 },
	{ "WEB.Orthrus.:9100", &agents[0], 9100 },
	{ "/web/9100.sock", &agents[0], 9100 },
	{ RUNTIME "/agents/web/9100.sock", &agents[0], 9100 },
	{ "web.orthrus:9101", NULL, 0 },	/* is not offered */
	{ "db.orthrus:2375", &agents[1], 2375 },
	{ "/db/docker.sock", &agents[1], 0 },
	{ "off.orthrus:2375", NULL, 0 },
	{ "off.orthrus:9100", NULL, 0 },
	{ "/off/9100.sock", NULL, 0 },
	{ "none.orthrus:9100", NULL, 0 },	/* is not registered */
	{ "/none/docker.sock", NULL, 0 },
	/* No agent's. */
	{ "example.org:443", NULL, 0 },
	{ "example.org:80", NULL, 0 },
	{ "127.0.0.1:443", NULL, 0 },
	{ "orthrus:443", NULL, 0 },
	{ "/etc/passwd", NULL, 0 },
	{ "/web/9100", NULL, 0 },
	{ "/web/docker.sock/x", NULL, 0 },
	{ "/../docker.sock", NULL, 0 },
	{ RUNTIME "-others/web/docker.sock", NULL, 0 }
};
#define NTARGETS (sizeof(targets) / sizeof(targets[0]))

static const struct {
	enum session_kind kind;
	const char *name, *allow;
	/* web: Docker, 9100, 9101; db: 2375, Docker; off; none; no agent's */
	const char *outcomes;
} principals[] = {
	/* An agent's own Docker is for clients. */
	{ SESSION_AGENT, "web", NULL,
	    "ppp" "PPPP" "u" "ff" "fff" "ff" "ppppppppp" },
	{ SESSION_AGENT, "db", NULL,
	    "fff" "ffff" "f" "Pp" "fff" "ff" "ppppppppp" },
	{ SESSION_AGENT, "off", NULL,
	    "fff" "ffff" "f" "ff" "poo" "ff" "ppppppppp" },
	{ SESSION_AGENT, "none", NULL,
	    "fff" "ffff" "f" "ff" "fff" "up" "ppppppppp" },
	{ SESSION_AGENT, "web", "db:*,web:docker,egress",
	    "ppp" "PPPP" "u" "ff" "fff" "ff" "ppppppppp" },
	{ SESSION_CLIENT, "c", "",
	    "ppp" "pppp" "p" "pp" "ppp" "pp" "ppppppppp" },
	{ SESSION_CLIENT, "c", "web:docker",
	    "DDD" "pppp" "p" "pp" "ppp" "pp" "ppppppppp" },
	{ SESSION_CLIENT, "c", "web:9100",
	    "ppp" "PPPP" "p" "pp" "ppp" "pp" "ppppppppp" },
	{ SESSION_CLIENT, "c", "web:9101",
	    "ppp" "pppp" "u" "pp" "ppp" "pp" "ppppppppp" },
	/* Of Docker's own port only where that is a port like others. */
	{ SESSION_CLIENT, "c", "web:2375",
	    "ppp" "pppp" "p" "pp" "ppp" "pp" "ppppppppp" },
	{ SESSION_CLIENT, "c", "db:2375",
	    "ppp" "pppp" "p" "Pp" "ppp" "pp" "ppppppppp" },
	{ SESSION_CLIENT, "c", "db:docker",
	    "ppp" "pppp" "p" "pD" "ppp" "pp" "ppppppppp" },
	{ SESSION_CLIENT, "c", "web:*",
	    "DDD" "PPPP" "u" "pp" "ppp" "pp" "ppppppppp" },
	{ SESSION_CLIENT, "c", "web:docker,db:*",
	    "DDD" "pppp" "p" "PD" "ppp" "pp" "ppppppppp" },
	/* A name of its own gives a client nothing. */
	{ SESSION_CLIENT, "web", "",
	    "ppp" "pppp" "p" "pp" "ppp" "pp" "ppppppppp" },
	{ SESSION_CLIENT, "c", "off:docker",
	    "ppp" "pppp" "p" "pp" "opp" "pp" "ppppppppp" },
	{ SESSION_CLIENT, "c", "off:9100",
	    "ppp" "pppp" "p" "pp" "poo" "pp" "ppppppppp" },
	{ SESSION_CLIENT, "c", "none:*",
	    "ppp" "pppp" "p" "pp" "ppp" "uu" "ppppppppp" },
	{ SESSION_CLIENT, "c", "egress",
	    "ppp" "pppp" "p" "pp" "ppp" "pp" "Eeeeeeeee" },
	{ SESSION_CLIENT, "c", "web:*,db:*,off:*,none:*,egress",
	    "DDD" "PPPP" "u" "PD" "ooo" "uu" "Eeeeeeeee" },
	/* Nothing until it has a certificate. */
	{ SESSION_ENROLL, "", NULL,
	    "ppp" "pppp" "p" "pp" "ppp" "pp" "ppppppppp" },
	{ SESSION_ENROLL, "web", "web:*,egress",
	    "ppp" "pppp" "p" "pp" "ppp" "pp" "ppppppppp" }
};

static void
everybody_everywhere(void **state)
{
	struct session s;
	size_t i, t;
	char outcome;

	(void)state;
	for (i = 0; i < sizeof(principals) / sizeof(principals[0]); i++) {
		assert_int_equal(strlen(principals[i].outcomes), NTARGETS);
		s = session_of(principals[i].kind, principals[i].name,
		    principals[i].allow);
		for (t = 0; t < NTARGETS; t++) {
			outcome = outcome_of(&s, targets[t].to);
			if (outcome != principals[i].outcomes[t])
				fail_msg("\"%s\" (%d) allowed \"%s\", to %s: "
				    "%c instead of %c", s.name, (int)s.kind,
				    s.allow, targets[t].to, outcome,
				    principals[i].outcomes[t]);
			if (strchr("DP", outcome) == NULL)
				continue;
			assert_ptr_equal(seen.agent, targets[t].agent);
			assert_int_equal(seen.port, targets[t].port);
		}
	}
}

/* Whoever may not go there is not told whether there is such an agent. */
static void
no_word_of_who_is_registered(void **state)
{
	static const char *const to[] = { "none.orthrus:9100",
	    "web.orthrus:9100", "web.orthrus:9101", "off.orthrus:9100",
	    "web.orthrus:2375", "none.orthrus:2375" };
	struct session client = session_of(SESSION_CLIENT, "c", "db:*");
	struct session agent = session_of(SESSION_AGENT, "db", NULL);
	const char *text;
	size_t i;

	(void)state;
	assert_int_equal(outcome_of(&client, to[0]), 'p');
	text = seen.text;
	for (i = 1; i < sizeof(to) / sizeof(to[0]); i++) {
		assert_int_equal(outcome_of(&client, to[i]), 'p');
		assert_string_equal(seen.text, text);
	}
	assert_int_equal(outcome_of(&agent, to[0]), 'f');
	text = seen.text;
	for (i = 1; i < sizeof(to) / sizeof(to[0]); i++) {
		assert_int_equal(outcome_of(&agent, to[i]), 'f');
		assert_string_equal(seen.text, text);
	}
}

static void
connections_to_ports_are_counted(void **state)
{
	struct session s = session_of(SESSION_CLIENT, "c", "web:*");
	unsigned before = offered[0].requests;

	(void)state;
	outcome_of(&s, "web.orthrus:9100");
	outcome_of(&s, "web.orthrus:9101");
	outcome_of(&s, "web.orthrus:2375");
	assert_int_equal(offered[0].requests, before + 1);
}

static void
offline_in_its_words(void **state)
{
	struct session s = session_of(SESSION_CLIENT, "c", "off:*");

	(void)state;
	assert_int_equal(outcome_of(&s, "off.orthrus:9100"), 'o');
	assert_string_equal(seen.text, "off is away");
	gateway.enabled = false;
	assert_int_equal(outcome_of(&s, "off.orthrus:9100"), 'o');
	assert_string_equal(seen.text, DISABLED);
}

/* Of those no refusal is counted: nobody asked for what is not theirs. */
static void
refused_whoever_it_is(struct session *s, enum open_failure reason)
{
	static const uint64_t none[NREFUSALS];
	struct address to = address_of("web.orthrus:9100");

	memset(&seen, 0, sizeof(seen));
	memset(gateway.refusals, 0, sizeof(gateway.refusals));
	route_direct(s, NULL, &to);
	assert_int_equal(seen.answers, 1);
	assert_int_equal(seen.outcome, 'r');
	assert_int_equal(seen.reason, reason);
	assert_memory_equal(gateway.refusals, none, sizeof(none));
}

static void
sessions_that_end(void **state)
{
	struct session s = session_of(SESSION_CLIENT, "c", "web:*");

	(void)state;
	s.over = true;
	refused_whoever_it_is(&s, OPEN_PROHIBITED);
	s.over = false;
	gateway.stopping = true;
	refused_whoever_it_is(&s, OPEN_PROHIBITED);
	gateway.stopping = false;
	assert_int_equal(outcome_of(&s, "web.orthrus:9100"), 'P');
}

/* One too many is refused, counted, and no more than that. */
static void
streams_of_a_principal(void **state)
{
	static const enum session_kind kinds[] = { SESSION_CLIENT,
	    SESSION_AGENT };
	struct session s;
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		s = session_of(kinds[i], "web", "web:*");
		principal.streams = STREAMS - 1;
		assert_int_equal(outcome_of(&s, "web.orthrus:9100"), 'P');
		principal.streams = STREAMS;
		assert_int_equal(outcome_of(&s, "web.orthrus:9100"), 'l');
		assert_non_null(strstr(seen.text, "[limits] streams"));
	}
}

/* Of the sockets there are nobody has more than are left. */
static void
egress_in_fair_shares(void **state)
{
	struct session s = session_of(SESSION_CLIENT, "c", "egress");

	(void)state;
	gateway.dialled = principal.dialled = 4;
	assert_int_equal(outcome_of(&s, "example.org:443"), 'E');
	gateway.dialled = principal.dialled = 5;
	assert_int_equal(outcome_of(&s, "example.org:443"), 'l');
	principal.dialled = 3;
	assert_int_equal(outcome_of(&s, "example.org:443"), 'E');
	gateway.dialled = 9;
	principal.dialled = 0;
	assert_int_equal(outcome_of(&s, "example.org:443"), 'l');
}

/* --- listening ---------------------------------------------------- */

static bool
listens(struct session *s, const char *text, bool cancel, uint16_t *port)
{
	struct address at = address_of(text);

	memset(gateway.refusals, 0, sizeof(gateway.refusals));
	exposed = unexposed = 0;
	*port = at.port;
	return route_listen(s, &at, cancel, port);
}

static const struct {
	const char *at;
	bool granted;
	uint16_t port;		/* 0: Docker's socket */
} listeners[] = {
	{ ":9100", true, 9100 },
	{ "*:9100", true, 9100 },
	{ "localhost:9100", true, 9100 },
	{ "127.0.0.1:9100", true, 9100 },
	{ "::1:9100", true, 9100 },
	{ "0.0.0.0:9100", true, 9100 },
	{ ":::9100", true, 9100 },
	{ "web:9100", true, 9100 },
	{ "web.orthrus:9100", true, 9100 },
	{ "WEB.Orthrus.:65535", true, 65535 },
	{ "/web/9100.sock", true, 9100 },
	{ RUNTIME "/agents/web/9100.sock", true, 9100 },
	{ "/web/docker.sock", true, 0 },
	{ RUNTIME "/agents/web/docker.sock", true, 0 },
	{ "db:9100", false, 0 },
	{ "db.orthrus:9100", false, 0 },
	{ "none.orthrus:9100", false, 0 },
	{ "10.0.0.1:9100", false, 0 },
	{ "127.0.0.2:9100", false, 0 },
	{ "example.org:9100", false, 0 },
	{ "/db/9100.sock", false, 0 },
	{ "/db/docker.sock", false, 0 },
	{ RUNTIME "/agents/db/docker.sock", false, 0 },
	{ "/run/docker.sock", false, 0 },
	{ "/web/9100", false, 0 },
	{ "/web/../db/docker.sock", false, 0 }
};
#define NLISTENERS (sizeof(listeners) / sizeof(listeners[0]))

/* Granted, told to be exposed, told as it was asked for, and taken back. */
static void
agents_listen_as_themselves(void **state)
{
	const struct session_listen *l;
	struct session s;
	uint16_t port;
	size_t i;

	(void)state;
	for (i = 0; i < NLISTENERS; i++) {
		s = session_of(SESSION_AGENT, "web", NULL);
		s.agent = &agents[0];
		if (listens(&s, listeners[i].at, false, &port) !=
		    listeners[i].granted)
			fail_msg("%s", listeners[i].at);
		l = session_listen_find(&s, listeners[i].port);
		if (!listeners[i].granted) {
			assert_null(l);
			assert_int_equal(exposed, 0);
			assert_int_equal(gateway.refusals[REFUSED_FOREIGN], 1);
			assert_false(listens(&s, listeners[i].at, true,
			    &port));
			assert_int_equal(gateway.refusals[REFUSED_FOREIGN], 1);
			continue;
		}
		assert_non_null(l);
		assert_int_equal(exposed, listeners[i].port);
		if (l->at.kind == ADDRESS_TCP) {
			assert_int_equal(l->at.port, listeners[i].port);
			assert_int_equal(port, listeners[i].port);
		} else
			assert_string_equal(l->at.path, listeners[i].at);
		/* Once only, whatever it is called. */
		assert_false(listens(&s, listeners[i].at, false, &port));
		assert_true(listens(&s, listeners[i].at, true, &port));
		assert_int_equal(unexposed, listeners[i].port);
		assert_int_equal(s.nlistens, 0);
		assert_false(listens(&s, listeners[i].at, true, &port));
		free(s.listens);
	}
}

/* Clients, those that enrol, agents that were displaced or are ending. */
static void
nobody_else_listens(void **state)
{
	struct session sessions[] = {
		session_of(SESSION_CLIENT, "c", "web:*,egress"),
		session_of(SESSION_CLIENT, "web", "web:*,egress"),
		session_of(SESSION_ENROLL, "", NULL),
		session_of(SESSION_AGENT, "web", NULL),
		session_of(SESSION_AGENT, "web", NULL)
	};
	uint16_t port;
	size_t i, k;

	(void)state;
	sessions[4].agent = &agents[0];
	sessions[4].over = true;
	for (k = 0; k < sizeof(sessions) / sizeof(sessions[0]); k++)
		for (i = 0; i < NLISTENERS; i++) {
			assert_false(listens(&sessions[k], listeners[i].at,
			    false, &port));
			assert_int_equal(gateway.refusals[REFUSED_FOREIGN], 1);
			assert_false(listens(&sessions[k], listeners[i].at,
			    true, &port));
			assert_int_equal(sessions[k].nlistens, 0);
			assert_int_equal(exposed + unexposed, 0);
		}
}

static void
ports_are_chosen(void **state)
{
	struct session s = session_of(SESSION_AGENT, "web", NULL);
	uint16_t port;

	(void)state;
	s.agent = &agents[0];
	assert_true(listens(&s, ":0", false, &port));
	assert_int_equal(port, PORT_CHOSEN_FIRST);
	assert_true(listens(&s, ":0", false, &port));
	assert_int_equal(port, PORT_CHOSEN_FIRST + 1);
	assert_true(listens(&s, "/web/docker.sock", false, &port));
	assert_false(listens(&s, ":0", true, &port));
	assert_non_null(session_listen_find(&s, 0));
	assert_true(listens(&s, "localhost:49152", true, &port));
	assert_true(listens(&s, ":0", false, &port));
	assert_int_equal(port, PORT_CHOSEN_FIRST);
	free(s.listens);
}

static void
listeners_are_bounded(void **state)
{
	struct session s = session_of(SESSION_AGENT, "web", NULL);
	uint16_t port;
	size_t i;

	(void)state;
	s.agent = &agents[0];
	exposes = false;
	assert_false(listens(&s, ":9100", false, &port));
	assert_int_equal(s.nlistens, 0);
	exposes = true;
	for (i = 0; i < LISTENS_MAX; i++)
		assert_true(listens(&s, ":0", false, &port));
	assert_false(listens(&s, ":0", false, &port));
	assert_int_equal(exposed, 0);
	/* No crime, only too much. */
	assert_int_equal(gateway.refusals[REFUSED_FOREIGN], 0);
	free(s.listens);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(everybody_everywhere, setup),
		cmocka_unit_test_setup(no_word_of_who_is_registered, setup),
		cmocka_unit_test_setup(connections_to_ports_are_counted,
		    setup),
		cmocka_unit_test_setup(offline_in_its_words, setup),
		cmocka_unit_test_setup(sessions_that_end, setup),
		cmocka_unit_test_setup(streams_of_a_principal, setup),
		cmocka_unit_test_setup(egress_in_fair_shares, setup),
		cmocka_unit_test_setup(agents_listen_as_themselves, setup),
		cmocka_unit_test_setup(nobody_else_listens, setup),
		cmocka_unit_test_setup(ports_are_chosen, setup),
		cmocka_unit_test_setup(listeners_are_bounded, setup)
	};

	return cmocka_run_group_tests_name("route", tests, NULL, NULL);
}
