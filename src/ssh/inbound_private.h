/* SPDX-License-Identifier: ISC */
/*
 * What the server's side shares.  Each calls only those named before it:
 * offence.c (what is held against a source), inbound.c (one session), login.c
 * (its login), rejoin.c (what it begins with), acceptor.c (all of them),
 * arrival.c (who is none yet).
 */
#ifndef ORTHRUS_SSH_INBOUND_PRIVATE_H
#define ORTHRUS_SSH_INBOUND_PRIVATE_H

#include <sys/queue.h>

#include <libssh/libssh.h>
#include <libssh/callbacks.h>
#include <libssh/server.h>

#include "orthrus/base/budget.h"
#include "orthrus/proto/certificate.h"
#include "orthrus/ssh/inbound.h"

#include "connection.h"
#include "crowd.h"
#include "packet.h"
#include "penalties.h"
#include "resume.h"

#define RESUME_SLOTS 256

struct rejoin;

/* Those who wait for their login: sessions, and who is none yet. */
struct waiting_ops {
	/* How far it has come; see inbound_progress(). */
	unsigned (*progress)(const void *who);
	/* It goes, and its place is free when this returns. */
	void (*give_way)(void *who, const char *why);
};

struct inbound {
	struct waiting place;		/* in waiting, or in sessions */
	struct acceptor *acceptor;
	bool has_keys;			/* the key exchange is done */
	bool logged_in;			/* in the list of sessions */
	bool announced;			/* up() was called */
	bool timed_out;			/* before the login */
	bool excused;			/* it asked for what had ended */
	struct connection *connection;
	struct ssh_server_callbacks_struct callbacks;
	struct event *timer;		/* grace; then soon, for up() */
	unsigned failures, requests;
	bool unanswered;		/* libssh looks at a login */
	/* It, if libssh did not; NULL: it has not begun. */
	void (*answer)(struct inbound *in);
	char user[INBOUND_USER_MAX], peer[SOURCE_TEXT_MAX];
	uint64_t number;		/* among all of its acceptor */
	bool signed_for;		/* its owner has signed a hash */
	uint8_t *request;		/* to log in with a key; or NULL */
	size_t request_len;
	struct rejoin *rejoin;		/* until it has begun to be a session */
	struct resume resume;		/* if its client agrees to that */
	LIST_ENTRY(inbound) same_slot;	/* if it does */
	void *data;
};

LIST_HEAD(inbound_list, inbound);

struct acceptor {
	struct event_base *base;
	struct acceptor_config config;
	char *version;			/* of our identification */
	const char *password_user;
	struct acceptor_events events;
	void *arg;
	ssh_bind bind;
	struct host_key host_key;
	uint64_t started_at;		/* ms */
	uint64_t numbers;		/* given to sessions so far */
	struct crowd waiting;		/* not logged in */
	struct crowd sessions;
	struct penalties *penalties;
	struct acceptor_counters counters;
	struct inbound_list resumable[RESUME_SLOTS];	/* by their ids */
	struct budget kept;		/* for those, of all sessions */
};

/* offence.c */
/* What one more from there weighs in the crowd of those who wait. */
unsigned offence_weight(const struct acceptor *a, const struct source *from);
/* The connection ends, and nobody has logged in over it. */
void offence_no_login(const struct inbound *in);
/* It is one that has only looked who we are, which is worth no word. */
bool offence_is_none(const struct inbound *in);
/* The same of one that was no session: it took too long, or made room. */
void offence_by_stranger(struct acceptor *a, const struct source *from,
    bool timed_out);

/* inbound.c */
/*
 * A session in the place of newcomer, whose connection has no carrier yet.
 */
struct inbound *inbound_new(struct acceptor *a,
    const struct waiting *newcomer);
void inbound_free(struct inbound *in);
/* The same for one that is not logged in, and its owner is told why. */
void inbound_drop(struct inbound *in, const char *why);
/* Has the owner sign for the host key; arg is the inbound. */
bool inbound_sign(void *arg, const uint8_t *hash, size_t len,
    uint8_t signature[ED25519_SIGNATURE_LEN]);
/* Calls the timer soon. */
void inbound_soon(struct inbound *in);
/* It says that it is the other of our two programs. */
bool inbound_is_orthrus(const struct inbound *in);
/*
 * How far it has come: 0, it has not said a word; 1, its identification; 2,
 * what it offers for the key exchange; 3, keys were exchanged.
 */
unsigned inbound_progress(const void *in);
/* The login has succeeded: up() follows from the loop. */
void inbound_logged_in(struct inbound *in);
/* The one that is to go on over another link under that id, or NULL. */
struct inbound *inbound_resumable(const struct acceptor *a,
    const uint8_t id[RESUME_ID_LEN]);
/*
 * It goes on over t, in the place of newcomer; the client has received so much
 * and was told so much of ours.
 */
void inbound_rejoin(struct inbound *in, struct transport *t,
    const struct waiting *newcomer, uint64_t received, uint64_t told);

/* acceptor.c */
/* Where the other end of fd is: 0, or -1 when it is gone already. */
int acceptor_source(int fd, struct source *from);
/* Whether a source is refused, which is counted. */
bool acceptor_refuses(struct acceptor *a, const struct source *from);
/* True when there is room for it now; else that was told. */
bool acceptor_makes_room(struct acceptor *a, struct waiting *newcomer);
/* It becomes a session; its place was taken from the crowd. */
void acceptor_begin(struct acceptor *a, struct transport *t,
    const struct waiting *newcomer);

/* login.c */
/* Has the session's logins judged by its owner. */
void login_init(struct inbound *in);

/* rejoin.c */
/*
 * Sends our identification over t, which is in's from here on, and looks at
 * what comes: SSH's, and it is a session that logs in, or a request to go on
 * with another one, whose link t becomes.
 */
void rejoin_or_begin(struct inbound *in, struct transport *t);
void rejoin_free(struct rejoin *r);	/* NULL is fine */

#endif
