/* SPDX-License-Identifier: ISC */
/*
 * What the monitor keeps, and how it answers: the keys, the registry and the
 * guests.  Nothing here knows of processes.  Each file calls only those named
 * before it: rows.c, judge.c, certify.c, sockets.c, web_certificate.c,
 * answers.c, keeper.c.
 */
#ifndef ORTHRUS_MONITOR_KEEPER_H
#define ORTHRUS_MONITOR_KEEPER_H

#include <sys/types.h>

#include <time.h>

#include "orthrus/monitor/ca.h"
#include "orthrus/monitor/state.h"

#include "guests.h"
#include "message.h"

struct confinement;
struct page;
struct tls_server;

/* Which file it is, and as of when; size -1: none. */
struct web_certificate_stamp {
	dev_t device;
	ino_t inode;
	off_t size;
	time_t seconds;
	long nanoseconds;
};

/* That of TLS, web_certificate.c. */
struct web_certificate {
	char *path, *key_path;		/* NULL: there is none */
	struct tls_server *tls;		/* has the key; NULL: there is none */
	char *pem;			/* without the key, len bytes */
	size_t len;
	uint64_t generation;		/* another one for each certificate */
	/* Of both files: when they were last read, and last looked at. */
	struct web_certificate_stamp loaded[2], seen[2];
};

struct keeper {
	struct state *state;
	struct registry *registry;	/* the state's */
	struct ca *ca;
	uint8_t host_secret[64];	/* wiped */
	uint8_t host_blob[KEY_BLOB_LEN];
	uint64_t certificate_lifetime, renew_before;	/* seconds */
	bool old_agents;		/* need no proof that a key is theirs */
	struct guests guests;
	bool revoked_dirty;		/* revoked_keys is to be written */
	/* rows.c: changes that were read and not yet told. */
	int64_t seq;
	TAILQ_HEAD(page_list, page) pages;
	struct page *told;		/* the last of those that were */
	uint64_t position;		/* times that something was read */
	bool whole;			/* with them all peers are told */
	char *runtime;			/* directory of the sockets */
	bool docker_tcp;
	int hand;			/* goes with the answer; -1: none */
	/* How the configuration is found again; NULL: it cannot be. */
	int argc;
	char **argv;
	char *config_file, *http_socket;	/* paths, or NULL */
	char **tls_sockets;		/* paths, NULL behind the last */
	struct web_certificate web;
};

/*
 * Takes the state directory, for whose lock it waits up to wait_ms, and loads
 * the keys: NULL with *e as state_open(), state_lock() and ca_load() give it.
 */
struct keeper *keeper_open(const struct gateway_config *c, unsigned wait_ms,
    struct error *e);
/* Writes that nobody is online, and what else is due.  NULL is fine. */
void keeper_close(struct keeper *k);

/*
 * Answers the question of len bytes at p, which is wiped: writes the answer to
 * out and returns its length, 0 for a question that has none.  The descriptor
 * k->hand goes with it, and is the caller's.
 */
size_t keeper_answer(struct keeper *k, uint8_t *p, size_t len,
    uint8_t out[MESSAGE_MAX]);

/* --- rows.c ------------------------------------------------------- */

/* Reads what has changed since the last time: 0, or -1 with *e. */
int rows_collect(struct keeper *k, struct error *e);
bool rows_wait(const struct keeper *k);
/* The next rows into *a, which says whether there are more, until the next. */
void rows_tell(struct keeper *k, struct message *a);
void rows_clear(struct keeper *k);
/* Writes what was seen: 0, or -1 with *e. */
int rows_save(struct keeper *k, const struct message *q, struct error *e);

/* --- judge.c ------------------------------------------------------ */

/*
 * May this request log in, and when it is signed: does it?  Then the guest of
 * the question is let in.  0 and *row and *serial, or -1 with *e.
 */
int judge_key(struct keeper *k, const struct message *q, struct peer_row *row,
    uint64_t *serial, struct error *e);
/* The same for an AUTH_KEY, and whose it is. */
int judge_password(struct keeper *k, const struct message *q, uint64_t *id,
    struct error *e);

/* --- certify.c ---------------------------------------------------- */

/* For a guest that enrols, and one that was let in: 0, or -1 with *e. */
int certify_enrol(struct keeper *k, const struct message *q,
    struct message *a, struct error *e);
int certify_renew(struct keeper *k, const struct message *q,
    struct message *a, struct error *e);

/* --- sockets.c ---------------------------------------------------- */

/* For an agent: 0 and k->hand, or -1 with *e. */
int sockets_listen(struct keeper *k, const struct message *q,
    struct error *e);
int sockets_listen_tcp(struct keeper *k, const struct message *q,
    struct error *e);
/* With Docker's goes the directory, of an agent that is registered no more. */
void sockets_remove(struct keeper *k, const struct message *q);
/* What an earlier gateway left: sockets, and directories of who is gone. */
void sockets_sweep(struct keeper *k);
/* The files of the other sockets, where nobody listens any more. */
void sockets_forget(const struct keeper *k);

/* --- web_certificate.c -------------------------------------------- */

/* What conf names: 0, or -1 with *e. */
int web_certificate_open(struct web_certificate *c,
    const struct gateway_config *conf, struct error *e);
void web_certificate_close(struct web_certificate *c);
/*
 * What conf names from now on, read at once: 0, or -1 with *e, and the former
 * one stays in use.
 */
int web_certificate_rename(struct web_certificate *c,
    const struct gateway_config *conf, struct error *e);
int web_certificate_tell(struct keeper *k, const struct message *q,
    struct message *a, struct error *e);
int web_certificate_sign(struct keeper *k, const struct message *q,
    struct message *a, struct error *e);
/* Opens where the files are. */
void web_certificate_confinement(struct confinement *w,
    const struct gateway_config *c);

/* --- answers.c ---------------------------------------------------- */

/* Answers q into *a, of which kind and session are filled in: 0, -1 with *e. */
int answer_question(struct keeper *k, const struct message *q,
    struct message *a, struct error *e);

#endif
