/* SPDX-License-Identifier: ISC */
/*
 * What the files of the agents' load generator share: agents.c (registers
 * them, starts them, counts) and agents_one.c (one agent's session).
 */

#ifndef BENCH_AGENTS_H
#define BENCH_AGENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "orthrus/base/address.h"
#include "orthrus/base/error.h"

#define EXPOSED 9100		/* the port that each agent offers */

struct dialer;
struct event_base;
struct fleet;

/* One agent. */
struct one {
	struct fleet *fleet;
	char name[NAME_MAX_LEN];
	char *key;			/* path; its certificate is beside it */
	struct identity *identity;
	struct outbound *session;	/* NULL: not started, or over */
	struct channel *opening;	/* its leash's */
	struct frames *frames;
	struct event *beat;
	uint32_t beat_ms;		/* as Welcome says */
	unsigned granted;		/* of its listeners */
	bool welcome;
	bool online;			/* welcome, and all are granted */
};

/* All of them. */
struct fleet {
	struct event_base *base;
	struct dialer *dialer;
	uint16_t port;			/* of the gateway, on loopback */
	char *pin;			/* its host key's fingerprint */
	bool exposes;			/* EXPOSED, besides Docker */
	struct one *agents;
	size_t n, started, online, failed, lost;
	uint64_t heartbeats, answered;
};

/* agents_one.c */
void one_start(struct one *o);
void one_stop(struct one *o);

/* agents.c: it is online, or will never be, or is no more. */
void fleet_settled(struct fleet *f);

#endif
