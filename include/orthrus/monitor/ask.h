/* SPDX-License-Identifier: ISC */
/*
 * What the network process asks the monitor.  Each waits for the answer, as
 * long as the registry takes.  session is the number of a session
 * (inbound_number()).  All but ask_left() and
 * ask_remove() return -1 with *e when the answer is
 * no: EX_SOFTWARE when the monitor is lost, else what the registry gives.
 */
#ifndef ORTHRUS_MONITOR_ASK_H
#define ORTHRUS_MONITOR_ASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "orthrus/base/error.h"
#include "orthrus/proto/certificate.h"
#include "orthrus/proto/possession.h"
#include "orthrus/registry/registry.h"

struct monitor;

/* --- sessions ----------------------------------------------------- */

/*
 * Signs an exchange hash (RFC 4253 section 8) with the host key.  The first of
 * a session is its id from then on.
 */
int ask_sign(struct monitor *m, uint64_t session, const uint8_t *hash,
    size_t len, uint8_t signature[ED25519_SIGNATURE_LEN], struct error *e);

/* At the registry, before somebody is let in or not. */
struct ask_look {
	bool changed;			/* ask_changes() has something */
	/*
	 * Changes of that position and before it were known then: they do not
	 * concern who was let in.
	 */
	uint64_t position;
};

/*
 * May this SSH_MSG_USERAUTH_REQUEST (userauth.h) log in?  When it is signed the
 * monitor checks that, and the session is let in as *p, of which the Hello is
 * left out, with the certificate of *serial (0: a plain key).  *look is set
 * whatever the answer is.
 */
int ask_key(struct monitor *m, uint64_t session, const uint8_t *request,
    size_t len, struct peer *p, uint64_t *serial, struct ask_look *look,
    struct error *e);
/* The same for an AUTH_KEY: *id is whose it is. */
int ask_password(struct monitor *m, uint64_t session, const char *password,
    uint64_t *id, struct ask_look *look, struct error *e);
/* It is up: see registry_logged_in(), which gives what is returned. */
int ask_logged_in(struct monitor *m, uint64_t session, struct error *e);
/* It is over; also one that was never let in. */
void ask_left(struct monitor *m, uint64_t session);

/* A certificate, as it was asked for; or a challenge. */
struct ask_certificate {
	char name[NAME_MAX_LEN];	/* whose it is */
	bool challenged;		/* to be asked for again, with a proof */
	uint8_t challenge[CHALLENGE_LEN];	/* over this */
	uint64_t serial;
	uint8_t blob[CERT_MAX];
	size_t len;
};

/*
 * For a session that was let in with an AUTH_KEY, which is used up; wanted is
 * the name that it must be for, or "".  When that is what is wrong, the right
 * one is in name, else "".  proof (see possession.h) is NULL the first time,
 * which brings a challenge; or, of one that is so old that it has none, where
 * such agents are taken, the certificate.
 */
int ask_enrol(struct monitor *m, uint64_t session, const char *wanted,
    const uint8_t key[ED25519_KEY_LEN], const uint8_t *proof, bool old,
    struct ask_certificate *c, struct error *e);
/*
 * The next certificate of a session that was let in with one, in the same two
 * steps.  *early says that it was refused only because it is not yet due.
 */
int ask_renew(struct monitor *m, uint64_t session,
    const uint8_t key[ED25519_KEY_LEN], const uint8_t *proof, bool old,
    struct ask_certificate *c, bool *early, struct error *e);

/* --- the registry ------------------------------------------------- */

/* One change, as registry_changes() says. */
struct ask_change {
	struct peer peer;
	bool removed, revoked;
	uint64_t position;		/* see struct ask_look */
};

/* How far one has come with them; zeroed at first. */
struct ask_changes {
	bool whole;			/* at the end: all that there are */
	/* Private. */
	bool begun, more;
	uint8_t *rows;			/* of len bytes, at which we are */
	size_t len, at;
	uint64_t position;
};

/*
 * The next of what has changed since the last time: 1 and *c.  0 when that was
 * all that there was when it began, and the next call begins anew; or -1.
 */
int ask_changes(struct monitor *m, struct ask_changes *ch,
    struct ask_change *c, struct error *e);
/* Leaves the rest of a page out. */
void ask_changes_clear(struct ask_changes *ch);
/* 1 when there is a peer of that id, 0, or -1. */
int ask_registered(struct monitor *m, uint64_t id, struct error *e);
/* What was asked before and has no answer, ask_remove(), is done: 0, or -1. */
int ask_done(struct monitor *m, struct error *e);
/*
 * Notes what was seen of agents, their names included: add each, then commit.
 * They may be noted before that.  After -1 all are to be added again.
 */
int ask_seen_add(struct monitor *m, const struct peer *p, struct error *e);
int ask_seen_commit(struct monitor *m, struct error *e);
/* The list of revoked keys is current when this returns 0. */
int ask_revoked(struct monitor *m, struct error *e);
/* Its configuration is read anew. */
int ask_reload(struct monitor *m, struct error *e);

/* The file of its configuration, opened to read; or -1 with errno. */
int ask_config(struct monitor *m);

/* --- TLS ---------------------------------------------------------- */

/*
 * The certificate of TLS, with those that lead to its authority, in PEM: 1 and
 * *pem of *len bytes, which is the caller's to free, when it is another than
 * that of *generation, which is 0 at first; *pem is NULL when there is none
 * any more.  0 when it is the same, or -1.
 */
int ask_web_certificate(struct monitor *m, uint64_t *generation, char **pem,
    size_t *len, struct error *e);
/*
 * Signs what a TLS server signs in a handshake with that certificate's key;
 * see struct tls_signer.  size is that of signature.
 */
int ask_web_sign(struct monitor *m, unsigned digest, const uint8_t *p,
    size_t n, uint8_t *signature, size_t size, size_t *len, struct error *e);

/* --- sockets ------------------------------------------------------ */

/*
 * A descriptor that listens at the agent's Unix socket for that port, 0 for
 * its Docker; -1 with *e.  It is the caller's.
 */
int ask_listen(struct monitor *m, const char *agent, uint16_t port,
    struct error *e);
/* The same at 127.0.0.1, for its Docker: at its fixed port, or 0 for any. */
int ask_listen_tcp(struct monitor *m, const char *agent, uint16_t at,
    struct error *e);
/* The descriptor of that Unix socket was closed: its file goes as well. */
void ask_remove(struct monitor *m, const char *agent, uint16_t port);

#endif
