/*
 * The connections of the HTTP API: so many and no more, none that is idle for
 * long, and replies that end when their client leaves.
 *
 * libevent 2.1 tells nobody of a new connection, only of a request.  But it
 * asks for a bufferevent for each, and puts the connection itself in as what
 * its callbacks are told; from there it is taken.
 */
#include "config.h"

#include <sys/socket.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>

#include "orthrus/base/mem.h"

#include "http.h"

#define FIRST_SECONDS 10	/* for the first request */
#define IDLE_SECONDS 60		/* between two */
#define FULL_SECONDS 1		/* the same, while others wait for a place */
#define WRITE_SECONDS 60	/* without any progress */
#define INPUT_MAX (2 * (HTTP_HEADERS_SIZE + HTTP_BODY_MAX))

struct http_conn {
	LIST_ENTRY(http_conn) next;
	struct http *http;
	struct bufferevent *bev;
	struct evhttp_connection *evcon;	/* NULL until it is known */
	struct event *timer;
	bool busy;			/* with a request */
	struct evhttp_request *held;	/* see http_conn_hold(), or NULL */
	bool stream;
	void (*gone)(void *arg);
	void *arg;
};

/* --- places ------------------------------------------------------- */

static void
set_timer(struct http_conn *c, long seconds)
{
	struct timeval tv = { seconds, 0 };

	evtimer_add(c->timer, &tv);
}

static void
stop_accepting(struct http *h)
{
	struct http_conn *c;
	size_t i;

	for (i = 0; i < h->naccepting; i++)
		evconnlistener_disable(h->accepting[i]);
	/* Whoever waits now gets the place of one that does nothing. */
	LIST_FOREACH(c, &h->conns, next)
		if (c->evcon != NULL && !c->busy)
			set_timer(c, FULL_SECONDS);
}

void
http_conns_accept(struct http *h)
{
	size_t i;

	for (i = 0; i < h->naccepting && h->nconns < HTTP_CONNS_MAX; i++)
		evconnlistener_enable(h->accepting[i]);
}

static void
conn_free(struct http_conn *c)
{
	struct http *h = c->http;

	LIST_REMOVE(c, next);
	if (h->nconns-- == HTTP_CONNS_MAX)
		http_conns_accept(h);
	event_free(c->timer);
	free(c);
}

/* --- one of them -------------------------------------------------- */

/* The last that libevent says of it. */
static void
on_close(struct evhttp_connection *evcon, void *arg)
{
	struct http_conn *c = arg;
	struct evhttp_request *req = c->held;

	(void)evcon;
	if (c->gone != NULL)
		c->gone(c->arg);
	conn_free(c);
	/* One whose client has left is ours to free, which this does. */
	if (req != NULL && evhttp_request_get_connection(req) == NULL)
		evhttp_send_reply_end(req);
}

/*
 * Behind a full buffer a stream's client could leave unseen; so much is not
 * sent ahead by anybody who waits for the end of a stream.
 */
static void
look_at_input(struct http_conn *c)
{
	if (c->stream && evbuffer_get_length(bufferevent_get_input(c->bev)) >=
	    INPUT_MAX)
		event_active(c->timer, EV_TIMEOUT, 0);
}

static void
on_input(struct evbuffer *input, const struct evbuffer_cb_info *info,
    void *arg)
{
	(void)input;
	(void)info;
	look_at_input(arg);
}

static void
set_write_timeout(struct http_conn *c)
{
	struct timeval tv = { WRITE_SECONDS, 0 };

	/* For reading there is the timer, which single bytes do not reset. */
	bufferevent_set_timeouts(c->bev, NULL, &tv);
}

static void
begin(struct http_conn *c)
{
	void *evcon;
	int on = 1;

	bufferevent_getcb(c->bev, NULL, NULL, NULL, &evcon);
	if (evcon == NULL) {		/* it came to nothing */
		bufferevent_decref(c->bev);
		conn_free(c);
		return;
	}
	bufferevent_decref(c->bev);	/* it is the connection's */
	c->evcon = evcon;
	evhttp_connection_set_closecb(c->evcon, on_close, c);
	set_write_timeout(c);
	bufferevent_setwatermark(c->bev, EV_READ, 0, INPUT_MAX);
	evbuffer_add_cb(bufferevent_get_input(c->bev), on_input, c);
	setsockopt(bufferevent_getfd(c->bev), IPPROTO_TCP, TCP_NODELAY, &on,
	    sizeof(on));
	set_timer(c, FIRST_SECONDS);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct http_conn *c = arg;

	(void)fd;
	(void)what;
	if (c->evcon == NULL)
		begin(c);
	else
		evhttp_connection_free(c->evcon);
}

static struct bufferevent *
on_connection(struct event_base *base, void *arg)
{
	struct http *h = arg;
	struct bufferevent *bev = bufferevent_socket_new(base, -1, 0);
	struct http_conn *c;

	if (bev == NULL)
		return NULL;
	c = xcalloc(1, sizeof(*c));
	c->http = h;
	c->bev = bev;
	bufferevent_incref(bev);
	c->timer = evtimer_new(base, on_timer, c);
	event_active(c->timer, EV_TIMEOUT, 0);
	LIST_INSERT_HEAD(&h->conns, c, next);
	if (++h->nconns == HTTP_CONNS_MAX)
		stop_accepting(h);
	return bev;
}

void
http_conns_watch(struct http *h)
{
	LIST_INIT(&h->conns);
	evhttp_set_bevcb(h->server, on_connection, h);
}

void
http_conns_free(struct http *h)
{
	struct http_conn *c;

	evhttp_free(h->server);
	/* Accepted in the loop's very last turn. */
	while ((c = LIST_FIRST(&h->conns)) != NULL) {
		bufferevent_decref(c->bev);
		conn_free(c);
	}
}

/* --- its requests ------------------------------------------------- */

static void
on_complete(struct evhttp_request *req, void *arg)
{
	struct http_conn *c = arg;

	(void)req;
	c->busy = false;
	set_timer(c, c->http->nconns == HTTP_CONNS_MAX ? FULL_SECONDS :
	    IDLE_SECONDS);
}

struct http_conn *
http_conn_of(struct http *h, struct evhttp_request *req)
{
	struct evhttp_connection *evcon = evhttp_request_get_connection(req);
	struct http_conn *c;

	LIST_FOREACH(c, &h->conns, next)
		if (c->bev == evhttp_connection_get_bufferevent(evcon))
			break;
	if (c == NULL)
		return NULL;
	if (c->evcon == NULL)
		begin(c);
	event_del(c->timer);
	c->busy = true;
	evhttp_request_set_on_complete_cb(req, on_complete, c);
	return c;
}

/* libevent reads on, to see the client leave, only once it writes. */
static void
expect_no_more(struct http_conn *c, bufferevent_data_cb written)
{
	bufferevent_event_cb on_event;
	bufferevent_data_cb on_written;
	void *evcon;

	bufferevent_getcb(c->bev, NULL, &on_written, &on_event, &evcon);
	bufferevent_setcb(c->bev, NULL, written != NULL ? written : on_written,
	    on_event, evcon);
	bufferevent_enable(c->bev, EV_READ);
}

void
http_conn_hold(struct http_conn *c, struct evhttp_request *req, bool stream,
    void (*gone)(void *arg), void *arg)
{
	c->held = req;
	c->gone = gone;
	c->arg = arg;
	c->stream = stream;
	if (!stream)
		return;
	bufferevent_set_timeouts(c->bev, NULL, NULL);
	expect_no_more(c, NULL);
	look_at_input(c);
}

static void
release(struct http_conn *c)
{
	event_del(c->timer);
	c->gone = NULL;
	c->stream = false;
	set_write_timeout(c);
}

struct evhttp_request *
http_conn_release(struct http_conn *c)
{
	struct evhttp_request *req = c->held;

	release(c);
	c->held = NULL;
	return req;
}

static void
on_last_words(struct bufferevent *bev, void *evcon)
{
	(void)bev;
	evhttp_connection_free(evcon);
}

void
http_conn_cut(struct http_conn *c)
{
	release(c);
	/* It stays held: until that is written, the client may leave. */
	if (http_conn_backlog(c) > 0)
		expect_no_more(c, on_last_words);
	else
		evhttp_connection_free(c->evcon);
}

size_t
http_conn_backlog(const struct http_conn *c)
{
	return evbuffer_get_length(bufferevent_get_output(c->bev));
}
