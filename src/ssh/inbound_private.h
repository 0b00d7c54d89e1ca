/* SPDX-License-Identifier: ISC */
/*
 * What the server's side shares.  Each calls only those named before it:
 * offence.c (what is held against a source), inbound.c (one session), login.c
 * (its login), acceptor.c (all of them).
 */
#ifndef ORTHRUS_SSH_INBOUND_PRIVATE_H
#define ORTHRUS_SSH_INBOUND_PRIVATE_H

#include <libssh/libssh.h>
#include <libssh/callbacks.h>
#include <libssh/server.h>

#include "orthrus/proto/certificate.h"
#include "orthrus/ssh/inbound.h"

#include "connection.h"
#include "crowd.h"
#include "packet.h"
#include "penalties.h"

struct inbound {
	struct waiting place;		/* in waiting, or in sessions */
	struct acceptor *acceptor;
	bool has_keys;			/* the key exchange is done */
	bool logged_in;			/* in the list of sessions */
	bool announced;			/* up() was called */
	bool timed_out;			/* before the login */
	struct connection *connection;
	struct ssh_server_callbacks_struct callbacks;
	struct event *timer;		/* grace; then soon, for up() */
	uint64_t accepted_at;		/* by clock_awake_ms() */
	unsigned failures, requests;
	bool unanswered;		/* libssh looks at a login */
	void (*answer)(struct inbound *in);	/* it, if libssh did not */
	char user[INBOUND_USER_MAX], peer[SOURCE_TEXT_MAX];
	uint64_t number;		/* among all of its acceptor */
	bool signed_for;		/* its owner has signed a hash */
	uint8_t *request;		/* to log in with a key; or NULL */
	size_t request_len;
	void *data;
};

struct acceptor {
	struct event_base *base;
	struct acceptor_config config;
	const char *password_user;
	struct acceptor_events events;
	void *arg;
	ssh_bind bind;
	struct host_key host_key;
	uint64_t numbers;		/* given to sessions so far */
	struct crowd waiting;		/* not logged in */
	struct crowd sessions;
	struct penalties *penalties;
	struct acceptor_counters counters;
};

/* offence.c */
/* What one more from there weighs in the crowd of those who wait. */
unsigned offence_weight(const struct acceptor *a, const struct source *from);
/* The connection ends, and nobody has logged in over it. */
void offence_no_login(const struct inbound *in);

/* inbound.c */
/*
 * A session on a connection that was accepted, in the place of newcomer; fd is
 * its own from here on.  It waits for inbound_begin().  NULL when there are no
 * descriptors.
 */
struct inbound *inbound_new(struct acceptor *a, struct transport *t,
    const struct waiting *newcomer);
void inbound_begin(struct inbound *in);
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
unsigned inbound_progress(const struct inbound *in);
/* The login has succeeded: up() follows from the loop. */
void inbound_logged_in(struct inbound *in);

/* login.c */
/* Has the session's logins judged by its owner; before inbound_begin(). */
void login_init(struct inbound *in);

#endif
