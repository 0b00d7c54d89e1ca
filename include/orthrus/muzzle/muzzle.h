/* SPDX-License-Identifier: ISC */
/*
 * The Muzzle: stands between clients and a Docker engine's socket.  Every
 * request on every connection is judged by the policy and written anew for
 * the engine; answers are checked, and secrets are taken out of them.
 */
#ifndef ORTHRUS_MUZZLE_MUZZLE_H
#define ORTHRUS_MUZZLE_MUZZLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "orthrus/base/address.h"
#include "orthrus/base/error.h"
#include "orthrus/muzzle/policy.h"

/* Clients at once, and streams (logs -f, stats, events) among them. */
#define MUZZLE_CLIENTS_MAX 4096
#define MUZZLE_STREAMS_MAX 256

struct account;
struct dialer;
struct endpoint;
struct event_base;
struct http_conn;
struct http_request;
struct http_way;
struct muzzle;

/*
 * One for each engine.  engine is its socket, which need not be there yet.
 * The policy is copied, here and below.
 */
struct muzzle *muzzle_new(struct event_base *base, struct dialer *dialer,
    const struct address *engine, const struct policy *policy);
/*
 * What is wrong with the engine's socket, where connecting to it or looking at
 * it failed with error, and what to do about it.
 */
const char *muzzle_advice(const struct muzzle *m, int error,
    char text[ERROR_TEXT_MAX]);
/*
 * Has the engine asked with /_ping every 10 s whether it answers (3 s while it does not), which wakes
 * one that sleeps until it is needed.
 */
void muzzle_probe(struct muzzle *m);
/*
 * Keeps connections to the engine for a fifth of a second at most beyond their
 * clients, for those who come next.  For who is asked by many clients that each
 * ask once; through a tunnel it would save nothing that is noticed, and a
 * request may be sent again where the engine has closed such a connection.
 */
void muzzle_keep_spares(struct muzzle *m);

/*
 * One whose engine is reached that way (see http/upstream.h; copied), and is
 * not asked whether it answers.  label (copied) stands in front of what is
 * logged.
 */
struct muzzle *muzzle_new_over(struct event_base *base,
    const struct http_way *way, const char *label,
    const struct policy *policy);
/* From the next request on, also of clients that are connected. */
void muzzle_set_policy(struct muzzle *m, const struct policy *policy);
/* Cuts off the clients that are left. */
void muzzle_free(struct muzzle *m);

/*
 * The Muzzle's side of one client's connection: join it with the client's
 * endpoint by relay_start().  Freed by its close().  payer is as for
 * http_conn_new().
 */
struct endpoint *muzzle_endpoint_new(struct muzzle *m, struct account *payer);

/*
 * Answers r, a request on a connection of another server (http/server.h), as
 * if the len bytes at target had been sent here.
 */
void muzzle_serve(struct muzzle *m, struct http_conn *c,
    const struct http_request *r, const char *target, size_t len);

/* What to set DOCKER_HOST to where at is listened on. */
#define DOCKER_HOST_MAX (ADDRESS_TEXT_MAX + 8)
const char *docker_host(const struct address *at, char text[DOCKER_HOST_MAX]);

/* About the engine, as it has told; clean UTF-8, "" when unknown. */
#define MUZZLE_FACT_MAX 128	/* with NUL; what is longer is left out */
#define MUZZLE_NETWORKS_MAX 16
struct muzzle_facts {
	char version[MUZZLE_FACT_MAX];
	char networks[MUZZLE_NETWORKS_MAX][MUZZLE_FACT_MAX];
	size_t nnetworks;
};

/* Has the engine asked for them now and every minute, or no more. */
void muzzle_watch(struct muzzle *m, bool on);

struct muzzle_info {
	bool ping;			/* the engine has answered lately */
	const char *why;		/* it does not, in a few words, or "" */
	const char *error;		/* the same, and what to do, or "" */
	uint64_t allowed, denied;	/* requests so far */
	size_t clients, streams;	/* now */
	const struct muzzle_facts *facts;	/* of the muzzle's memory */
};
void muzzle_info(const struct muzzle *m, struct muzzle_info *info);

#endif
