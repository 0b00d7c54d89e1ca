/* SPDX-License-Identifier: ISC */
/*
 * One SSH connection, whichever side we are on: libssh's session, the
 * descriptor it runs on, its turns in the loop, and its end.  What a client
 * and a server do until keys or the login are there are the steps of their
 * roles (outbound.c, inbound.c); from there on packets go between the tap and
 * the mux, which each role puts on its connection with mux_new().
 */
#ifndef ORTHRUS_SSH_CONNECTION_H
#define ORTHRUS_SSH_CONNECTION_H

#include <sys/uio.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "orthrus/base/error.h"

struct budget;
struct connection;
struct event_base;
struct host_key;
struct mux;
struct ssh_bind_struct;
struct ssh_session_struct;
struct transport;
struct wire;

/* What a step of the handshake says. */
enum connection_step {
	STEP_WAIT,		/* again when the descriptor is ready */
	STEP_RUN,		/* done: turns from here on */
	STEP_FAILED		/* connection_fail() was called */
};

/* What the two roles do differently; all are told arg. */
struct connection_role {
	/* Goes on with the handshake as far as that is possible at once. */
	enum connection_step (*step)(void *arg);
	/*
	 * The peer has opened a channel or asked for something, and nobody
	 * has called mux_serve() yet.  NULL: that can wait.
	 */
	void (*asked)(void *arg);
	/*
	 * The peer is gone: text is connection_trouble()'s, or "" where only
	 * error, an errno value (0: it closed), says anything.  Calls
	 * connection_fail().
	 */
	void (*lost)(void *arg, const char *text, int error);
	/* It is over.  From the loop, once; it may call connection_free(). */
	void (*over)(void *arg);
};

/*
 * A connection without a carrier.  The carrier is the transport that it runs
 * on; there may be none, as while it is opened.  When the peer's kernel has
 * acknowledged nothing for dead_ms, ours gives the carrier up.
 */
struct connection *connection_new(struct event_base *base, unsigned dead_ms,
    const struct connection_role *role, void *arg);
/*
 * Says goodbye as far as that is possible at once, ends the mux as mux_free()
 * says, and closes the carrier.  Not from inside a callback of its mux.
 */
void connection_free(struct connection *c);

/*
 * The carrier is there, and t is the connection's from here on: as a client,
 * who calls ssh_connect() in its steps, or as a server with the keys of bind.
 * 0, or -1 with errno; t is freed by connection_free() all the same.
 */
int connection_dialled(struct connection *c, struct transport *t);
int connection_accepted(struct connection *c, struct ssh_bind_struct *bind,
    struct transport *t);
/*
 * A client's ssh_connect(), and what it returns, with our own identification
 * (RFC 4253 section 4.2) instead of libssh's.
 */
int connection_connect(struct connection *c);
/* The first step, at once; after that the loop calls it. */
void connection_begin(struct connection *c);
/* Has the role make its next step, for a reason of its own. */
void connection_go_on(struct connection *c);

/*
 * A server's identification was sent before the connection had a carrier, n
 * bytes with its CR LF.
 */
void connection_greeted(struct connection *c, size_t n);

/* Owned by the connection. */
struct ssh_session_struct *connection_ssh(const struct connection *c);
struct mux *connection_mux(const struct connection *c);
/* To ask the kernel about; -1: no carrier now. */
int connection_fd(const struct connection *c);
/* What kind of transport carries it; "" when none does now. */
const char *connection_transport(const struct connection *c);

/*
 * Ends it: over() follows from the loop.  The first reason counts.  goodbye,
 * static text of at most 100 bytes or NULL, is what the peer is told.
 */
void connection_fail(struct connection *c, int code, const char *goodbye,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
bool connection_is_over(const struct connection *c);
/* Why, once it is over; code 0 before. */
const struct error *connection_why(const struct connection *c);

/* What has gone wrong, in the carrier's words or else libssh's; "": nothing. */
/*
 * The first bytes that have arrived and that nobody has read yet; only before
 * the other side has named itself.  Returns how many.
 */
size_t connection_peek(const struct connection *c, uint8_t *p, size_t n);
const char *connection_trouble(const struct connection *c);

/* What the peer calls itself, RFC 4253 section 4.2; "" before it has. */
const char *connection_peer_version(const struct connection *c);
/* The key exchange in use, RFC 4253 section 6.5; "" before there is one. */
const char *connection_kex(const struct connection *c);
/* The peer has sent its proposal for the key exchange. */
bool connection_negotiates(const struct connection *c);
/* When anything last arrived, in ms of clock_awake_ms(). */
uint64_t connection_heard_at(const struct connection *c);
/* Reads at once what has arrived: true unless it is over. */
bool connection_catch_up(struct connection *c);

/* --- a session that outlives its carrier: resume.h ----------------- */

/* Who sees to that; all are told arg. */
struct connection_heir {
	/*
	 * A global request that is about the connection: false, it is none.
	 * Else *ok is the answer, where one is wanted.
	 */
	bool (*asked)(void *arg, const uint8_t *name, size_t len,
	    struct wire *w, bool *ok);
	/* Something has arrived. */
	void (*arrived)(void *arg);
	/*
	 * The carrier is gone, as text says: true, the connection waits for
	 * another one, and may be told to end by who asks for that.
	 */
	bool (*parted)(void *arg, const char *text);
};
void connection_bequeath(struct connection *c,
    const struct connection_heir *heir, void *arg);
/*
 * What is sent is kept, see output_keep(); with false, no more.  How much that
 * is now.
 */
void connection_keep(struct connection *c, bool keep, struct budget *memory);
size_t connection_kept(const struct connection *c);
/* How much of the peer's stream has arrived: packet_position(). */
uint64_t connection_position(const struct connection *c);
/* The peer has all of ours before position; false: it cannot have. */
bool connection_acknowledged(struct connection *c, uint64_t position);
/* True when all of ours from there on can be sent again. */
bool connection_has(const struct connection *c, uint64_t position);
/*
 * Goes on over t, which is its own from here on: with what the peer has not
 * received, which connection_has(), and leaving out the first doubled bytes
 * that come.
 */
void connection_rejoin(struct connection *c, struct transport *t,
    uint64_t received, uint64_t doubled);
/*
 * Gives its carrier up, as text says: false, nobody would give it another one,
 * and nothing was done.
 */
bool connection_part(struct connection *c, const char *text);
/* It waits for another carrier. */
bool connection_is_parted(const struct connection *c);

/* --- a server's login --------------------------------------------- */

/*
 * Has filter look at each SSH_MSG_USERAUTH_REQUEST before libssh does, with
 * the arg of the role: see packet_tap_logins().
 */
void connection_filter_logins(struct connection *c,
    bool (*filter)(void *arg, const uint8_t *p, size_t len));
/* Its host key, with the arg of the role: see packet_tap_host_key(). */
void connection_host_key(struct connection *c, const struct host_key *key);
/* What the server has shown to us: see packet_shown(). */
const uint8_t *connection_shown_key(const struct connection *c, size_t *n);
/*
 * The peer has logged in.  Until then little is read and kept for whoever was
 * accepted, and a message of a type that is not assigned ends it.
 */
void connection_trust(struct connection *c);
/* Answers one with SSH_MSG_USERAUTH_FAILURE, RFC 4252 section 5.1. */
void connection_refuse_login(struct connection *c, const char *methods);

/* --- for the mux -------------------------------------------------- */

/*
 * What the connection calls of the mux that runs on it.  By a table, so that
 * the connection stands below the mux and knows nothing of its parts.
 */
struct mux_ops {
	/* A packet of types 80 to 100, or MSG_DEBUG, behind its type byte. */
	void (*packet)(struct mux *m, uint8_t type, const uint8_t *p,
	    size_t len);
	/* No more packets for now: what was gathered of them is handed on. */
	void (*deliver)(void);
	/* What waits has its turn. */
	void (*turn)(struct mux *m);
	/* The connection ends. */
	void (*free)(struct mux *m);
};

/* m runs on the connection from here on, and is freed with it. */
void connection_carry(struct connection *c, const struct mux_ops *ops,
    struct mux *m);
/* One packet, type byte first: 0, or -1 when the connection is over. */
int connection_send(struct connection *c, const struct iovec *iov, int n);
/* How much streams may send now; 0 while they must wait: output_room(). */
size_t connection_room(struct connection *c);
/* The peer broke the protocol. */
void connection_violation(struct connection *c, const char *what);
/* What heir says of a request; false: it is for others. */
bool connection_is_asked(struct connection *c, const uint8_t *name,
    size_t len, struct wire *w, bool *ok);
/* Somebody should have called mux_serve() by now. */
void connection_asked(struct connection *c);
/*
 * Its peer has left enough of others' memory unread: input stops sooner while
 * answers are not taken, output_flooded().
 */
void connection_be_frugal(struct connection *c, bool frugal);
/* All that is kept until it can be sent: output_unsent(). */
size_t connection_unsent(const struct connection *c);
/* Bytes that wait to be sent; bytes that have arrived so far. */
size_t connection_backlog(const struct connection *c);
uint64_t connection_received(const struct connection *c);

#endif
