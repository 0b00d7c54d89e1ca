/* SPDX-License-Identifier: ISC */
/*
 * The channel manager: RFC 4254's connection protocol over one authenticated
 * connection, which makes and frees it.  It opens and accepts channels, keeps
 * their windows, and asks the far end for listeners.  A channel is an endpoint
 * of the relay.
 */
#ifndef ORTHRUS_SSH_MUX_H
#define ORTHRUS_SSH_MUX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "orthrus/base/address.h"
#include "orthrus/relay/endpoint.h"

struct account;
struct mux;
struct channel;

/* Reason codes of SSH_MSG_CHANNEL_OPEN_FAILURE, RFC 4254 section 5.1. */
enum open_failure {
	OPEN_OK = 0,
	OPEN_PROHIBITED = 1,
	OPEN_CONNECT_FAILED = 2,
	OPEN_UNKNOWN_TYPE = 3,
	OPEN_RESOURCE_SHORTAGE = 4
};

#define MUX_CHANNELS_MAX 16384	/* per session, both directions */

/*
 * What the far end may ask of whoever uses the mux; what is NULL is refused.
 * Channels are answered now or later, with channel_accept() or
 * channel_refuse().
 */
struct mux_service {
	/*
	 * A client's: the far end connected to a listener that it keeps for us
	 * (forwarded-tcpip, RFC 4254 section 7.2, or
	 * forwarded-streamlocal@openssh.com).
	 */
	void (*forwarded)(void *arg, struct channel *ch,
	    const struct address *listen);
	/*
	 * A server's, as all that follow: a client wants to be connected
	 * (direct-tcpip, RFC 4254 section 7.2, or
	 * direct-streamlocal@openssh.com).
	 */
	void (*direct)(void *arg, struct channel *ch, const struct address *to);
	/* session (RFC 4254 section 6.1): see channel_on_request(). */
	void (*session)(void *arg, struct channel *ch);
	/*
	 * tcpip-forward, streamlocal-forward@openssh.com, or with cancel the
	 * requests that end them.  at is as the client wrote it (an empty host
	 * too); *port is its port, to be set when that is 0.  True: granted.
	 */
	bool (*listen)(void *arg, const struct address *at, bool cancel,
	    uint16_t *port);
	/*
	 * It was refused a channel, as there are too many or its account has no
	 * room for one; NULL: nobody asks.
	 */
	void (*full)(void *arg);
};

/* From now on the far end is served so; until then all of it is refused. */
void mux_serve(struct mux *m, const struct mux_service *service, void *arg);

/*
 * What the session and its channels promise and hold is counted in a from here
 * on, which outlives all of them.  Called before there is any channel; without
 * it, the session has an account of its own.
 */
void mux_set_account(struct mux *m, struct account *a);

/*
 * The far end is the other of our two programs, which end a stream with EOF
 * and CLOSE: its CLOSE alone is a stream that was cut off, and its relay ends
 * with ECONNRESET.  From anybody else CLOSE alone is the end of the input, for
 * RFC 4254 section 5.3 asks for no EOF before it.
 */
void mux_peer_is_ours(struct mux *m);

/*
 * Opens a channel to a TCP address (direct-tcpip; the name is resolved at the
 * far end) or a Unix socket there (direct-streamlocal@openssh.com).  opened is
 * called once with OPEN_OK, or with a reason and the peer's text (escaped),
 * after which the channel is gone.  payer's is the account that the channel is
 * counted in, NULL: the session's.  NULL when there are too many channels, or
 * the account has no room for one more.
 */
typedef void channel_opened(void *arg, enum open_failure reason,
    const char *text);
struct channel *mux_open(struct mux *m, const struct address *to,
    struct account *payer, channel_opened *opened, void *arg);

/*
 * A server's way to connect to what a client listens on for it: at is what the
 * client asked for in its tcpip-forward or streamlocal-forward request.
 */
struct channel *mux_open_forwarded(struct mux *m, const struct address *at,
    struct account *payer, channel_opened *opened, void *arg);
/*
 * A session channel with the subsystem name (static text; RFC 4254 section
 * 6.5): opened with OPEN_OK when the far end has started it.  NULL when there
 * are too many channels.
 */
struct channel *mux_open_subsystem(struct mux *m, const char *name,
    channel_opened *opened, void *arg);

/* Gives up an attempt; opened is not called, a late success is closed. */
void channel_cancel(struct channel *ch);

/* The two answers to a channel that the peer opens.  text is sent to it. */
void channel_accept(struct channel *ch);
void channel_refuse(struct channel *ch, enum open_failure reason,
    const char *text);
/*
 * Has gone called if the session ends before such a channel is answered.  The
 * channel must not be touched any more then.
 */
void channel_on_gone(struct channel *ch, void (*gone)(void *arg), void *arg);

/*
 * What the client asks for on a session channel that was accepted: type is
 * "subsystem", "exec", "shell", "env" ..., p its data of len bytes behind
 * want-reply (RFC 4254 section 6).  The result is the answer, where one is
 * wanted.  request may call relay_start() with the channel's endpoint, or
 * channel_dismiss(): it must not close the channel.
 */
void channel_on_request(struct channel *ch, bool (*request)(void *arg,
    struct channel *ch, const char *type, const uint8_t *p, size_t len),
    void *arg);
/*
 * For request(): grants it, and makes the channel's endpoint a stream like the
 * others.  Before its end the client is told status as its exit status, or 1
 * when it is cut off (RFC 4254 section 6.10).
 */
void channel_run(struct channel *ch, uint32_t status);
/*
 * For request(): grants it, says text on standard error, and ends the channel
 * with status as its exit status as soon as the client has sent something, its
 * end, or nothing for two seconds.
 */
void channel_exit(struct channel *ch, uint32_t status, const char *text);
/*
 * Says text on standard error (stream 1); left out where the client's window
 * has no room for it.
 */
void channel_say(struct channel *ch, const char *text);
/*
 * Tells people on standard error (stream 1) why their request is refused, and
 * a moment later refuses it and closes the channel with exit status 1.
 */
void channel_dismiss(struct channel *ch, const char *text);

/* The open channel as an endpoint; close() on it frees the channel. */
struct endpoint *channel_endpoint(struct channel *ch);

/*
 * Global requests, answered in the order sent (RFC 4254 section 4).
 * mux_listen asks the far end to listen (tcpip-forward, or
 * streamlocal-forward@openssh.com); port is the one bound, which is the
 * chosen one when 0 was asked for.  An address host "localhost" asks for
 * loopback, "*" for all interfaces.  mux_unlisten cancels; port 0 is not
 * valid there.  mux_ping is keepalive@openssh.com: any answer counts.
 * answered is called once, with MUX_REFUSED also when the session ended first.
 */
enum mux_answer {
	MUX_REFUSED = 0,
	MUX_GRANTED,
	/*
	 * Granted, but not at the address that was asked for: OpenSSH's sshd
	 * says so in SSH_MSG_DEBUG before its answer (sshd_config:
	 * GatewayPorts yes).  It listens on every interface.
	 */
	MUX_OVERRIDDEN
};
typedef void mux_answered(void *arg, enum mux_answer answer, uint16_t port);
void mux_listen(struct mux *m, const struct address *at,
    mux_answered *answered, void *arg);
void mux_unlisten(struct mux *m, const struct address *at,
    mux_answered *answered, void *arg);
void mux_ping(struct mux *m, mux_answered *answered, void *arg);
/* No answer that is still due is delivered to arg any more. */
void mux_forget(struct mux *m, void *arg);

/*
 * True while its link is gone and another one is looked for: what is asked for
 * goes out when that is there.
 */
bool mux_is_parted(const struct mux *m);
/* Its session is over, which its owner is told soon: nothing can be opened. */
bool mux_is_over(const struct mux *m);

struct mux_counters {
	size_t open;		/* channels open or opening now */
	uint64_t total;		/* channels opened or accepted so far */
	uint64_t in, out;	/* payload bytes of channels */
	size_t backlog;		/* bytes handed to libssh, not yet to the kernel */
	uint64_t received;	/* bytes on the wire: it grows, the peer lives */
};
void mux_counters(const struct mux *m, struct mux_counters *out);

#endif
