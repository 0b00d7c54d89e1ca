/* SPDX-License-Identifier: ISC */
/* What the tests of the channel manager share: a mux and its far end. */
#ifndef ORTHRUS_TESTS_MUX_FIXTURE_H
#define ORTHRUS_TESTS_MUX_FIXTURE_H

#include <event2/event.h>

#include "../../src/ssh/mux_private.h"
#include "fake_peer.h"
#include "memory_endpoint.h"

#define WINDOW (256 * 1024)	/* that the far end grants */
#define PACKET 32768

extern struct event_base *base;
extern struct mux *mux;		/* NULL once a test has freed it */
extern unsigned violations;
extern unsigned pings;		/* that wait for an answer */

/* One stream: a channel, and what it is relayed to. */
struct stream {
	struct channel *ch;
	struct memory local;
	struct relay *relay;
	uint32_t id, peer;	/* our number, theirs */
	uint32_t granted;	/* in the opening message */
	unsigned opened, gone, done;
	enum open_failure reason;
	char text[256];
};

/* What forwarded() has said last. */
extern struct channel *incoming;
extern struct address incoming_listen;

int mux_setup(void **state);
int mux_teardown(void **state);

/* Channels that the mux has open, or opening. */
size_t open_channels(void);
/* Turns until there is nothing left to do. */
void turns(void);

/* mux_open() to "host:80"; the OPEN is taken off the queue. */
void stream_start(struct stream *s, uint32_t peer);
/* The far end confirms; relayed when it opened. */
void stream_confirm(struct stream *s, uint32_t window, uint32_t packet);
/* Both, and a relay between the channel and s->local. */
void stream_open(struct stream *s, uint32_t peer);
/* The same with a session channel and its subsystem. */
void stream_open_subsystem(struct stream *s, uint32_t peer);
/* Feeds n bytes of the pattern from offset, in packets. */
void stream_data(struct stream *s, size_t offset, size_t n);
/* Ends it and frees s->local; after mux_teardown(). */
void stream_release(struct stream *s);

uint8_t pattern_at(size_t offset);
const uint8_t *pattern_from(size_t offset);	/* 8 MiB from there on */
void assert_pattern(const struct memory *m, size_t n);

/* The next packet is of this type, for this channel; returns what follows. */
const struct sent *expect(uint8_t type, uint32_t peer);
void expect_nothing(void);
/*
 * Takes WINDOW_ADJUSTs for peer off the queue, and pings: the sum of the
 * former; the latter are counted until answer_pings() answers them, each so
 * long after the one before, and those that follow from that.
 */
uint64_t expect_adjusts(uint32_t peer);
void answer_pings(uint64_t us);
/* Sends pings, and has them answered. */
void round_trip_is(uint64_t us);
uint32_t sent_u32(const struct sent *s, size_t offset);

#endif
