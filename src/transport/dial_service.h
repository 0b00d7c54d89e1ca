/* SPDX-License-Identifier: ISC */
/*
 * A dialer whose work another process does: what is asked and answered between
 * the two, over a SOCK_SEQPACKET pair.  Pure but for the socket.
 */
#ifndef ORTHRUS_TRANSPORT_DIAL_SERVICE_H
#define ORTHRUS_TRANSPORT_DIAL_SERVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "orthrus/base/address.h"

/* Asks, without waiting: 0, or -1 with errno. */
int dial_ask(int fd, uint64_t id, const struct address *to, uint64_t ms);

/* An answer: connected, or -1 and an errno value. */
struct dial_answer {
	uint64_t id;
	int fd, error;
};

/* 1 and *a, 0 when there is none now, -1 when the other process is gone. */
int dial_hear(int fd, struct dial_answer *a);

#endif
