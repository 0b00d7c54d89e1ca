/* SPDX-License-Identifier: ISC */
/*
 * Both roles of a session in one loop, with real keys and libssh, a stream
 * between them, and a link that breaks.
 */
#ifndef ORTHRUS_TESTS_RESUME_FIXTURE_H
#define ORTHRUS_TESTS_RESUME_FIXTURE_H

#include <stddef.h>
#include <stdint.h>

#include "orthrus/ssh/outbound.h"

#include "../../src/ssh/inbound_private.h"
#include "cut_link.h"
#include "memory_endpoint.h"

#define PATIENCE_MS 60000	/* for anything at all */
#define SIZE (6 * 1024 * 1024)	/* of what goes each way */
#define REKEY_BYTES (512 * 1024)

/* What either side has been told, and its end of the stream. */
struct resume_server {
	unsigned up, ended, hashes, parted, rejoined, turned_away, penalised;
	struct inbound *in;
	char why[ERROR_TEXT_MAX], turned[ERROR_TEXT_MAX];
	struct memory memory;
	struct relay *relay;
};

struct resume_client {
	unsigned up, ended, opened;
	char why[ERROR_TEXT_MAX];
	struct memory memory;
	struct relay *relay;
	struct channel *ch;
};

extern struct resume_server server;
extern struct resume_client client;
extern uint8_t *upload, *download;	/* SIZE bytes each */
extern struct outbound *session;
extern uint64_t rekey_bytes;		/* new keys after so many; 0: never */

/* Of a group of tests, and of each. */
int make_keys(void **state);
int remove_keys(void **state);
int setup(void **state);
int teardown(void **state);

void serve(uint64_t resume_ms);
uint16_t server_port(void);
/* Logs in through the link, and opens a stream. */
void begin(uint64_t resume_ms);
/* Both sides have agreed on it. */
void until_agreed(void);
/* So many bytes are there to be sent on either side; all of them came. */
void give(size_t up, size_t down);
void assert_all_came(size_t n);

/* Runs the loop: once; until *what is at least n; until all came. */
void step(void);
void until(const unsigned *what, unsigned n);
void until_moved(size_t n);

#endif
