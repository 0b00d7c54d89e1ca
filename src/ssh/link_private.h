/* SPDX-License-Identifier: ISC */
/*
 * What the files of the link share: link.c (rounds of attempts, and the end of
 * the session in use), link_session.c (each session), link_move.c (from one
 * session to the next without a break), link_watch.c (how the gateways are),
 * link_update.c and link_info.c.
 */
#ifndef ORTHRUS_SSH_LINK_PRIVATE_H
#define ORTHRUS_SSH_LINK_PRIVATE_H

#include <sys/queue.h>

#include "orthrus/ssh/link.h"

#include "gateways.h"

struct health_check;

/* A session of the link, from its first step to its end. */
struct link_session {
	TAILQ_ENTRY(link_session) next;	/* of those that were left */
	struct link *link;
	struct outbound *outbound;
	struct mux *mux;	/* NULL: it is not up */
	struct server server;
	size_t at;		/* its gateway; nservers: not listed any more */
	char *avoid;		/* who calls itself so; NULL: nobody */
	uint64_t up_at, left_at;	/* ms */
	struct event *timer;	/* looks whether it is needed; NULL: in use */
};

/* A gateway that is looked after. */
struct link_watched {
	struct link *link;
	struct health_check *check;	/* under way, or NULL */
};

struct link {
	struct event_base *base;
	struct dialer *dialer;
	struct link_config config;
	struct link_events events;
	void *arg;
	struct event *timer;		/* until something is tried */
	uint64_t retry_at;		/* ms; of the wait in LINK_BACKOFF */
	enum link_state state;
	struct gateway_known *known;	/* of config.servers, in their order */
	struct link_watched *watched;	/* the same */
	struct link_session *session;	/* in use, or an attempt; NULL: none */
	struct link_session *coming;	/* to take its place; NULL: none */
	TAILQ_HEAD(, link_session) left;	/* for the streams they have */
	bool leaving;			/* session, when another one is there */
	bool must_leave;		/* even if it does well */
	bool parted;			/* session has no link at present */
	struct event *slow;		/* an attempt takes its time */
	const char *told_slow;		/* what for, said last; or NULL */
	bool comparing;			/* who answers first, before the attempt */
	struct event *look;		/* at the other gateways */
	uint64_t look_at;		/* ms */
	unsigned rounds;		/* that failed in a row */
	bool was_up;			/* once, ever */
	struct error refusal;		/* of this round; code 0: none */
	int64_t since;
	uint64_t sessions;
};

/* link.c */
void link_set_state(struct link *l, enum link_state state);
/* The attempt at l->session has come to nothing: another one, or a wait. */
void link_attempt_failed(struct link *l, const struct error *why);
/* Ends the session in use, and goes on as when it has ended by itself. */
void link_abandon(struct link *l, const struct error *why);
/* The session in use is so no longer. */
void link_down(struct link *l);
/* Begins anew, without a session. */
void link_begin(struct link *l);
/* Takes config over; what is known of its servers is known again. */
void link_take_config(struct link *l, const struct link_config *config);

/* link_session.c */
struct link_session *link_session_start(struct link *l, size_t at,
    const char *avoid);		/* is copied */
void link_session_free(struct link_session *s);
/* What is known of its gateway, or NULL. */
struct gateway_known *link_session_known(const struct link_session *s);
/* It answers, though nothing came of it. */
bool link_session_answers(const struct link_session *s);
/* It is in use from here on. */
void link_session_used(struct link *l, struct link_session *s);
/* Makes l->slow, which says what an attempt waits for. */
void link_slow_init(struct link *l);

/* link_move.c */
void link_try_next(struct link *l);	/* one of this round */
bool link_can_move(const struct link *l);
/* Makes a session with gateway i, to take the place of the one in use. */
void link_move_to(struct link *l, size_t i);
/*
 * Tries all others; the session in use goes on meanwhile.  must: it is left
 * even if it does well.
 */
void link_move_away(struct link *l, bool must);
/* The session in use is not left, or not any more. */
void link_stay(struct link *l);
/* It has lost its link, or has another one. */
void link_parted(struct link *l, bool parted);
void link_coming_up(struct link *l);	/* it is there */
void link_coming_ended(struct link *l, const struct error *why);
void link_forget_coming(struct link *l);
/* A session that was left: it has ended; it is to end. */
void link_left_ended(struct link_session *s, const struct error *why);
void link_left_over(struct link_session *s);
void link_free_left(struct link *l);

/* link_watch.c */
void link_watch_init(struct link *l);	/* of another list of servers */
void link_watch_clear(struct link *l);
/* A session is in use: others are looked at from time to time. */
void link_watch(struct link *l);
/*
 * Asks all at once who is nearest, where that is wanted and not known: true
 * when link_try_next() follows, and not before.
 */
bool link_compare_first(struct link *l);

#endif
