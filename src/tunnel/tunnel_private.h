/* SPDX-License-Identifier: ISC */
/* What the files of this folder share: tunnels, and their streams. */
#ifndef ORTHRUS_TUNNEL_TUNNEL_PRIVATE_H
#define ORTHRUS_TUNNEL_TUNNEL_PRIVATE_H

#include <sys/queue.h>

#include "orthrus/ssh/mux.h"
#include "orthrus/stream/stream.h"
#include "orthrus/tunnel/tunnel.h"

#define HANDSHAKE_SECONDS 10	/* SOCKS5, from accept to request */
#define HANDSHAKES_MAX 1024	/* more: the oldest is dropped */
#define FAREWELL_SECONDS 1	/* for the client to close first */
#define OUTAGE_SECONDS 5	/* how long a new connection waits */
#define OPEN_SECONDS 150	/* the far end's own connect gives up before */
#define DIAL_MS 10000		/* to the target of a remote forward */
#define RETRY_SECONDS 2		/* a remote listener that was refused */

struct event;
struct listener;
struct socks5;

/* Where a server listens of whom a TCP port was asked. */
enum reach {
	REACH_ASKED,		/* where it was asked to, for all we know */
	REACH_ALL,		/* on every interface */
	REACH_LOOPBACK		/* nowhere else */
};

/* Where the far end of a session that was left still listens. */
struct left_place {
	struct mux *mux;		/* of that session; NULL: nowhere */
	struct address at;
	bool ending;			/* it has been asked to stop */
};

struct tunnel {
	TAILQ_ENTRY(tunnel) next;
	struct tunnels *set;
	struct tunnel_config config;
	char *username, *password;
	struct muzzle *muzzle;		/* Docker */
	enum tunnel_state state;
	char error[ERROR_TEXT_MAX];
	struct listener *listener;	/* local kinds */
	struct event *retry;		/* remote kind */
	struct address at;		/* remote: asked for in this session */
	uint16_t port;			/* remote TCP: bound there, 0: not */
	bool asked;			/* remote: an answer is due */
	struct left_place left;		/* remote: besides */
	bool checking;			/* remote: who can reach it? */
	enum reach reach;		/* remote: is known then */
	unsigned probes;		/* of checking: addresses tried */
	struct channel *probe;		/* being opened to one of them */
	enum reach probe_means;		/* if it comes back here */
	bool probe_through, probe_met;	/* it was opened; it came back here */
	struct event *probe_timer;
	bool removed;			/* lives on for its streams */
	size_t open;
	uint64_t total;
	time_t told_at;			/* the last failure that was logged */
};

struct tunnel_stream {
	struct stream st;		/* first */
	TAILQ_ENTRY(tunnel_stream) next, handshake;
	struct tunnels *set;
	struct tunnel *tunnel;
	bool waiting;			/* for a session, a few seconds */
	struct mux *via;		/* local: it is opened over, or NULL */
	int fd;				/* local: -1 when the relay has it */
	struct address to;		/* the same */
	/* SOCKS5 */
	struct socks5 *socks;		/* NULL after the handshake */
	struct event *readable;		/* until it is relayed */
	void (*requested)(struct tunnel_stream *s);
	uint8_t *early;			/* read behind the request */
	size_t nearly;
};

TAILQ_HEAD(tunnel_list, tunnel);
TAILQ_HEAD(stream_list, tunnel_stream);
TAILQ_HEAD(single_list, single);

struct tunnels {
	struct event_base *base;
	struct dialer *dialer;
	struct mux *mux;		/* NULL while there is no session */
	struct tunnel_server server;	/* of that session */
	struct policy_limits limits;	/* of the gateway */
	struct policy_limits left_limits;	/* of those that were left */
	size_t nleft;			/* sessions that were left */
	bool stopped;
	struct tunnel_list list;
	struct tunnel_list removed;
	struct stream_list streams;
	struct stream_list handshakes;	/* oldest first */
	struct single_list singles;
	size_t nhandshakes, nstreams;
	void (*changed)(void *arg);
	void *changed_arg;
};

/* tunnel.c */
void tunnel_set_state(struct tunnel *t, enum tunnel_state state,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void tunnel_release(struct tunnel *t);	/* a stream of it has ended */
void tunnel_free(struct tunnel *t);	/* it has no streams */
const char *tunnel_label(const struct tunnel *t);

/* remote.c */
bool is_remote(const struct tunnel *t);	/* the far end listens */
void remote_arm(struct tunnel *t);	/* asks the far end to listen */
void remote_session_ended(struct tunnel *t);
void remote_session_left(struct tunnel *t);	/* for another one */
void remote_left_ended(struct tunnel *t, const struct mux *mux);
void remote_remove(struct tunnel *t);
struct tunnel *remote_find(struct tunnels *set, const struct address *listen);
struct tunnel *remote_find_left(struct tunnels *set,
    const struct address *listen);
void remote_init(struct tunnel *t);
void remote_settled(struct tunnel *t, enum reach reach);	/* it listens */
void remote_place(const struct tunnel *t, struct address *at); /* to be shown */

/* reach.c */
bool reach_is_known(const struct tunnel *t);	/* unless the server says */
void reach_check(struct tunnel *t);	/* remote_settled() follows, or... */
void reach_cancel(struct tunnel *t);
void reach_met(struct tunnel *t, struct channel *ch);	/* refused here */

/* stream.c */
void tunnel_stream_accept(void *tunnel, int fd);	/* a listener_accept */
void tunnel_stream_incoming(struct tunnel *t, struct channel *ch);
/*
 * Those that wait are opened, and those that parted, a session that was left
 * without a link, was asked for; NULL: there is none.
 */
void tunnel_streams_session_up(struct tunnels *set, const struct mux *parted);
void tunnel_streams_session_gone(struct tunnels *set, const struct mux *mux);
void tunnel_streams_abort(struct tunnel *t);	/* those that are relayed */
void tunnel_streams_free(struct tunnels *set);
/*
 * Has the tunnel show why a connection failed, and the log, once a second at
 * most.  why names no destination.
 */
void tunnel_tell_failure(struct tunnel *t, const char *why);
/* Why a channel could not be opened, without where it was to go. */
const char *open_failure_words(const struct tunnels *set,
    enum open_failure reason);

/* socks.c */
bool is_socks(const struct tunnel_stream *s);
/* Reads what the client wants into s->to, then calls requested. */
void socks_start(struct tunnel_stream *s,
    void (*requested)(struct tunnel_stream *s));
void socks_accept(struct tunnel_stream *s);
/* The same with why not, of which the client is told the kind; ends s. */
void socks_refuse(struct tunnel_stream *s, enum open_failure reason,
    const char *text);
void socks_leave_handshake(struct tunnel_stream *s);

/* remote_socks.c */
bool is_remote_socks(const struct tunnel *t);
/*
 * An endpoint for what the far end connected: reads where to in SOCKS5, dials
 * that from here, and is replaced by the connection.
 */
struct endpoint *remote_socks_endpoint(struct tunnel_stream *s);

/* single.c */
void singles_session_up(struct tunnels *set);
void singles_free(struct tunnels *set);

#endif
