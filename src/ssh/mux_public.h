/*
 * What channel_public.c (an open channel), open_public.c (how it came to that)
 * and mux_public.c (the session) share.  They do what mux.c and channel.c do
 * where only the shared libssh is there: they stand on its own channels and
 * call nothing that it does not publish.
 *
 * The price, which configure's summary names:
 * - no Unix sockets can be listened on at the far end, and only at an OpenSSH
 *   server can they be connected to;
 * - there are no session channels, so that nobody can enrol at a gateway, or
 *   be on its leash;
 * - libssh grants 1.28 MB (0.11 and later: 2 MiB) to every stream and keeps
 *   for a stream what it once allocated.  What readers leave unread is
 *   bounded for the session as a whole: at HELD_MAX its input waits, for all
 *   streams, and those who take nothing for PATIENCE_SECONDS are ended;
 * - a refusal of ours carries no reason; one of the peer's, only while
 *   libssh numbers and words things as it has always done;
 * - an aborted stream ends with EOF before CLOSE;
 * - a server that announces a maximum packet of 10 bytes hangs libssh 0.10,
 *   which does not show us that number.
 */
#ifndef ORTHRUS_SSH_MUX_PUBLIC_H
#define ORTHRUS_SSH_MUX_PUBLIC_H

#include <sys/queue.h>

#include <libssh/libssh.h>
#include <libssh/callbacks.h>
#include <libssh/server.h>

#include "orthrus/base/mem.h"
#include "orthrus/ssh/mux.h"

struct event;

/* More than this unsent: streams wait. */
#define BACKLOG_HIGH (128 * 1024)
/* More than this unsent (answers nobody reads): input waits, too. */
#define BACKLOG_FLOOD (2 * 1024 * 1024)
/* More than this unread by our streams: input waits. */
#define HELD_MAX (32 * 1024 * 1024)
#define PATIENCE_SECONDS 10
/* More than any window that libssh grants; it does not see to that itself. */
#define UNREAD_MAX (4 * 1024 * 1024)
/* libssh numbers the channels of a session, ours and theirs, from here on. */
#define NUMBER_FIRST 43
/* More than the first window that libssh 0.10 grants, which it then raises. */
#define WINDOW_FIRST 65536
/* Opens and requests of the peer that are answered in one turn. */
#define MESSAGES_PER_TURN 256

enum channel_state {
	CHANNEL_OPENING,	/* ours; ssh is NULL until we have asked */
	CHANNEL_INCOMING,	/* they asked, we have not answered */
	CHANNEL_OPEN,
	CHANNEL_REFUSED		/* over before it began */
};

struct channel {
	struct endpoint ep;	/* first: the relay's view of it */
	TAILQ_ENTRY(channel) next;
	struct mux *mux;	/* NULL once the session has ended */
	enum channel_state state;
	ssh_channel ssh;
	struct ssh_channel_callbacks_struct callbacks;
	ssh_message question;	/* incoming: what is to be answered */
	struct address to;	/* opening: where to */
	int answer;		/* opening: SSH_AGAIN until there is one */
	uint32_t number;	/* libssh's own for it */
	enum open_failure reason;	/* why it was refused */
	char *words;		/* the peer's about that, escaped, or NULL */
	struct buffer in;	/* taken out of libssh, unread */
	size_t unread;		/* bytes that libssh still holds */
	size_t held;		/* both, as counted in mux->held */
	unsigned moved_in;	/* the mux->pauses in which some was taken */

	bool got_data, got_eof, sent_eof;
	bool got_close, sent_close;
	bool hung_up;		/* the relay was told of the close */
	bool lost;		/* the session ended under it */
	bool owned;		/* someone still holds the endpoint */
	bool want_read, want_write;	/* watch() */

	channel_opened *opened;
	void (*gone)(void *arg);
	void *arg;
};

TAILQ_HEAD(channel_list, channel);

enum request_kind { REQUEST_LISTEN, REQUEST_UNLISTEN, REQUEST_PING };

struct request {
	TAILQ_ENTRY(request) next;
	enum request_kind kind;
	struct address at;
	int bound;		/* the port that the far end chose */
	bool sent;
	mux_answered *answered;
	void *arg;
};

struct mux {
	ssh_session session;
	struct mux_events events;
	void *arg;
	ssh_event pump;		/* gives libssh its turn; NULL before the login */
	struct event *turn;	/* brings our own, soon */
	bool broken;		/* nothing is sent or heard any more */
	bool rekeying;		/* libssh takes no payload */

	/* libssh fills them: bytes of the socket; payload and packets. */
	struct ssh_counter_struct wire, packets;
	struct ssh_counter_struct wire_base, packets_base;
	uint32_t number;	/* of the channel that is made next */
	uint64_t seen;		/* wire.in_bytes when the last turn began */
	size_t held;		/* bytes unread by our streams */
	unsigned pauses;	/* times that input had to wait for them */
	struct event *patience;	/* runs out during a pause */

	struct channel_list channels;	/* who waits longest to send first */
	TAILQ_HEAD(, request) requests;	/* only the first one is sent */
	size_t nopen;
	uint64_t total, in, out;
};

/* channel_public.c */
struct channel *channel_create(struct mux *m, enum channel_state state);
/* Has libssh tell of its channel. */
void channel_listen(struct channel *ch);
/* Brings the session's sum of unread bytes up to date; it may start or end
 * a pause. */
void channel_count(struct channel *ch);
/* Its turn; true if it could send, so that others come first next time. */
bool channel_serve(struct channel *ch);
/* Nobody needs it any more, here and at the far end. */
bool channel_is_over(const struct channel *ch);
void channel_destroy(struct channel *ch);
/* Takes it out of libssh, with what has arrived; not from inside libssh. */
void channel_detach(struct channel *ch);
void channel_session_ended(struct channel *ch);

/* open_public.c */
/* Sends the opens that wait, looks for answers and passes them on. */
void mux_step_opens(struct mux *m, bool news);
/* Hands on what the peer asks; false when there may be more. */
bool mux_take_messages(struct mux *m);
/* libssh's log, of which we read one thing: why opens were refused. */
void mux_on_log(int priority, const char *function, const char *text,
    void *mux);

/* mux_public.c */
void mux_violation(struct mux *m, const char *what);
/* The session has ended, whether or not its owner knows. */
bool mux_dead(struct mux *m);
/* True while streams must wait with what they have to send. */
bool mux_congested(struct mux *m);
/* True while a port that the far end chooses is to be answered. */
bool mux_port_is_due(const struct mux *m);
void mux_soon(struct mux *m);
/* After each call of libssh that may have sent, or read, something. */
void mux_settle(struct mux *m);
/* Too much is unread by our streams; no longer. */
void mux_pause(struct mux *m);
void mux_resume(struct mux *m);

#endif
