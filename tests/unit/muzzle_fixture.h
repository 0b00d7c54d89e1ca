/* SPDX-License-Identifier: ISC */
/*
 * A Muzzle between a client in memory and an engine in memory, of which each
 * connection is an end of its own.  What is said is static text.
 */
#ifndef ORTHRUS_TESTS_MUZZLE_FIXTURE_H
#define ORTHRUS_TESTS_MUZZLE_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memory_endpoint.h"
#include "orthrus/http/server.h"
#include "orthrus/muzzle/muzzle.h"

#define GET(target) "GET " target " HTTP/1.1\r\nHost: x\r\n\r\n"
#define POST(target, headers) "POST " target " HTTP/1.1\r\nHost: x\r\n" \
	headers "\r\n"
#define CHUNKED "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
/* What follows the target in each request to the engine; config.h is needed. */
#define TO_ENGINE " HTTP/1.1\r\nHost: docker\r\nUser-Agent: orthrus/" \
	PACKAGE_VERSION "\r\nAccept: */*\r\n"
#define LOGS "/containers/x/logs?follow=1&stdout=1"
#define ENGINES_MAX (MUZZLE_STREAMS_MAX + 8)

/* A connection to the engine. */
struct engine_end {
	struct memory m;
	struct endpoint *ep;		/* the Muzzle's, to be joined */
	void (*failed)(struct endpoint *ep, const char *why);
	bool waits;			/* neither joined nor failed yet */
};

extern struct event_base *base;
extern struct muzzle *muzzle;
extern struct http_server *other;	/* one that passes requests on */
extern struct memory client;
extern struct engine_end engines[ENGINES_MAX];	/* in the order they came */
extern size_t nengines;
extern const char *away;	/* why the engine is not reached, or NULL */
extern bool unread;		/* nobody looks at what engines say */

/* For cmocka, around each test: the client has come to the Muzzle. */
int muzzle_setup(void **state);
int muzzle_teardown(void **state);
/* The client, which has closed, comes to ep, another server's connection. */
void come_by(struct endpoint *ep);

/* Lets all of them do what they can. */
void settle(void);

/* What connection i of the engine was sent since the last call. */
const char *engine_heard(size_t i);
void engine_says(size_t i, const char *text);
void engine_says_bytes(size_t i, const char *p, size_t n);
/* It closes its side. */
void engine_ends(size_t i);

/* What the client was sent since the last call. */
const char *heard(void);
void say(const char *text);
/* Both, one after the other. */
const char *ask(const char *text);

void assert_begins(const char *text, const char *with);
void assert_has(const char *text, const char *what);
/* The client's next request is answered, too. */
void assert_goes_on(void);
/* So many requests were let through and refused; so many streams are there. */
void assert_counted(uint64_t allowed, uint64_t denied, size_t streams);

#endif
