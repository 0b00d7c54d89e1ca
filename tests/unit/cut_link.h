/* SPDX-License-Identifier: ISC */
/*
 * A relay in the test's own loop between a client and a port of this machine,
 * whose connections break after any byte, and which remembers how each began.
 */
#ifndef ORTHRUS_TESTS_CUT_LINK_H
#define ORTHRUS_TESTS_CUT_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event_base;

struct cut_link {
	uint16_t port;			/* connect here */
	unsigned made, cuts;		/* connections so far, and broken ones */
	size_t left;			/* bytes until the next cut; 0: none */
	bool reset;			/* it is one, rather than an end */
	bool refuses;			/* connections are closed at once */
	uint8_t head[256];		/* what the last client said first */
	size_t head_len;
};

extern struct cut_link cut_link;

void cut_link_open(struct event_base *base, uint16_t to);
/* Now. */
void cut_link_cut(void);
/* Nothing passes over those there are, and nobody hears of it. */
void cut_link_deafen(void);
void cut_link_close(void);

#endif
