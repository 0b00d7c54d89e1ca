/* SPDX-License-Identifier: ISC */
/*
 * A stream: an end that is there (whoever asks: a channel that waits for its
 * answer, a socket, any endpoint), joined by a relay with an end that is
 * awaited (a channel that is being opened, a target that is dialled), or told
 * that this cannot be had.  Tunnels and the gateway add what is theirs.
 */
#ifndef ORTHRUS_STREAM_STREAM_H
#define ORTHRUS_STREAM_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "orthrus/ssh/mux.h"

struct account;
struct dial;
struct dialer;
struct event;
struct event_base;
struct stream;

/* None of them is called once the stream has ended, nor by stream_init(). */
struct stream_events {
	/*
	 * The awaited end is there: gives the one that asks as an endpoint.
	 * Not called where that is a channel.
	 */
	struct endpoint *(*here)(struct stream *st);
	/*
	 * The awaited end cannot be had.  text is the far end's (escaped) or
	 * the system's, or NULL: there was no answer in time.  A target that
	 * the dialer's filter does not allow is OPEN_PROHIBITED.  May await
	 * something else; else it ends the stream.
	 */
	void (*failed)(struct stream *st, enum open_failure reason,
	    const char *text);
	/* The time of stream_wait() is over. */
	void (*late)(struct stream *st);
	/*
	 * It has ended, in whatever stage: releases what is the user's but for
	 * st itself, which the loop frees.  out is what the awaited end gave,
	 * in what it took; both 0 when they were never joined.
	 */
	void (*ended)(struct stream *st, uint64_t out, uint64_t in);
};

/* The first member of the user's own struct, which is malloc(3)'s. */
struct stream {
	const struct stream_events *events;
	struct event_base *base;
	struct account *payer;		/* of a channel that it opens */
	struct channel *from;		/* who asks, not answered yet; or NULL */
	struct channel *opening;	/* one of the two is awaited, ... */
	struct dial *dial;
	struct relay *relay;		/* ... then there is this */
	struct event *timer;
	bool over;
	bool whole;	/* for ended(): all of the awaited end's was passed on */
};

/*
 * Of zeroed memory; from is the channel that asks, or NULL.  payer, which may
 * be set afterwards, is NULL.
 */
void stream_init(struct stream *st, struct event_base *base,
    const struct stream_events *events, struct channel *from);

/* late() is called in ms milliseconds; with 0 from the loop's next turn. */
void stream_wait(struct stream *st, unsigned ms);

/*
 * Awaits a channel to at, which open (mux_open() or mux_open_forwarded())
 * opens, for ms at most.  False: there are too many channels, and failed() is
 * not called.
 */
typedef struct channel *stream_opener(struct mux *m, const struct address *at,
    struct account *payer, channel_opened *opened, void *arg);
bool stream_open(struct stream *st, stream_opener *open, struct mux *m,
    const struct address *at, unsigned ms);

/* Awaits a connection to the address to, for ms at most. */
void stream_dial(struct stream *st, struct dialer *d,
    const struct address *to, unsigned ms);

/* wanted is the awaited end: answers who asks, and joins the two. */
void stream_join(struct stream *st, struct endpoint *wanted);

/* Answers the channel that asks, and ends the stream. */
void stream_refuse(struct stream *st, enum open_failure reason,
    const char *text);

/*
 * Ends it: a relay is cut off, an attempt given up, a channel that was not
 * answered refused.  A second time is nothing.
 */
void stream_end(struct stream *st);

#endif
