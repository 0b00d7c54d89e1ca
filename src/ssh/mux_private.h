/* SPDX-License-Identifier: ISC */
/*
 * What the channel manager's files share.  Each calls only those named before
 * it: mux.c (what all stand on), mux_account.c (whose memory it is), turns.c (whose turn it is),
 * global_requests.c, channel.c (a channel's life), session_channel.c (what is
 * asked on such), channel_endpoint.c (the relay's side of a channel),
 * landing.c (received data), channel_messages.c (the peer's side), open.c (how
 * channels come to be), dispatch.c (the whole on its connection).
 */
#ifndef ORTHRUS_SSH_MUX_PRIVATE_H
#define ORTHRUS_SSH_MUX_PRIVATE_H

#include <sys/queue.h>

#include "orthrus/base/budget.h"
#include "orthrus/base/loop.h"
#include "orthrus/base/mem.h"
#include "orthrus/proto/wire.h"
#include "orthrus/ssh/mux.h"

#include "connection.h"
#include "pace.h"
#include "packet.h"
#include "round_trip.h"
#include "window.h"

struct event;
struct event_base;

#define PACKET_MAX 32768	/* RFC 4253 section 6.1: everyone takes this */
#define PACKET_MIN 256		/* a peer that takes less is refused */
#define CHANNEL_COST 384	/* bytes that each takes for itself, about */
#define SESSIONS_MAX 10		/* session channels; sshd's MaxSessions */

/* So much data in a row for one channel goes to its socket with one write. */
#define LANDING_SIZE (128 * 1024)

enum channel_state {
	CHANNEL_OPENING,	/* we asked, no answer yet */
	CHANNEL_INCOMING,	/* they asked, we have not answered */
	CHANNEL_OPEN,
	CHANNEL_REFUSED		/* over before it began */
};

struct channel {
	struct endpoint ep;		/* first: the relay's view of it */
	struct mux *mux;		/* NULL once the session has ended */
	struct account *account;	/* who pays for it, or NULL */
	enum channel_state state;
	uint32_t id, peer;		/* our number, theirs */
	uint32_t send_window, send_packet;
	struct window window;		/* that we grant */
	struct buffer in;		/* arrived, not yet taken */
	size_t input, unpromised;	/* of its account, see there */
	struct pace_rate rate;

	bool got_eof, sent_eof;
	bool got_close, sent_close;
	bool is_stream;			/* was opened as one, for payload */
	bool lost;			/* its session has ended */
	bool owned;			/* someone still holds the endpoint */
	bool want_read, want_write;	/* watch() */
	bool in_readers, in_writers, in_held, in_dead;
	unsigned read_turn, write_turn;	/* in which it was queued */
	TAILQ_ENTRY(channel) readers, writers, dead;	/* held: writers */

	channel_opened *opened;
	void (*gone)(void *arg);
	void *arg;
	/* Session channels only. */
	bool is_session;		/* counted in mux->nsessions */
	const char *subsystem;		/* that it is opened for; static text */
	bool answered;			/* the request for the subsystem was */
	bool (*request)(void *arg, struct channel *ch, const char *type,
	    const uint8_t *p, size_t len);
	void *request_arg;
	struct event *dismissal;	/* it is being refused; else NULL */
	bool answer_wanted;		/* the peer wants an answer */
	bool exits;			/* channel_exit() was called */
	bool runs;			/* channel_run() was called: ... */
	uint32_t exit_status;		/* ... its end tells the peer this */
};

TAILQ_HEAD(channel_list, channel);

struct global_request {		/* a global request that waits for its answer */
	TAILQ_ENTRY(global_request) next;
	mux_answered *answered;
	void *arg;
	uint64_t sent_at;	/* us; of a ping, else 0 */
	uint64_t moved;		/* payload of the session until then */
	uint16_t port;		/* asked for; 0: the answer holds it */
	bool port_in_answer;
	bool listens;		/* it asks for a listener ... */
	bool overridden;	/* ... and gets another than it asked for */
	bool mark;		/* pace.h: it stands for so many bytes */
	size_t bytes;
};

TAILQ_HEAD(global_request_list, global_request);

struct mux {
	struct connection *connection;	/* its owner */
	struct mux_service service;
	void *arg;			/* of the service */
	bool served;			/* mux_serve() was called */
	bool ours;			/* the peer is, mux_peer_is_ours() */
	struct event *turn;		/* runs what was put off, soon */

	struct channel **channels;	/* by our number */
	uint32_t *free_ids;
	size_t nslots, nfree;
	struct account own, *account;	/* that its channels are counted in */
	size_t unsent, unpromised;	/* of that, see there */
	struct channel_list readers, writers, dead;
	struct channel_list held;	/* bulk that waits for a mark */
	struct pace pace;
	unsigned turn_number;
	struct round_trip round_trip;
	struct global_request_list requests;
	size_t nopen, nsessions;
	uint64_t total, in, out;
};

/* mux.c */
/* The peer broke the protocol: nothing more is sent or heard. */
void mux_violation(struct mux *m, const char *what);
/* One packet: 0, or -1 when the connection is over. */
int mux_send(struct mux *m, const struct iovec *iov, int n);
/* A packet that is only a type and the recipient's channel number. */
int mux_send_to_peer(struct channel *ch, uint8_t type);
/* How much streams may send now.  While it is congested they must wait. */
size_t mux_room(struct mux *m);
bool mux_congested(struct mux *m);
/* Has the loop call mux_turn(), after descriptors had their turn. */
void mux_soon(struct mux *m);

/* Gives a channel its number, which is its own until mux_remove(). */
void mux_add(struct mux *m, struct channel *ch);
void mux_remove(struct mux *m, const struct channel *ch);

/* mux_account.c */
/* Counts what the connection has not sent, which may make it frugal. */
void mux_note_unsent(struct mux *m);
/* The mux ends: what is still counted for itself is no more. */
void mux_leave_account(struct mux *m);
/* False: there are too many channels, or their payer has too much. */
bool mux_has_room_for(const struct mux *m, const struct account *a);
/* A new channel is counted in a from here on, and begins with a window. */
void channel_enter_account(struct channel *ch, struct account *a);
/* Counts what has arrived and lies in the channel. */
void channel_note_input(struct channel *ch);
/* Nothing more will be kept of what its peer sends. */
void channel_withdraw_window(struct channel *ch);
/* Nothing of it is counted any more. */
void channel_leave_account(struct channel *ch);

/* turns.c */
/* True when nothing can be written any more: write() says EPIPE. */
bool channel_cannot_send(const struct channel *ch);
/* True for bulk beside small streams: pace.h bounds what it sends. */
bool channel_is_paced(const struct channel *ch);
/* Payload of n bytes came in, or went out. */
void channel_moved(struct channel *ch, size_t n);
/* How much it may send now; SIZE_MAX when it cannot send any more. */
size_t channel_room(struct channel *ch);
/* It has something to be read: its relay is told in its turn. */
void channel_queue_reader(struct channel *ch);
/*
 * It may write again, or must hear that it cannot: its relay is told in its
 * turn.
 */
void channel_queue_writer(struct channel *ch);
/* Takes it out of each queue. */
void channel_unqueue(struct channel *ch);
/* A mark was answered: the channels that waited for it may go on. */
void mux_release_held(struct mux *m);
/* Tells the relays of those whose turn it is. */
void mux_wake(struct mux *m);

/* global_requests.c */
/* Sends a mark behind the bulk sent so far (pace.h). */
void mux_mark(struct mux *m);
/* A request that wants an answer, type byte first. */
void mux_ask(struct mux *m, const struct iovec *iov, mux_answered *answered,
    void *arg);
/* The peer's request (w behind the type), and its answer to our oldest one. */
void mux_on_request(struct mux *m, struct wire *w);
void mux_on_answer(struct mux *m, bool ok, struct wire *w);
/* SSH_MSG_DEBUG, RFC 4253 section 11.3. */
void mux_on_debug(struct mux *m, struct wire *w);
/* No answer comes any more: those who wait are told MUX_REFUSED. */
void mux_end_requests(struct mux *m);
/* Measures the round trip if that is due; called while bulk arrives. */
void mux_measure(struct mux *m);

/* channel.c */
/*
 * A stream, or a session channel; payer is NULL where it is the mux's account.
 */
struct channel *channel_create(struct mux *m, const struct endpoint_ops *ops,
    enum channel_state state, bool is_stream, struct account *payer);
void channel_destroy(struct channel *ch);
/*
 * Frees the channel at the end of the turn if nobody needs it any more: the
 * owner has let go, and the number may be used again because both sides have
 * said CLOSE (RFC 4254 section 5.3) or the channel never opened.
 */
void channel_retire(struct channel *ch);
/* At the end of a turn: frees those that were retired in it. */
void mux_free_retired(struct mux *m);
/* Sends CLOSE, once. */
void channel_send_close(struct channel *ch);
/* Tells the opener, once, and frees what failed. */
void channel_opened_or_failed(struct channel *ch, enum open_failure reason,
    const char *text);
/* True for a session channel on which nothing was asked for that we do. */
bool channel_is_unused(const struct channel *ch);
/*
 * The session is gone: whoever waits for the channel is told.  What has
 * arrived stays until the relay has taken it.
 */
void channel_session_ended(struct channel *ch);

/* session_channel.c */
/* The session channel is there: asks for its subsystem. */
void channel_start_subsystem(struct channel *ch);
/* The subsystem was refused, or the channel closed instead. */
void channel_subsystem_failed(struct channel *ch);
/* CHANNEL_REQUEST, and the answer to ours. */
void channel_on_peer_request(struct channel *ch, struct wire *w);
void channel_on_request_answer(struct channel *ch, bool ok);
/* Sends the exit status of what ran there, if anything did, once. */
void channel_run_ended(struct channel *ch, uint32_t status);
/* The peer has sent something: true, and ended, where it is to exit. */
bool channel_exits(struct channel *ch);

/* channel_endpoint.c */
extern const struct endpoint_ops channel_ops;
/*
 * The relay has taken n bytes for good: the peer is granted as many more, now
 * or together with others.
 */
void channel_credit(struct channel *ch, size_t n);

/* landing.c */
/* Puts the data of a packet behind what has landed for the channel. */
void channel_land(struct channel *ch, const uint8_t *p, size_t len);
/*
 * Delivers what has landed, whichever session it is of.  Called before the
 * loop goes on.
 */
void channel_deliver(void);

/* channel_messages.c */
/* Packets for one channel; w stands behind the recipient's number. */
void channel_message(struct channel *ch, uint8_t type, struct wire *w);

/* open.c */
/* The peer's CHANNEL_OPEN. */
void mux_on_open(struct mux *m, struct wire *w);

/* dispatch.c */
/*
 * A mux on a connection, which frees it.  mux_free() ends every channel: bytes
 * that have arrived are still delivered by their relays, then those streams
 * end with ECONNRESET.  Open attempts and requests that wait for an answer are
 * told OPEN_CONNECT_FAILED, or failure.
 */
struct mux *mux_new(struct event_base *base, struct connection *c);
void mux_free(struct mux *m);
/* Wakes the streams that wait, in order, and frees what was closed. */
void mux_turn(struct mux *m);

#endif
