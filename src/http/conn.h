/* SPDX-License-Identifier: ISC */
/*
 * What the files of a server's connections share, each of which calls only
 * those before it: conn.c has the state of one, reply.c writes answers,
 * conn_requests.c reads requests, conn_endpoint.c does what the relay asks and
 * the clock, server.c has them all.
 */
#ifndef ORTHRUS_HTTP_CONN_H
#define ORTHRUS_HTTP_CONN_H

#include "orthrus/http/server.h"
#include "orthrus/relay/endpoint.h"

#define FULL_SECONDS 1		/* between requests while all places are taken */
#define IDLE_SECONDS 60		/* between two requests, else */
#define HEAD_SECONDS 10		/* for a request's head, from its first byte */
#define OUT_LOW (HTTP_OUT_HIGH / 2)

enum conn_state {
	CONN_IDLE,		/* for the next request's head */
	CONN_BODY,		/* for the rest of its body */
	CONN_BUSY,		/* its answer is being made */
	CONN_CLOSING		/* what is in out, then the end */
};

struct http_server {
	struct event_base *base;
	const struct http_service *service;
	void *arg;
	LIST_HEAD(, http_conn) conns;
	size_t nconns, nholds;
	size_t held;		/* bytes of large answers */
};

struct request_body {
	enum http_framing framing;
	uint64_t left;		/* FRAMING_LENGTH */
	struct http_chunks chunks;
	struct buffer data;	/* so far */
};

struct http_conn {
	struct endpoint ep;	/* first */
	LIST_ENTRY(http_conn) next;
	struct http_server *server;
	enum conn_state state;
	struct event *work;	/* soon: the next step */
	struct event *timer;
	struct buffer in, out;
	size_t seen;		/* of in, for http_head_end() */
	struct request_body *body;
	const struct http_producer *producer;	/* of the answer, or NULL */
	void *arg;
	unsigned seconds;	/* see http_hold() */
	struct http_kept *kept;
	size_t elsewhere;	/* of the answer, see http_wrote() */
	size_t held;		/* counted in server->held */
	struct account *payer;	/* that it is counted in, or NULL ... */
	size_t promised, kept_here;	/* ... with so many bytes */
	bool head, http10;	/* of the request at hand */
	bool chunked;		/* its answer */
	bool waits;		/* the producer, see http_wait() */
	bool last;		/* no request after this one */
	bool ended;		/* the client sends no more */
	bool broken;		/* the answer was cut: must not look whole */
	bool want_read, want_write;	/* watch() */
	bool closed;
	size_t left;		/* of out at the last look */
	unsigned stuck;		/* looks without a change */
};

/* --- conn.c ------------------------------------------------------- */

/* Takes its next step soon, from the loop. */
void conn_soon(struct http_conn *c);
void conn_set_timer(struct http_conn *c, unsigned seconds);
/* Is the answer one that may be silent for ever? */
bool conn_is_stream(const struct http_conn *c);
/*
 * Counts what its large answers take, with those of all others, and what it
 * keeps in all in its account.
 */
void conn_recount(struct http_conn *c);
/* Ends the answer at hand; with gone its producer is told. */
void conn_release(struct http_conn *c, bool gone);
/* Waits for a request, for less long while all places are taken. */
void conn_be_idle(struct http_conn *c);
/* The answer is in out: what the client has asked next is looked at. */
void conn_next_request(struct http_conn *c);
/* Ends the connection when the client has taken what is in out. */
void conn_close_soon(struct http_conn *c);
/* Ends the connection so that what was sent does not look whole. */
void conn_break_off(struct http_conn *c);
void conn_drop_kept(struct http_conn *c);

/* --- conn_requests.c ---------------------------------------------- */

/* Has the next request answered, if its head is there. */
void conn_read_request(struct http_conn *c);
/* Hands the body to the producer, if all of it is there. */
void conn_read_body(struct http_conn *c);
/* Answers what is no request, or came too late, and closes. */
void conn_refuse(struct http_conn *c, int status, bool body, const char *why);

/* --- conn_endpoint.c ---------------------------------------------- */

/* Ready to be joined with its client. */
struct http_conn *conn_new(struct http_server *s, struct account *payer);

#endif
