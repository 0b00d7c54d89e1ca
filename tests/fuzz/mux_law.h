/* SPDX-License-Identifier: ISC */
/*
 * The law between the channel manager and a far end in memory: what each
 * stream may do by RFC 4254, checked for every packet that is sent.
 */
#ifndef ORTHRUS_TESTS_MUX_LAW_H
#define ORTHRUS_TESTS_MUX_LAW_H

#include <stdlib.h>

#include "../unit/fake_peer.h"
#include "../unit/memory_endpoint.h"
#include "../../src/ssh/mux_private.h"

#define STREAMS 64
#define PACKET 32768
#define PERIOD 251	/* of the payload's pattern */
#define SIZE_LARGEST (1 << 17)
/* Never more unread than this, RFC 4254 section 5.2. */
#define UNREAD_MAX ((uint64_t)(32 + STREAMS) * 1024 * 1024)

#define CHECK(x) do { \
	if (!(x)) \
		abort(); \
} while (0)

enum life { FREE, ASKED, INCOMING, OPEN };

struct stream {			/* as the far end sees it, and the local end */
	enum life life;
	uint32_t id, peer;
	uint64_t window, packet;	/* that we may send */
	uint64_t granted;		/* that they may send */
	uint64_t fed, taken, given, sent;	/* bytes of payload */
	bool fed_eof, fed_close, sent_eof, sent_close;
	bool held, answered, lost;
	bool subsystem, asked;		/* we want one there; it is not known */
	struct channel *ch;
	struct relay *relay;
	struct memory local;
};

extern struct law {
	struct stream streams[STREAMS];
	size_t used;		/* streams[used] and on never were */
	unsigned violations;	/* that the mux has complained of */
	unsigned their_requests;	/* that want an answer */
	uint32_t next_peer;	/* number that the far end gives next */
	bool server;		/* we are one, and they a client */
	bool lawless;		/* anything was fed: nothing is expected */
	bool moved;		/* something was sent or taken since it was false */
} law;

/* The payload, from any place of it SIZE_LARGEST bytes on. */
extern uint8_t law_payload[PERIOD + SIZE_LARGEST + 1];

void law_reset(void);
/* For fake.watch. */
void law_check(const struct sent *p);
uint32_t law_u32(const struct sent *p, size_t at);
/* Its number: free only when both sides of the last one have said CLOSE. */
void law_number(struct stream *s, uint32_t id);
/* Takes what was delivered, and forgets the streams that are over. */
void law_tidy(void);
/* The stream's local end is gone. */
void law_release(struct stream *s);

#endif
