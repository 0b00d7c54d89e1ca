/*
 * The HTTP API (docs/charon-api.md) on libevent's server, and what its files
 * share: connections, replies, and the lists that are sent piece by piece.
 */
#ifndef ORTHRUS_GATEWAY_HTTP_H
#define ORTHRUS_GATEWAY_HTTP_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "orthrus/base/address.h"
#include "orthrus/base/error.h"

#define HTTP_CONNS_MAX 256
/* Of them may talk to Docker: the others get their answers still. */
#define HTTP_DOCKER_MAX 192
#define HTTP_HEADERS_SIZE (16 * 1024)	/* of a request */
#define HTTP_BODY_MAX (16 * 1024)	/* is read, and refused */
#define HTTP_SOCKETS_MAX 4
#define HTTP_TOKEN_LEN 43		/* 256 bits in base64url */

struct agent;
struct evbuffer;
struct evconnlistener;
struct event;
struct evhttp;
struct evhttp_connection;
struct evhttp_request;
struct gateway;
struct http_conn;
struct listener;

struct http {
	struct gateway *gateway;
	struct evhttp *server;
	struct listener *listener;	/* holds address and socket file */
	struct evconnlistener *accepting[HTTP_SOCKETS_MAX];
	size_t naccepting;
	struct event *retry;		/* accepts again after trouble */
	LIST_HEAD(, http_conn) conns;
	size_t nconns, ndocker;
	bool needs_token;
	char token[HTTP_TOKEN_LEN + 1];	/* wiped */
};

/*
 * Listens on at (ADDRESS_NONE: nothing is done) and sets g->http; state is the
 * directory of the token.  0, or -1 with *e.
 */
int http_start(struct gateway *g, const struct address *at, const char *state,
    struct error *e);
/* After gateway_end_streams(); NULL is fine. */
void http_stop(struct http *h);

/* --- http_token.c ------------------------------------------------- */

/* Reads DIRECTORY/http.token, or makes it (0600).  0, or -1 with *e. */
int http_token_load(const char *directory, char token[HTTP_TOKEN_LEN + 1],
    struct error *e);
/* Is this the value of an Authorization header that holds the token? */
bool http_token_matches(const char *token, const char *authorization);

/* --- http_conn.c: the connections, and which of them may stay ----- */

void http_conns_watch(struct http *h);
/* Ends them all, and the server. */
void http_conns_free(struct http *h);
/* Accepts again, where there is room. */
void http_conns_accept(struct http *h);
/* The connection of a request that has come; it is idle no more. */
struct http_conn *http_conn_of(struct http *h, struct evhttp_request *req);

/*
 * The reply to req takes its time.  gone is called when the client has left
 * or was cut off; the request and the connection are no more then.  stream:
 * it may last for ever, and the client may be silent for ever.
 */
void http_conn_hold(struct http_conn *c, struct evhttp_request *req,
    bool stream, void (*gone)(void *arg), void *arg);
/* Its reply is complete, or another one is sent at once: returns it. */
struct evhttp_request *http_conn_release(struct http_conn *c);
/*
 * It never will be complete, which the client sees when it has got what there
 * is.  gone is not called.
 */
void http_conn_cut(struct http_conn *c);
/* Bytes that the client has not taken yet. */
size_t http_conn_backlog(const struct http_conn *c);

/* --- http_reply.c: whole replies, once for each request ----------- */

/* A header of the reply; what cannot be one is left out. */
void http_header(struct evhttp_request *req, const char *name,
    const char *value);
/* What all replies of our own have. */
void http_own_headers(struct evhttp_request *req, const char *type);
void http_say(struct evhttp_request *req, int status, const char *type,
    const char *text);
/* {"message": "..."}, as Docker has its errors. */
void http_message(struct evhttp_request *req, int status, const char *fmt,
    ...) __attribute__((format(printf, 3, 4)));

/* --- http_list.c: something of every agent, piece by piece -------- */

/* Writes what is sent of one; first: nothing was written of another yet. */
typedef void http_each(struct agent *a, bool first, struct evbuffer *out);
/*
 * Answers with head (taken over), then each agent in the order of names, then
 * tail (static text).  No more is made than the client takes.
 */
void http_list(struct http *h, struct http_conn *c, struct evhttp_request *req,
    const char *type, struct evbuffer *head, http_each *each,
    const char *tail);

/* --- the routes --------------------------------------------------- */

/* http_agents.c */
void http_agents(struct http *h, struct http_conn *c,
    struct evhttp_request *req);
void http_agent(struct evhttp_request *req, struct agent *a);
/* http_docker.c: target is what the client wrote behind ".../docker". */
void http_docker(struct http *h, struct http_conn *c,
    struct evhttp_request *req, struct agent *a, const char *target);
/* metrics.c */
void http_metrics(struct http *h, struct http_conn *c,
    struct evhttp_request *req);

#endif
