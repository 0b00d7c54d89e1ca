/* SPDX-License-Identifier: ISC */
/*
 * The server's side of SSH: sessions that come in.  The acceptor holds the
 * limits on those who have not logged in yet; an inbound session
 * exchanges keys, has its login judged by its owner, and carries channels.
 */
#ifndef ORTHRUS_SSH_INBOUND_H
#define ORTHRUS_SSH_INBOUND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "orthrus/base/error.h"
#include "orthrus/proto/certificate.h"
#include "orthrus/ssh/mux.h"

struct acceptor;
struct event_base;
struct inbound;
struct transport;

#define INBOUND_USER_MAX 128	/* of a user's name, with NUL */

/* What those may have who have not logged in. */
struct acceptor_limits {
	size_t unauthenticated;		/* connections at once, > 0 */
	/* Of them from one IPv4 address or one /64 of IPv6; 0: as many. */
	size_t per_source;
	/*
	 * How long such a source is refused at most because logins from there
	 * failed or did not come about, in ms; 0: never.
	 */
	uint64_t penalty_ms;
	/*
	 * So long a session of our own program waits for another link when its
	 * own is gone; 0: it ends.  What is kept for that is bounded, in bytes
	 * of all sessions.
	 */
	uint64_t resume_ms;
	size_t resume_memory;
};

struct acceptor_config {
	const uint8_t *host_key;	/* its blob, KEY_BLOB_LEN bytes */
	const char *version;		/* of SSH-2.0-VERSION, RFC 4253 4.2 */
	unsigned grace_ms;		/* from the accept to the login */
	unsigned attempts;		/* logins that may fail */
	struct acceptor_limits limits;
	unsigned dead_ms;		/* for TCP_USER_TIMEOUT */
};

struct acceptor_events {
	/*
	 * Signs an exchange hash (RFC 4253 section 8) with the host key; the
	 * first of a session is its id.  False: it cannot be.
	 */
	bool (*sign)(void *arg, struct inbound *in, const uint8_t *hash,
	    size_t len, uint8_t signature[ED25519_SIGNATURE_LEN]);
	/* One for which it has signed is gone, last of all. */
	void (*left)(void *arg, struct inbound *in);
	/*
	 * Whether a key may log in as user; blob is the key's, or a whole
	 * certificate.  Called first when the client asks, and again with
	 * proven when it has signed with the key, as libssh finds: whoever
	 * knows better looks at inbound_request().  Only ssh-ed25519 and its
	 * certificates come here.
	 */
	bool (*key)(void *arg, struct inbound *in, const char *user,
	    const uint8_t *blob, size_t len, bool proven);
	/* Whether this is the password of password_user. */
	bool (*password)(void *arg, struct inbound *in, const char *password);
	/*
	 * Somebody was refused before he was logged in, not by key() or
	 * password().  Either what he tried was refused, or the whole
	 * connection.
	 */
	void (*turned_away)(void *arg, struct inbound *in, const char *why);
	/*
	 * A connection from that address was closed before it became a
	 * session.
	 */
	void (*kept_out)(void *arg, const char *peer, const char *why);
	/* From now on all from there are refused, for ms if they do no more. */
	void (*penalised)(void *arg, const char *peer, uint64_t ms);
	/* Logged in: channels may be opened, and mux_serve() called. */
	void (*up)(void *arg, struct inbound *in);
	/*
	 * A session that was up is over; its channels end when this returns,
	 * and in is gone then.  Called from the loop, once.
	 */
	void (*ended)(void *arg, struct inbound *in, const struct error *why);
	/*
	 * One that was up has no link any more, as text says, and waits for
	 * another; and it has one.  NULL: nobody asks.
	 */
	void (*parted)(void *arg, struct inbound *in, const char *text);
	void (*rejoined)(void *arg, struct inbound *in);
};

/*
 * The one user that logs in with a password instead of a key; NULL: none.
 */
struct acceptor *acceptor_new(struct event_base *base,
    const struct acceptor_config *config, const char *password_user,
    const struct acceptor_events *events, void *arg, struct error *e);
/* Ends every session without ended(). */
void acceptor_free(struct acceptor *a);

/* Other limits from now on; whoever is refused is let in again. */
void acceptor_limit(struct acceptor *a, const struct acceptor_limits *limits);

/* A connection that was accepted; fd is the acceptor's from here on. */
void acceptor_take(void *acceptor, int fd);
/* The same over another transport; its descriptor says where it comes from. */
void acceptor_take_transport(struct acceptor *a, struct transport *t);
/*
 * Who has come to a port where it is not said yet that he speaks SSH.  From the
 * accept on he is one of those who have not logged in, with the same limits.
 */
struct arrival;
/*
 * fd, which stays the caller's, was accepted.  NULL: it is to be closed without
 * a word.  When somebody else needs its place, evicted is called, the arrival
 * is gone then, and the connection is to be closed.
 */
struct arrival *acceptor_arrive(struct acceptor *a, int fd,
    void (*evicted)(void *arg), void *arg);
/*
 * It has said something: others who have not go first, for a while.  Or it has
 * nothing more to say.
 */
void arrival_speaks(struct arrival *v, bool speaks);
/* It becomes a session on t, which is the acceptor's from here on. */
void arrival_enters(struct arrival *v, struct transport *t);
/* It has gone; too_slow: because it did not finish in time what it began. */
void arrival_leaves(struct arrival *v, bool too_slow);

/*
 * True while all places of the unauthenticated are taken by clients that go
 * on with their login and are young: accepting should wait a moment.
 */
bool acceptor_is_busy(const struct acceptor *a);

struct acceptor_counters {
	size_t unauthenticated, sessions;	/* now */
	uint64_t accepted;		/* connections */
	uint64_t handshakes;		/* key exchanges that succeeded */
	uint64_t logins;		/* that succeeded */
	uint64_t refused;		/* that failed, each attempt */
	uint64_t timeouts;		/* the grace time ran out */
	uint64_t dropped;		/* to make room */
	uint64_t penalised;		/* refused: what came from there before */
	uint64_t resumed;		/* links after a session's first */
};
void acceptor_counters(const struct acceptor *a,
    struct acceptor_counters *out);

/* The session's number, which no other of this acceptor has; from 1. */
uint64_t inbound_number(const struct inbound *in);
/*
 * The last request to log in with a key, see proto/userauth.h, *len bytes
 * until the next; NULL before there is one.
 */
const uint8_t *inbound_request(const struct inbound *in, size_t *len);
/*
 * The user as logged in, or as last tried; the client's address without port,
 * for the log.
 */
const char *inbound_user(const struct inbound *in);
const char *inbound_peer(const struct inbound *in);
/* May be an orthrus 0.1, by its identification (RFC 4253 section 4.2). */
bool inbound_is_old(const struct inbound *in);
/* The key exchange in use, RFC 4253 section 6.5; "" before there is one. */
const char *inbound_kex(const struct inbound *in);
struct mux *inbound_mux(struct inbound *in);
/* A pointer that the owner keeps with the session. */
void inbound_set_data(struct inbound *in, void *data);
void *inbound_data(const struct inbound *in);
/* When anything last arrived, in ms of clock_awake_ms(). */
uint64_t inbound_heard_at(const struct inbound *in);

/* True while it waits for another link. */
bool inbound_is_parted(const struct inbound *in);
/*
 * Gives its link up, as text says, to wait for another one: false, it does not
 * do that.
 */
bool inbound_part(struct inbound *in, const char *text);
/* Its links. */
struct inbound_links {
	const char *transport;		/* of the one now, or "" */
	int64_t since;			/* UNIX time */
	uint64_t resumed, parked_ms, resent;	/* as outbound_info has them */
};
void inbound_links(const struct inbound *in, struct inbound_links *out);

/*
 * Ends it soon, telling the client why (static text of at most 100 bytes);
 * ended() is called from the loop.
 */
void inbound_end(struct inbound *in, const char *why);

#endif
