/* SPDX-License-Identifier: ISC */
/*
 * What the fuzzers of the channel manager share: they read their input as
 * acts, one letter for an act, one for the stream, one for a size (2 to the
 * power of its place in the alphabet).
 */
#ifndef ORTHRUS_TESTS_MUX_ACTS_H
#define ORTHRUS_TESTS_MUX_ACTS_H

#include "mux_law.h"

struct acts {
	struct mux_service service;
	bool server;		/* we are one, and the far end a client */
	/* Acts that only this fuzzer knows; false for any other letter. */
	bool (*act)(uint8_t what);
};

/* Of the input that is played. */
extern struct mux *mux;
/* Whose CHANNEL_OPEN is fed right now, or NULL. */
extern struct stream *opening;

/*
 * Plays the input from a new mux to its end.  What is lawful is never called
 * a violation and loses no byte, and what is sent is lawful.  After an 'R', a
 * packet of any bytes, only this is left: no crash, and silence after a
 * violation.
 */
void acts_play(const struct acts *acts, const uint8_t *data, size_t size);

/* Read from the input, which goes on with zeroes. */
uint8_t next_byte(void);
struct stream *next_stream(void);
uint32_t next_amount(void);

/* A stream that they begin to open, or NULL when all are in use. */
struct stream *act_incoming(void);
/*
 * Opens a stream of ours, by mux_open() or the like.  Our number and, behind
 * it, our window are at this offset of the packet.
 */
typedef struct channel *mux_opens(struct mux *m, const struct address *to,
    struct account *payer, channel_opened *opened, void *arg);
void act_open(mux_opens *opens, const struct address *to, size_t at);
/* The mux has offered us the channel of this stream. */
void stream_hold(struct stream *s, struct channel *ch);
/* Joins the stream's channel with its local end. */
void stream_relay(struct stream *s);

/* True when one more may wait for on_answer(), and counts it. */
bool may_ask(void);
void on_answer(void *arg, enum mux_answer answer, uint16_t port);

#endif
