/* SPDX-License-Identifier: ISC */
/*
 * The side of HTTP/1.1 (RFC 9112) that is asked: connections of clients, each
 * an endpoint of the relay, whose requests are read strictly and handed one
 * after the other to a service.  It answers at once, or later and piece by
 * piece.  Slow, silent and vanishing clients are dealt with here.
 */
#ifndef ORTHRUS_HTTP_SERVER_H
#define ORTHRUS_HTTP_SERVER_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "orthrus/base/budget.h"
#include "orthrus/base/mem.h"
#include "orthrus/http/message.h"

struct endpoint;
struct event_base;
struct http_conn;
struct http_server;

#define HTTP_BODY_MAX (64 * 1024)	/* bytes of a request's body */
#define HTTP_OUT_HIGH (64 * 1024)	/* unread by the client: enough */
/* Bytes of large answers that all clients of a server leave unread. */
#define HTTP_HELD_MAX (64 * 1024 * 1024)

/* Who answers.  arg is that of http_server_new(). */
struct http_service {
	/*
	 * While so many connections are there, one that has been idle for a
	 * second makes room; one more is answered with 503 and closed.
	 */
	size_t conns_max;
	/*
	 * Of an answer of no more bytes than this a client may leave the rest
	 * unread for as long as it likes, as a pager does.  Of a longer one it
	 * has to take 4 KiB within a minute.
	 */
	size_t unhurried;
	const char *prefix;		/* of what errors say; may be "" */
	/* Header lines, each with its CRLF: of all answers, of our own. */
	const char *every, *own;

	/*
	 * A request, to be answered now or held for later.  r is valid during
	 * the call.  A body that it announces is refused before, or taken by
	 * http_take_body(); else http_last() must be called, for nobody knows
	 * where it ends.
	 */
	void (*request)(void *arg, struct http_conn *c,
	    const struct http_request *r);
	/*
	 * What came is no request, or came too late; body: what could be read
	 * of its head announces one.  Returns the status to answer with, most
	 * often that one, or 0 for no answer; *why, which may be replaced by
	 * other static text, is said.
	 */
	int (*refused)(void *arg, int status, bool body, const char **why);
	/* A connection has ended; NULL: nobody asks. */
	void (*closed)(void *arg);
};

/* service is kept, not copied. */
struct http_server *http_server_new(struct event_base *base,
    const struct http_service *service, void *arg);
/* Cuts off every connection that is left.  NULL is fine. */
void http_server_free(struct http_server *s);
/* Connections now; answers among them that are held, and held for payer. */
size_t http_server_conns(const struct http_server *s);
size_t http_server_holds(const struct http_server *s);
size_t http_server_holds_of(const struct http_server *s,
    const struct account *payer);

/*
 * A connection, to be joined with its client's endpoint by relay_start(), and
 * freed by its close().  What it keeps is counted in payer's account, which may
 * be NULL and outlives it.  Nobody gets more than a fair share of the
 * connections: who has that is answered with 503.
 */
struct endpoint *http_conn_new(struct http_server *s, struct account *payer);
/*
 * One that says a status with text as its body, whatever it is asked, and
 * closes: for a client that need not even speak HTTP.
 */
struct endpoint *http_conn_refusal(struct http_server *s, int status,
    const char *text);

/* --- a whole answer, within request() or for one that is held ----------- */

/*
 * lines are further headers, each with its CRLF, Content-Type among them.  To
 * HEAD the body is not sent.
 */
void http_reply(struct http_conn *c, int status, const char *lines,
    const void *body, size_t n);
/*
 * {"message": "PREFIX..."}, as Docker has its errors; lines may be "".  The
 * second one takes the prefix of the connection's service.
 */
void http_reply_error(struct http_conn *c, int status, const char *lines,
    const char *prefix, const char *text);
void http_reply_message(struct http_conn *c, int status, const char *lines,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* Is it HEAD, to which no body is sent? */
bool http_is_head(const struct http_conn *c);
/*
 * From here on it is counted in that account.  http_payer() is whose it is.
 */
void http_pay(struct http_conn *c, struct account *payer);
struct account *http_payer(const struct http_conn *c);
/* Whether the account has room for an answer that is held. */
bool http_may_hold(const struct http_conn *c);
/* There will be no request after this one; to be called before the answer. */
void http_last(struct http_conn *c);
/* Will there be none? */
bool http_is_last(const struct http_conn *c);

/* --- an answer that takes its time --------------------------------------- */

struct http_producer {
	/* The request's body, n bytes; NULL: none is taken. */
	void (*body)(void *arg, const uint8_t *p, size_t n);
	/* As http_wait() has asked for: the client has caught up. */
	void (*more)(void *arg);
	/* For too long nothing was put: the answer is to be ended now. */
	void (*late)(void *arg);
	/*
	 * The client has left or was cut off, and nothing of c may be called
	 * any more.
	 */
	void (*gone)(void *arg);
};

/*
 * The answer to the request at hand will come from p.  It is late when for so
 * many seconds nothing was put while the client has nothing left to read; 0: it
 * is a stream that may be silent for ever, and so may its client.
 */
void http_hold(struct http_conn *c, const struct http_producer *p, void *arg,
    unsigned seconds);
/*
 * Reads the body that r announces, which must be held, and hands it to p's
 * body().  A client that waits to be told so (RFC 9110 section 10.1.1) hears
 * that it may send.  One that is longer than max bytes (HTTP_BODY_MAX at
 * most), is malformed or late is answered here, and p told that the client has
 * gone.
 */
void http_take_body(struct http_conn *c, const struct http_request *r,
    size_t max);

/* The head, then pieces of the body, the end, each within the loop's turn. */
void http_begin(struct http_conn *c, int status, const char *lines);
void http_put(struct http_conn *c, const void *p, size_t n);
void http_end(struct http_conn *c);
/* It never will be complete, and the client must see that. */
void http_cut(struct http_conn *c);

/* Calls p's more() when less than half of HTTP_OUT_HIGH is left unread. */
void http_wait(struct http_conn *c);
/* How many bytes should be put now: 0 when the client has enough to read. */
size_t http_room(const struct http_conn *c);

/*
 * For who writes whole messages: where to, and that it has been done.  kept is
 * how many bytes of the answer are kept elsewhere until they can be put.
 */
struct buffer *http_out(struct http_conn *c);
void http_wrote(struct http_conn *c, size_t kept);
/* Header lines that belong into every answer. */
const char *http_every(const struct http_conn *c);
/*
 * True while large answers take more than HTTP_HELD_MAX, or this one is large
 * and its account has no room for it.
 */
bool http_is_full(const struct http_conn *c);

/* --- what a connection keeps from one request to the next ---------------- */

/*
 * One thing at a time.  dropped is called when the connection has ended or
 * keeps something else; conn is NULL then.
 */
struct http_kept {
	struct http_conn *conn;		/* that keeps it, or NULL */
	void (*dropped)(struct http_kept *k);
};
void http_keep(struct http_conn *c, struct http_kept *k);
/* What it keeps, or NULL. */
struct http_kept *http_kept(const struct http_conn *c);
/* Keeps it no more; dropped is not called. */
void http_unkeep(struct http_kept *k);

#endif
