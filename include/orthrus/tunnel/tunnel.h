/* SPDX-License-Identifier: ISC */
/*
 * Everything that is forwarded: local forwards (-L), the SOCKS5 server,
 * remote forwards (-R), the Docker socket and exposed ports, in one list with
 * one life.  Local listeners stay while sessions come and go; remote ones are
 * armed again with each session.
 */
#ifndef ORTHRUS_TUNNEL_TUNNEL_H
#define ORTHRUS_TUNNEL_TUNNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "orthrus/base/error.h"
#include "orthrus/muzzle/muzzle.h"
#include "orthrus/proto/spec.h"

struct channel;
struct dialer;
struct endpoint;
struct event_base;
struct mux;
struct tunnels;

enum tunnel_kind {
	TUNNEL_LOCAL,
	TUNNEL_SOCKS5,
	TUNNEL_REMOTE,
	TUNNEL_DOCKER,		/* remote; its target is behind the Muzzle */
	TUNNEL_EXPOSE		/* remote, always automatic */
};

enum tunnel_state {
	TUNNEL_DOWN,		/* cannot work; error says why */
	TUNNEL_PENDING,		/* remote: no session, or no answer yet */
	TUNNEL_RETRYING,	/* remote: refused, asked again every 2 s */
	TUNNEL_UP
};

struct tunnel_config {
	enum tunnel_kind kind;
	char name[NAME_MAX_LEN];
	char words[SPEC_TEXT_MAX];	/* for people: spec as it was written */
	struct forward_spec spec;	/* SOCKS5: only listen counts */
	const char *username, *password;	/* SOCKS5; copied, or NULL */
	struct policy policy;	/* Docker */
	/*
	 * Remote: at a gateway it listens where the gateway has a place for it
	 * under our name; elsewhere at spec.listen.
	 */
	bool automatic;
	bool optional;		/* a taken port is a warning, not an error */
};

struct tunnels *tunnels_new(struct event_base *base, struct dialer *dialer);
/* Ends every stream.  Before the mux and the dialer are freed. */
void tunnels_free(struct tunnels *set);

/*
 * Makes the list what config says, at start and on reload: what is unchanged
 * keeps its listener and its streams, what is new is set up, what is gone no
 * longer listens while its streams go on (those of the Docker socket end).
 * When a new local listener cannot be had, nothing is changed and -1 is
 * returned with *e (EX_UNAVAILABLE).
 */
int tunnels_apply(struct tunnels *set, const struct tunnel_config *config,
    size_t n, struct error *e);

/* What is known of a session's server. */
struct tunnel_server {
	char name[NAME_MAX_LEN];	/* ours at a gateway; "": no gateway */
	/* It tells when it listens on every interface instead. */
	bool tells;
	char address[HOST_MAX];		/* its own, numeric; "" unknown */
};

/*
 * A session can carry channels from now on; it can no longer (to be called
 * before mux_free()).  Where it takes the place of one that still can, that
 * one keeps its streams until tunnels_gone(), likewise before its mux_free().
 */
void tunnels_up(struct tunnels *set, struct mux *mux,
    const struct tunnel_server *server);
void tunnels_down(struct tunnels *set);
void tunnels_gone(struct tunnels *set, struct mux *mux);

/*
 * What the gateway has to say about the Docker policy; it adds up, and is
 * forgotten when the session ends.
 */
void tunnels_limit(struct tunnels *set, const struct policy_limits *limits);

/* No new connections, here or there; those that exist go on. */
void tunnels_stop(struct tunnels *set);
/* Connections and single streams that exist, in whatever stage. */
size_t tunnels_open(const struct tunnels *set);
/* True when every tunnel is up (those that are optional and down aside). */
bool tunnels_ready(const struct tunnels *set);

/*
 * Called from the loop whenever tunnels_ready() may have changed.
 */
void tunnels_on_change(struct tunnels *set, void (*changed)(void *arg),
    void *arg);

/*
 * One stream that somebody asks for by itself and not through a listener, as
 * with ssh(1) -W.  None of these is called from inside the two functions.
 */
struct single_events {
	/* The far end is there: gives what is to be joined with it. */
	struct endpoint *(*opened)(void *arg);
	/* It cannot be had; why names no destination.  The last call. */
	void (*failed)(void *arg, const char *why);
	/*
	 * It was joined and has ended.  whole: all that the far end gave, up to
	 * its end, was passed on.  taken: bytes that went to it.  The last
	 * call.
	 */
	void (*ended)(void *arg, bool whole, uint64_t taken);
};

struct single;

/*
 * Opens a stream to *to; waits for a session as long as there is none, for
 * wait_ms at most (0: without limit).
 */
struct single *tunnels_single(struct tunnels *set, const struct address *to,
    unsigned wait_ms, const struct single_events *events, void *arg);
/* Ends it without calling any of the events.  NULL is fine. */
void single_end(struct single *s);

struct tunnel_info {
	enum tunnel_kind kind;
	const char *name;
	const char *words;		/* its configuration, as written */
	const struct forward_spec *spec;	/* the same, read */
	struct address listen;	/* with the port that is really bound */
	bool gateway;		/* remote: that is at a gateway */
	enum tunnel_state state;
	const char *error;	/* "" when there is none */
	size_t open;
	uint64_t total;
	struct muzzle_info docker;	/* of kind Docker */
};
/* Calls each in the order of the configuration; info lives for the call. */
void tunnels_each(const struct tunnels *set,
    void (*each)(void *arg, const struct tunnel_info *info), void *arg);

#endif
