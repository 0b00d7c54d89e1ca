/* SPDX-License-Identifier: ISC */
/*
 * A conversation in frames (each behind its length in 4 bytes, big-endian) as
 * an endpoint of the relay: joined with a channel's, it turns the stream into
 * whole messages and back.  It moves no payload of users.
 */
#ifndef ORTHRUS_RELAY_FRAMES_H
#define ORTHRUS_RELAY_FRAMES_H

#include <stddef.h>
#include <stdint.h>

struct account;
struct endpoint;
struct event_base;
struct frames;

struct frames_events {
	/* One frame, without its length; valid during the call. */
	void (*frame)(void *arg, const uint8_t *p, size_t n);
	/*
	 * The conversation is over: why is NULL when the other side ended it
	 * in order or went away, else static text for a frame over its limit
	 * or an end in the middle of one.  The last call.
	 */
	void (*ended)(void *arg, const char *why);
};

/*
 * Makes one whose frames have at most max bytes each.  Both events come from
 * the loop, never from inside a call of the relay or of these functions, and
 * may call frames_free().  What arrives while a frame is being handled waits;
 * at most one frame and 128 KiB are kept.
 */
struct frames *frames_new(struct event_base *base, size_t max,
    const struct frames_events *events, void *arg);

/*
 * What it keeps is the memory of a, which outlives the endpoint: where that has
 * no room, no more than the largest frame is kept each way.
 */
void frames_set_account(struct frames *f, struct account *a);

/* The endpoint, to be given to relay_start() once; closed by the relay. */
struct endpoint *frames_endpoint(struct frames *f);

/*
 * Sends n bytes that hold one or more whole frames, lengths included: 0, or
 * -1 when more than 4 * max bytes would then wait for the peer to read them, or
 * more than its account has (nothing is sent), or the conversation is over.
 */
int frames_send(struct frames *f, const void *p, size_t n);

/* No more will be sent: the peer sees the end when it has read the rest. */
void frames_finish(struct frames *f);

/*
 * Lets go of it (NULL is fine): no event comes any more.  The endpoint may
 * outlive this until its relay closes it; what was sent still goes out, then
 * the stream ends.  A peer that has not read it and ended its side within 10 s
 * is cut off.
 */
void frames_free(struct frames *f);

#endif
