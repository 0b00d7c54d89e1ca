/* SPDX-License-Identifier: ISC */
/*
 * What the files of this folder share while the gateway runs: the registered
 * agents, the sessions, and the streams between them.
 */
#ifndef ORTHRUS_GATEWAY_GATEWAY_H
#define ORTHRUS_GATEWAY_GATEWAY_H

#include <sys/queue.h>

#include "orthrus/base/bucket.h"
#include "orthrus/base/budget.h"
#include "orthrus/gateway/refused.h"
#include "orthrus/http/upstream.h"
#include "orthrus/registry/registry.h"
#include "orthrus/muzzle/muzzle.h"
#include "orthrus/proto/egress.h"
#include "orthrus/proto/wire.h"
#include "orthrus/ssh/inbound.h"

#define DOCKER_PORT 2375	/* NAME.orthrus:2375, unless it is exposed */
#define PORT_CHOSEN_FIRST 49152	/* for an agent that asks for port 0 */
#define SWEEP_MS 250		/* how often everybody is looked after */
#define SESSIONS_PER_PEER 64
#define ENROLMENTS_AT_ONCE 4	/* with one AUTH_KEY */
#define BASE_COST (16 * 1024 * 1024)	/* bytes of memory without anybody */
#define AGENT_COST 4096		/* of one that is registered, about */
#define PRINCIPAL_SLOTS 256	/* of the table of principals */
#define LISTENS_MAX (LEASH_PORTS_MAX + 1)
#define DISABLED "agents are disabled at this gateway"

struct ask_certificate;
struct agent_endpoint;
struct copies;
struct gateway_enrolment;
struct endpoint;
struct event;
struct gateway;
struct gateway_config;
struct http_server;
struct gateway_leash;
struct listener;
struct principal;
struct session;
struct monitor;

/* --- agents.c: who is registered ---------------------------------- */

/*
 * A registered agent, connected or not.  There may be thousands: what is
 * rarely asked for stays encoded.
 */
struct agent {
	struct agent *same_slot;	/* of the table */
	struct gateway *gateway;
	uint64_t id;
	char name[NAME_MAX_LEN];
	unsigned mentioned;		/* by the registry, in which look */
	uint64_t position;		/* of what is known of it (ask.h) */
	struct session *session;	/* NULL: it has none */
	int64_t created;		/* UNIX seconds */
	int64_t last_seen;		/* the same, 0: never */
	bool enrolled;			/* as struct peer has it */
	bool unsaved;			/* the registry has not been told */
	bool hello_unsaved;
	uint8_t *hello;			/* its last Hello as a frame, or NULL */
	size_t hello_len;
	double load;
	uint64_t memory_used, memory_total;
	uint16_t docker_port;		/* fixed, 0: none */
	struct agent_endpoint *docker;
	struct agent_endpoint **ports;	/* sorted by port */
	size_t nports;
	struct muzzle *muzzle;		/* judges what goes to its Docker */
	const struct agent_way *way;
	char *away;			/* what is said while it is offline */
	struct copies *copies;		/* NULL: it has never said who it is */
};

/* How one comes to an agent; whoever makes the agents hands it down. */
struct agent_way {
	/* Somebody connected to a socket here; port 0 is Docker. */
	void (*visit)(struct agent *a, uint16_t port, int fd);
	/* From its Muzzle to its Docker engine; arg is the agent. */
	struct http_way docker;
};

struct agents;
/* None yet; way is static. */
struct agents *agents_new(struct gateway *g, const struct agent_way *way);
void agents_free(struct agents *set);
/*
 * Takes over a piece of what the registry has changed: 1 when there is more of
 * it, 0 when all is known that was so when this was called, or -1 with *e.
 */
int agents_look(struct agents *set, struct error *e);
/* The same with all of it: 0, or -1 with *e. */
int agents_load(struct agents *set, struct error *e);
/* One that logs in is known, whatever is to be taken over before. */
void agents_know(struct agents *set, const struct peer *p, uint64_t position);
/* By name, in constant time; NULL. */
struct agent *agents_find(const struct agents *set, const char *name);
/*
 * Writes a piece of what was seen of them since: 1 when there is more, 0, or -1
 * with *e (and again later).
 */
int agents_save(struct agents *set, struct error *e);
size_t agents_count(const struct agents *set);
/* Another number whenever one of them came or went. */
uint64_t agents_version(const struct agents *set);
/* In no order; each may not change the set. */
void agents_each(const struct agents *set, void (*each)(void *arg,
    struct agent *a), void *arg);

/* --- agent.c: one of them ----------------------------------------- */

/* As the registry has it, with its endpoints; and without them. */
struct agent *agent_new(struct gateway *g, const struct peer *p,
    const struct agent_way *way);
void agent_free(struct agent *a);
/* It is online with s, or, when that is NULL, offline. */
void agent_set_session(struct agent *a, struct session *s);
/* Its session stays, and waits for another link; others see it offline. */
void agent_set_away(struct agent *a, bool away);
bool agent_is_online(const struct agent *a);
/* Its Docker's fixed loopback port, 0 for none. */
void agent_set_docker_port(struct agent *a, uint16_t port);
/*
 * Takes over its Hello: what it exposes now is what it exposes.  False when
 * other ports come faster than they may.
 */
bool agent_set_hello(struct agent *a, const struct leash_message *hello);
/* Its Hello, or a message of kind LEASH_UNKNOWN. */
void agent_hello(const struct agent *a, struct leash_message *hello);
/* The same with all ports that it listens on, whoever has told of them. */
void agent_facts(const struct agent *a, struct leash_message *facts);
/*
 * The endpoint of a port is there (false: there are too many, or they come too
 * fast), or no longer, unless its Hello has it.
 */
bool agent_expose(struct agent *a, uint16_t port);
void agent_unexpose(struct agent *a, uint16_t port);
/* The endpoint of an exposed port, or NULL; until it is exposed no longer. */
struct agent_endpoint *agent_port(const struct agent *a, uint16_t port);

/* --- endpoint.c: sockets of this machine for one agent ------------ */

/* port 0: its Docker socket. */
struct agent_endpoint *agent_endpoint_new(struct agent *a, uint16_t port);
void agent_endpoint_free(struct agent_endpoint *ep);
uint16_t agent_endpoint_port(const struct agent_endpoint *ep);
const char *agent_endpoint_path(const struct agent_endpoint *ep);
/*
 * Docker's has that loopback port (0: none) until it is given another.  While
 * somebody else listens there, it is tried again.
 */
void agent_endpoint_fix(struct agent_endpoint *ep, uint16_t port);
/* That port, or with docker_tcp, while its agent is online, any; else 0. */
uint16_t agent_endpoint_tcp(const struct agent_endpoint *ep);
void agent_endpoint_online(struct agent_endpoint *ep, bool online);
uint64_t agent_endpoint_requests(const struct agent_endpoint *ep);
void agent_endpoint_count(struct agent_endpoint *ep);

/* --- session.c: who is connected ---------------------------------- */

enum session_kind { SESSION_AGENT, SESSION_CLIENT, SESSION_ENROLL };

/* What a session listens on for others: an agent's tcpip-forward. */
struct session_listen {
	struct address at;	/* as it asked, which is how it is told */
	uint16_t port;		/* 0: its Docker socket */
};

struct session {
	TAILQ_ENTRY(session) next;
	struct gateway *gateway;
	struct inbound *in;
	enum session_kind kind;
	char name[NAME_MAX_LEN];	/* agent's, client's; "": enrolling */
	char wanted[NAME_MAX_LEN];	/* behind a "+" in its login; "" none */
	uint64_t id;			/* the registry's for it */
	struct principal *principal;	/* who stands behind it */
	uint64_t serial;		/* of its certificate, 0: none */
	uint64_t position;		/* of the registry at its login */
	unsigned told;			/* which of the gateway's news */
	unsigned looked;		/* for it, in which look at the registry */
	uint64_t since;			/* ms; up, 0: not yet */
	uint64_t up_at;			/* the same by clock_awake_ms() */
	int64_t began;			/* the same in UNIX seconds */
	struct agent *agent;		/* NULL: displaced, or no agent */
	char *allow;			/* client: see proto/allow.h */
	struct gateway_leash *leash;	/* NULL until it is opened */
	struct bucket messages;		/* that its leash may still bring */
	unsigned unknown;		/* those of kinds unknown here */
	struct gateway_enrolment *enrolment;	/* NULL until it is opened */
	/* Frees leash or enrolment when the session is over; NULL: neither. */
	void (*let_go)(struct session *s);
	struct session_listen *listens;
	size_t nlistens;
	uint64_t pinged_at;		/* by that, 0: no ping is due */
	uint8_t instance[LEASH_INSTANCE_LEN];	/* which process it is of */
	bool has_instance;		/* it has said so */
	bool displaces;			/* another one, when it came */
	bool away;			/* its link is, for others to see */
	bool over;			/* inbound_end() was called */
};

TAILQ_HEAD(session_list, session);

/* What a line of the log about s has for programs that read it. */
#define SESSION_FIELDS(s, ...) LOG_FIELDS( \
	.agent = (s)->kind == SESSION_AGENT ? (s)->name : "", \
	.client = (s)->kind == SESSION_CLIENT ? (s)->name : "", \
	.peer = inbound_peer((s)->in), __VA_ARGS__)
/* "agent web-1", for the log; valid until the next call. */
const char *session_who(const struct session *s);
/* Of peer id, who has just logged in: freed when it has ended. */
struct session *session_new(struct gateway *g, struct inbound *in,
    enum session_kind kind, uint64_t id);
/* How many of that kind a peer has. */
size_t sessions_of(const struct gateway *g, enum session_kind kind,
    uint64_t id);
/* Asks for a sign of life, which also measures the round trip. */
void session_ping(struct session *s);
/* Ends it now as far as others see, and its connection soon. */
void session_end(struct session *s, const char *why);
/* Its link is gone, and it waits for another; it has one. */
void session_parted(struct session *s, const char *why);
void session_rejoined(struct session *s);
/* Makes room for one more of that kind, of those that wait for a link. */
void sessions_make_room(struct gateway *g, enum session_kind kind,
    uint64_t id);
/* Its connection has ended: frees it. */
void session_free(struct session *s);
/* Ends those that are silent, and asks those that have no leash. */
void sessions_sweep(struct gateway *g);
/*
 * Those of clients that the registry no longer has, a piece of them, each once
 * in that look: false when there are more.
 */
bool sessions_prune(struct gateway *g, unsigned look, unsigned *done);
/* A client's permissions, as they were at that position. */
void sessions_update(struct gateway *g, const struct peer *p,
    uint64_t position);
/*
 * Those of a peer that was removed or whose certificates were revoked before
 * that position; later logins are none of them.
 */
void sessions_revoke(struct gateway *g, uint64_t id, uint64_t position,
    const char *why);

/* --- principal.c: who stands behind sessions ----------------------- */

/* An agent or client, with all its sessions and what they asked for. */
struct principal {
	LIST_ENTRY(principal) next;	/* of the same slot */
	uint64_t id;			/* its registry's */
	size_t sessions;
	size_t streams;			/* open, that it has asked for */
	size_t borne;			/* streams that it pays for */
	size_t dialled;			/* those of egress: each has a socket */
	bool cut;			/* all of its is being ended */
	struct bucket lines;		/* of the log that are about it */
	unsigned left_out;		/* lines since the last one */
	struct bucket ports;		/* that it may yet begin to expose */
	struct account account;		/* of all that is its memory */
};

LIST_HEAD(principal_list, principal);

/* One session more of peer id, and one less. */
struct principal *principal_enter(struct gateway *g, uint64_t id);
void principal_leave(struct principal *p);
/*
 * Whether a line of the log about a session, which comes as often as it likes,
 * should be written.  Those that are not are told of with the next one.
 */
bool session_is_worth_a_line(struct session *s);
/* Whether it may expose one more port, for each of which sockets are made. */
bool principal_may_expose(struct principal *p);
/*
 * Frees those of whom nothing is left, and while the gateway's memory is full
 * ends all sessions and streams of who has most of it.
 */
void principals_sweep(struct gateway *g);
/* Frees all of them. */
void principals_free(struct gateway *g);

/* --- copies.c: two machines with one identity ---------------------- */

/* What s, an agent's, says of itself. */
void copies_hello(struct session *s, const struct leash_message *hello);
/* by takes the place of old; what old is told. */
const char *copies_displace(const struct session *old, struct session *by);
void copies_free(struct copies *c);

/* --- listens.c: what an agent's session listens on ----------------- */

/* What it listens on under that port, or NULL; s may be NULL. */
const struct session_listen *session_listen_find(const struct session *s,
    uint16_t port);
/* A port that is free there, for one who asked for port 0. */
uint16_t session_listen_choose(const struct session *s);
/* From now on it listens there; false: it does already, or at too many. */
bool session_listen_add(struct session *s, const struct address *at,
    uint16_t port);
/* False: it did not listen under that port. */
bool session_listen_remove(struct session *s, uint16_t port);

/* --- session_events.c: what they ask for -------------------------- */

/* The acceptor's events; their arg is the gateway. */
extern const struct acceptor_events session_events;

/* --- login.c: who may come ---------------------------------------- */

bool login_sign(void *gateway, struct inbound *in, const uint8_t *hash,
    size_t len, uint8_t signature[ED25519_SIGNATURE_LEN]);
void login_left(void *gateway, struct inbound *in);
bool login_key(void *gateway, struct inbound *in, const char *user,
    const uint8_t *blob, size_t len, bool proven);
bool login_password(void *gateway, struct inbound *in, const char *password);
/* Somebody has not even come so far. */
void login_turned_away(void *gateway, struct inbound *in, const char *why);
void login_kept_out(void *gateway, const char *peer, const char *why);
/* Nobody from there comes in for a while. */
void login_penalised(void *gateway, const char *peer, uint64_t ms);

/* --- leash.c, enroll.c: their subsystems -------------------------- */

/* Takes the session channel over; false: there is one already. */
bool gateway_leash_open(struct session *s, struct channel *ch);
/* Tells the agent of intervals that have changed. */
void gateway_leash_update(struct gateway_leash *l);
/* Tells the agent to go elsewhere. */
void gateway_leash_drain(struct gateway_leash *l, const char *reason);
bool gateway_enroll_open(struct session *s, struct channel *ch);
/*
 * Warns of an agent that is too old to prove that the key is its own: it was
 * certified without that, or challenged in vain.
 */
void enroll_tell_old(const struct session *s, const char *name,
    const struct ask_certificate *c, bool proven);

/* --- route.c: from a client's wish to an agent's channel ---------- */

/* What a session asks for, and the answer. */
struct wish {
	char name[NAME_MAX_LEN];	/* of an agent */
	uint16_t port;			/* 0: Docker */
	enum refusal why;		/* it is refused, in words for the */
	const char *text;		/* client, kept until the next turn */
};

/*
 * True while s may open streams; else *reason and *text say why not.  A stream
 * too many is counted and logged.
 */
bool route_open(struct session *s, enum open_failure *reason,
    const char **text);
/* The agent, if s may reach it and it is there; else NULL, and *w says why. */
struct agent *route_find(const struct session *s, struct wish *w);
/* Counts and logs a refusal.  The log says who and why, not where to. */
void route_refused(struct session *s, enum refusal why, const char *text);
void route_direct(struct session *s, struct channel *ch,
    const struct address *to);
bool route_listen(struct session *s, const struct address *at, bool cancel,
    uint16_t *port);

/* --- docker_stdio.c: Docker over a session channel ---------------- */

/*
 * An exec request (RFC 4254 section 6.5) with its data: false when it is not
 * the one that Docker's clients make; else it was granted, and is answered by
 * the agent's Docker or by words on standard error.
 */
bool docker_stdio_open(struct session *s, struct channel *ch,
    const uint8_t *p, size_t len);

/* --- stream.c: two endpoints joined ------------------------------- */

/*
 * Joins ch of s, which is answered, with a channel to what the agent listens on
 * under that port, or with its Docker behind its Muzzle.
 */
void gateway_stream_agent(struct session *s, struct agent *a, uint16_t port,
    struct channel *ch);
void gateway_stream_docker(struct session *s, struct agent *a,
    struct channel *ch);
/* The same for mine, the endpoint of a session channel that runs. */
void gateway_stream_docker_stdio(struct session *s, struct agent *a,
    struct endpoint *mine);
/* The agent's link is gone: who waits for it does so a little longer only. */
void gateway_streams_parted(struct gateway *g, const struct agent *a);
/* Dials to and joins it with ch, which is answered: egress. */
void gateway_stream_dial(struct session *s, const struct address *to,
    struct channel *ch);
/* By streams, from sockets of this machine and for agents' Muzzles. */
extern const struct agent_way gateway_stream_way;

/* --- tell.c: commands that wait until we know --------------------- */

/* Listens in the runtime directory: 0, or -1 with *e. */
int tell_listen(struct gateway *g, struct error *e);

/* --- chores.c: what concerns thousands at once --------------------- */

/*
 * Whether a turn may do one more of many: *done, 0 at first, are those that it
 * has begun.  The first it may always.
 */
bool chores_piece(unsigned *done);
/* What is to be done is, piece by piece, from the next turn on. */
void chores_soon(struct gateway *g);
void chores_begin(struct gateway *g);
void chores_end(struct gateway *g);

/* --- the whole ---------------------------------------------------- */

struct stream_counters {
	size_t open;
	uint64_t total, bytes_in, bytes_out;	/* in: towards agents */
};

/* stream.c: with the bytes of those that are open. */
void gateway_counters(const struct gateway *g, struct stream_counters *out);
void gateway_end_streams(struct gateway *g);
/* Those that p pays for. */
void gateway_end_streams_of(struct gateway *g, const struct principal *p);

struct gateway {
	char version[64];		/* what we call ourselves to SSH */
	struct event_base *base;
	struct dialer *dialer;		/* for egress */
	const struct gateway_helpers *helpers;
	struct monitor *monitor;	/* has the keys and the registry */
	struct gateway_config *config;
	struct acceptor *acceptor;
	struct listener *listener;	/* of SSH; NULL: the front has it */
	struct front *front;		/* of TLS */
	struct listener *tell;		/* of commands that wait, or NULL */
	struct http_server *refuser;	/* speaks for ports without an agent */
	struct event *tick;
	struct event *relief;		/* soon: the memory is full */
	struct event *chores;		/* soon: their next piece */
	unsigned ticks, drain_ticks;
	struct agents *agents;
	struct session_list sessions;
	size_t nsessions[3];		/* by kind */
	struct principal_list principals[PRINCIPAL_SLOTS];
	struct budget memory;		/* [limits] memory */
	size_t dialled, dialled_max;	/* streams of egress; of all */
	size_t memory_found;		/* at the start: machine_memory() */
	LIST_HEAD(, gateway_stream) streams;
	struct stream_counters counters;	/* bytes: of those that ended */

	/* The configuration. */
	char *runtime;			/* directory */
	uint32_t heartbeat_ms, timeout_ms;
	uint64_t renew_before;		/* seconds */
	bool docker_tcp, enabled;
	size_t streams_max;		/* of one principal */
	struct egress_rule *egress;
	size_t negress;

	uint64_t refusals[NREFUSALS];
	unsigned untold[NREFUSALS];
	int64_t told_at[NREFUSALS];
	uint64_t heartbeats, renewals, enrolments;
	uint64_t heartbeat_delay_ms;	/* sum of what they came late */
	bool save_soon;			/* somebody came or went */
	bool saving;			/* what was seen is to be written */
	unsigned news;			/* for sessions: reloads, and the end */
	bool revoked_dirty;		/* revoked_keys is to be written */
	unsigned busy;			/* times that the registry was locked */
	bool trouble;			/* with the registry; it was logged */
	bool stopping;
};

#endif
