/* SPDX-License-Identifier: ISC */
/*
 * What the files of a dialer share: dial.c (connecting), dial_elsewhere.c
 * (having another process connect).
 */
#ifndef ORTHRUS_TRANSPORT_DIAL_PRIVATE_H
#define ORTHRUS_TRANSPORT_DIAL_PRIVATE_H

#include <sys/queue.h>
#include <sys/socket.h>

#include <stdbool.h>
#include <stdint.h>

#include "orthrus/transport/dial.h"

struct event;
struct lookup;
struct resolver;

#define ATTEMPTS_MAX 16		/* a name may have hundreds of addresses */

struct dial_attempt {
	struct dial *dial;
	struct sockaddr_storage to;
	socklen_t len;
	int fd;			/* -1 when not under way */
	struct event *event;
};

struct dial {
	LIST_ENTRY(dial) link;
	uint64_t id;			/* at another process */
	struct dialer *dialer;
	struct address to;
	struct lookup *lookup;		/* NULL when none is under way */
	struct dial_attempt attempts[ATTEMPTS_MAX];
	unsigned nattempts, next, pending;
	struct event *step;		/* time for the next attempt */
	struct event *deadline;
	int error;			/* the most telling one so far */
	dial_done *done;
	void *arg;
};

struct dialer {
	struct event_base *base;
	struct resolver *resolver;
	LIST_HEAD(, dial) dials;
	bool (*ok)(void *arg, const struct address *to,
	    const struct sockaddr *resolved);	/* or NULL */
	void *ok_arg;
	/* Another process that does it all. */
	int other;			/* descriptor, or -1 */
	struct event *heard;
	uint64_t ids;
};

/*
 * dial.c: ends a dial that was not cancelled.  It is freed, and its owner told;
 * fd and error as in dial_done.
 */
void dial_finish(struct dial *d, int fd, int error);

/*
 * dial_elsewhere.c: asks the other process.  The dial ends by its answer, or
 * from the loop where it cannot be asked.
 */
void dial_elsewhere(struct dial *d, uint64_t timeout_ms);

#endif
