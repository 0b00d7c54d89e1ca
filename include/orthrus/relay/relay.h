/* SPDX-License-Identifier: ISC */
/*
 * The relay: two half-streams between two endpoints, each with its own end
 * (half-close), back-pressure by not reading, and a counter.  It knows
 * neither sockets nor SSH.
 */
#ifndef ORTHRUS_RELAY_RELAY_H
#define ORTHRUS_RELAY_RELAY_H

#include "orthrus/relay/endpoint.h"

/* The most that one direction moves before others get their turn. */
#define RELAY_QUANTUM (512 * 1024)

/*
 * Joins a and b and starts to move bytes.  done (NULL: nobody asks) is called
 * once when both directions have ended or one endpoint broke; both endpoints
 * are closed by then and the relay is freed after done returns.  Counters are
 * the bytes delivered a to b and b to a.
 */
typedef void relay_done(void *arg, uint64_t a_to_b, uint64_t b_to_a);
struct relay *relay_start(struct endpoint *a, struct endpoint *b,
    relay_done *done, void *arg);

/*
 * For done: true when all that a gave has been passed on to b, its end too.
 */
bool relay_was_whole(const struct relay *r);

/*
 * Puts fresh in the place of old, which is closed (without abort) and must have
 * nothing left to give.  Not from within a call of old's.
 */
void relay_replace(struct endpoint *old, struct endpoint *fresh);

/* Ends it now: closes both endpoints with abort, calls done. */
void relay_abort(struct relay *r);

/*
 * What an endpoint tells its relay.  readable: peek() has something new;
 * writable: write() may take bytes again; hangup: nothing more can be written
 * to it, while what it still has to give is delivered.  Each may close the
 * endpoint before it returns; an endpoint therefore touches itself no more
 * after the call unless its memory outlives its close().
 */
void relay_readable(struct endpoint *ep);
void relay_writable(struct endpoint *ep);
void relay_hangup(struct endpoint *ep);

/*
 * Bytes that arrived at ep and need not be kept if the other side takes them
 * at once: returns how many (0..n) were taken; the endpoint keeps the rest as
 * unread input and says relay_readable() when asked to watch.
 */
size_t relay_offer(struct endpoint *ep, const uint8_t *p, size_t n);

/*
 * Asked by ep after its finish(): whether what is at the other end, which will
 * send no more, reads on: 1 yes, 0 no, -1 unknown.
 */
int relay_peer_reads(struct endpoint *ep);

/* Bytes delivered so far in both directions, for statistics. */
void relay_counters(const struct relay *r, uint64_t *a_to_b,
    uint64_t *b_to_a);

#endif
