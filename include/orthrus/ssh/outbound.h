/* SPDX-License-Identifier: ISC */
/*
 * One SSH session from dialling to its end: connect, exchange keys, check the
 * host key, log in, and carry channels.  It lives once; link.h makes new ones.
 */
#ifndef ORTHRUS_SSH_OUTBOUND_H
#define ORTHRUS_SSH_OUTBOUND_H

#include <stdbool.h>
#include <stdint.h>

#include "orthrus/base/error.h"
#include "orthrus/proto/server.h"
#include "orthrus/ssh/hostkey.h"
#include "orthrus/ssh/identity.h"
#include "orthrus/ssh/mux.h"
#include "orthrus/transport/open.h"

struct dialer;
struct event_base;
struct outbound;

struct outbound_config {
	struct server server;		/* with its user */
	struct hostkey_policy policy;
	const struct identity *identity;	/* or NULL with a password */
	const char *password;		/* or NULL */
	/*
	 * Who calls itself so is not logged in to, as a session with it is
	 * there already.  NULL: it does not matter.
	 */
	const char *avoid;
	struct transport_config transport;
	uint64_t login_ms;		/* from its end to being logged in */
	uint64_t probe_ms;		/* silence before a probe is sent */
	uint64_t dead_ms;		/* silence after which the peer is dead */
	/*
	 * So long another link is looked for when one is gone, where the server
	 * is charon and does the same; 0: the session ends with its link.
	 */
	uint64_t resume_ms;
	/*
	 * It only looks.  At a gateway, where another session of the same name
	 * would end, nobody is logged in: it is asked whether it would take
	 * the key (RFC 4252 section 7), and the session ends, with code 0 when
	 * it would, or when there is no key to ask about.
	 */
	bool looks;
};

struct outbound_info {
	const char *kex, *cipher;	/* "" before the key exchange */
	char host_key[FINGERPRINT_MAX];
	bool trusted;			/* that is found right */
	int64_t rtt_ms;			/* of the last probe, -1 unknown */
	const char *transport;		/* "tcp" ...; "" before it is there */
	/* What it calls itself, RFC 4253 section 4.2; "" before it has. */
	const char *identification;
	bool gateway;			/* charon, by its identification */
	bool openssh;			/* its sshd, likewise */
	/* Numeric: the server's, or that of the proxy; "" unknown. */
	char address[HOST_MAX];
	const struct proxy *proxy;	/* in front of the server, or NULL */
	/* The link that the session is on; after the login. */
	bool parted;			/* it has none, and another is looked for */
	int64_t parted_at;		/* since when, UNIX time; 0: it has one */
	const char *why_parted;		/* its end, or of the last attempt */
	int64_t link_since;		/* UNIX time */
	uint64_t resumed;		/* links after the first */
	uint64_t parked_ms;		/* without one, all together */
	uint64_t resent;		/* bytes that were sent again */
};

struct outbound_events {
	/* Logged in: channels may be opened, and mux_serve() called. */
	void (*up)(void *arg);
	/*
	 * It is over; why says so in one line, its code EX_NOPERM when the
	 * host key or the login was refused, EX_TEMPFAIL when it is better not
	 * to come back at once, else EX_UNAVAILABLE.  Called from
	 * the loop, once, never from inside outbound_start().  The owner calls
	 * outbound_free() then or later.
	 */
	void (*ended)(void *arg, const struct error *why);
	/*
	 * It has no link, and looks for another one; or, with false, it goes on
	 * over that.  NULL: nobody asks.
	 */
	void (*parted)(void *arg, bool parted);
};

/* To be called once, before the first session. */
void ssh_library_init(void);
/* "libssh VERSION". */
const char *ssh_library_text(void);

/*
 * Starts to connect.  What config points to must outlive the session; config
 * itself is copied.
 */
struct outbound *outbound_start(struct event_base *base, struct dialer *dialer,
    const struct outbound_config *config, const struct outbound_events *events,
    void *arg);

/*
 * Ends it without calling ended: a disconnect message is sent when that is
 * possible at once, streams end as mux_free() says.  Not from inside a
 * callback of the session's mux.
 */
void outbound_free(struct outbound *s);

/*
 * How servers are reached has changed, and the old configuration of it is about
 * to go: the session's next links, and one that is being looked for, take this.
 */
void outbound_set_transport(struct outbound *s,
    const struct transport_config *t);

/*
 * What it waits for before it is up, such as "an answer from a name server":
 * static text.
 */
const char *outbound_waits_for(const struct outbound *s);

/* The channel manager, or NULL while not logged in. */
struct mux *outbound_mux(struct outbound *s);
void outbound_info(const struct outbound *s, struct outbound_info *info);

#endif
