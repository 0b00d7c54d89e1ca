/* What muzzle.c (all clients) and connection.c (one of them) share. */
#ifndef ORTHRUS_MUZZLE_PRIVATE_H
#define ORTHRUS_MUZZLE_PRIVATE_H

#include <event2/event.h>

#include "orthrus/muzzle/muzzle.h"

#define HEAD_SECONDS 10		/* for a request's head, from its first byte */
#define IDLE_SECONDS 60		/* between two requests */
#define ANSWER_SECONDS 120	/* the engine's silence, where it must end */
#define ACTION_SECONDS 900	/* a stop may wait for its container */
#define CLOSE_SECONDS 2		/* for the client to see our end */
#define READ_SECONDS 5		/* for the client to read READ_LEAST of what */
#define READ_LEAST 4096		/* there is, else it is stuck: */
#define READ_TRIES 12		/* so often at most, with large answers */
#define GONE_MS 250		/* how often a silent stream's client is looked
				   at once it has ended its side */
#define OUT_HIGH (64 * 1024)	/* unread by the client: the engine waits */
#define HELD_MAX (64 * 1024 * 1024)	/* of all large answers */

struct facts;
struct probe;

struct muzzle {
	struct event_base *base;
	struct dialer *dialer;
	struct address engine;
	bool remote;			/* reached by way, not at engine */
	struct muzzle_way way;
	char *label;			/* of the log */
	struct policy policy;
	uint64_t allowed, denied;
	size_t clients, streams;
	size_t held;			/* bytes of large answers */
	struct probe *probe;
	struct facts *watch;		/* NULL: nobody wants to know */
	struct muzzle_facts facts;
	bool ping;
	const char *error;		/* static text, or "" */
	int64_t told_at[6];		/* by status class, for the log */
	unsigned untold[6];
};

/* muzzle.c: a refusal or an engine's failure, counted and logged. */
void muzzle_refused(struct muzzle *m, const struct verdict *v);
void muzzle_engine_failed(struct muzzle *m, const char *why);
void muzzle_engine_answered(struct muzzle *m);

/* probe.c */
struct probe *probe_new(struct muzzle *m);
void probe_free(struct probe *p);

/* facts.c */
struct facts *facts_new(struct muzzle *m);
void facts_free(struct facts *f);

#endif
