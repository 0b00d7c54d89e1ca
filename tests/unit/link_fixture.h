/* SPDX-License-Identifier: ISC */
/*
 * What stands around the link: its sessions and the checks of its gateways are
 * the test's own, and so is the time.  outbound.c and health_check.c are not
 * linked, and timers run when the test says so.
 */
#ifndef ORTHRUS_TESTS_LINK_FIXTURE_H
#define ORTHRUS_TESTS_LINK_FIXTURE_H

#include "orthrus/ssh/link.h"
#include "orthrus/ssh/mux.h"

#define NSERVERS 3
#define BACKOFF_MIN 1000
#define BACKOFF_MAX 30000
#define WELL 60000
#define KEEP 600000
#define CHARON "SSH-2.0-charon_1.0 1234abcd"
#define KEY_1 "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define KEY_2 "SHA256:BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB"

/* A session; the newest one is first. */
struct outbound {
	struct outbound *older;
	struct outbound_config config;
	struct outbound_events events;
	void *arg;
	bool up, gateway, answers;
	size_t open;			/* channels */
};
extern struct outbound *sessions;
extern unsigned started, freed;

/* What the link has said. */
struct told {
	unsigned up, down, gone, trouble, gave_up;
	bool gateway;
	struct error why;
	struct mux *mux;		/* in use, as far as was told */
};
extern struct told told;

extern struct event_base *base;
extern struct link *the_link;
extern struct server servers[NSERVERS];
extern const char *waits_for;		/* what a session says that it does */
extern uint64_t now;			/* ms */

int link_setup(void **state);
int link_teardown(void **state);

/* The first n servers, in this order. */
struct link_config config_for(size_t n);
void start(const struct link_config *c);

/* The only session, or the newest, is one to server i. */
void expect_tried(size_t i);
/* A session with the second of n is in use, as the first is away. */
void start_at_second(size_t n);
/* In use is the session with server i. */
void expect_in_use(size_t i);
/* There are so many. */
void expect_sessions(size_t n);
/* The newest that is one to server i; it must be there. */
struct outbound *session_to(size_t i);
enum link_state state_now(void);
/* The newest comes up, or ends. */
void come_up(void);
void end(int code, const char *text);
void end_session(struct outbound *s, int code, const char *text);
/* A session has no link any more, or goes on over another one. */
void part(struct outbound *s, bool parted);

/* Time passes, and every timer that is due has its turn. */
void pass(uint64_t ms);
/* A wait of about ms, less up to a quarter; then it is over. */
void expect_wait(uint64_t ms);
/* However long it takes. */
void expect_nothing_more(void);

/* The check of server i that is under way: it says so, or there is none. */
void check_answers(size_t i, int64_t rtt_ms);
bool is_checked(size_t i);
/* For ms, whenever it is asked: rtt_ms of each server, -1: it is away. */
void pass_with(uint64_t ms, const int64_t rtt_ms[NSERVERS]);

#endif
