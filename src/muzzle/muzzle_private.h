/* SPDX-License-Identifier: ISC */
/* What the files of the Muzzle share: its state, and what each does for it. */
#ifndef ORTHRUS_MUZZLE_MUZZLE_PRIVATE_H
#define ORTHRUS_MUZZLE_MUZZLE_PRIVATE_H

#include <sys/queue.h>

#include <event2/event.h>

#include "orthrus/http/server.h"
#include "orthrus/http/upstream.h"
#include "orthrus/muzzle/muzzle.h"

#include "advice.h"

/* Of every request to the engine. */
#define ENGINE_HEADERS "Host: docker\r\nUser-Agent: orthrus/" \
	PACKAGE_VERSION "\r\n"

struct engine;
struct facts;
struct swarm_question;
struct probe;

struct muzzle {
	struct event_base *base;
	struct dialer *dialer;
	struct address engine;
	bool remote;			/* reached by way, not at engine */
	struct http_way way;
	char *label;			/* of the log */
	struct policy policy;
	struct http_server *server;	/* of its own clients */
	LIST_HEAD(, exchange) exchanges;
	LIST_HEAD(, engine) engines;	/* in use or kept with a client's */
	LIST_HEAD(, engine) spares;	/* whose client has gone */
	size_t nspares, spares_max;
	struct event *sweep;		/* of these, or NULL */
	LIST_HEAD(, swarm_question) questions;
	uint64_t allowed, denied;
	size_t streams;
	struct probe *probe;
	struct facts *watch;		/* NULL: nobody wants to know */
	struct muzzle_facts *facts;	/* NULL: nobody ever wanted to know */
	struct advice advice;		/* on an engine of this machine */
	int dial_error;			/* of the last try to reach it, or 0 */
	bool asked, ping;
	const char *why;		/* static text, or "" */
	char error[ERROR_TEXT_MAX];	/* the same, and what to do */
	int64_t told_at[6];		/* by status class, for the log */
	unsigned untold[6];
};

/*
 * outcomes.c: a refusal or an engine's failure, counted and logged.  what is
 * the class of the route, never the client's own bytes.
 */
void muzzle_refused(struct muzzle *m, int status, const char *what,
    const char *why);
void muzzle_engine_failed(struct muzzle *m, const char *why);
/* The engine does not answer, or does; a change is logged once. */
void muzzle_engine_is_down(struct muzzle *m, const char *why);
void muzzle_engine_answered(struct muzzle *m);

/* Who speaks in an error, also where somebody else's server passes it on. */
#define MUZZLE_PREFIX "orthrus: "
/* 502: what could not be done, and why. */
void muzzle_reply_failure(const struct muzzle *m, struct http_conn *c,
    const char *what, const char *why);

/*
 * exchange.c: judges a request and has it answered.  strict: the connection
 * ends after a target that is malformed.
 */
void exchange_start(struct muzzle *m, struct http_conn *c,
    const struct http_request *r, const char *target, size_t len, bool strict);
/* Answers all that are under way with 502, or cuts them off. */
void muzzle_end_exchanges(struct muzzle *m);

/*
 * swarm.c: answers what v, of ANSWER_SWARM, allows, when the engine has said
 * whether it has Swarm.  The second one answers all that wait with 502.
 */
void muzzle_ask_swarm(struct muzzle *m, struct http_conn *c,
    const struct verdict *v);
void muzzle_end_questions(struct muzzle *m);

/* way.c: connects to the engine's socket; arg is the Muzzle, to be filled in. */
extern const struct http_way socket_way;

/* probe.c: asks the engine every 10 s whether it answers. */
struct probe *probe_new(struct muzzle *m);
void probe_free(struct probe *p);

/* facts.c: asks the engine for its version and networks, into m->facts. */
struct facts *facts_new(struct muzzle *m);
void facts_free(struct facts *f);

#endif
