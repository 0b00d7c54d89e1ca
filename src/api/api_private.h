/* SPDX-License-Identifier: ISC */
/* What the files of charon's HTTP API share: the routes, lists, the token. */
#ifndef ORTHRUS_API_API_PRIVATE_H
#define ORTHRUS_API_API_PRIVATE_H

#include "orthrus/api/api.h"
#include "orthrus/base/mem.h"
#include "orthrus/gateway/view.h"
#include "orthrus/http/server.h"

#define API_JSON "Content-Type: application/json\r\n"

/* --- token.c ------------------------------------------------------ */

#define TOKEN_LEN 43		/* 256 bits in base64url */

/* Reads DIRECTORY/http.token, or makes it (0600).  0, or -1 with *e. */
int token_load(const char *directory, char token[TOKEN_LEN + 1],
    struct error *e);
/* Is this the value of an Authorization header that holds the token? */
bool token_matches(const char *token, const char *value, size_t len);

/* --- list.c: something of every agent, piece by piece ------------- */

/* What is sent of all agents one after the other. */
struct list_part {
	/* Before the first, also where there is none; NULL: nothing. */
	void (*begin)(const void *arg, struct buffer *out);
	/* Of one; first: nothing was written of another in this part yet. */
	void (*each)(const void *arg, const struct gateway *g,
	    struct agent *a, bool first, struct buffer *out);
	const void *arg;
};

/*
 * Answers with lines as headers and with head (cleared), then n parts (static),
 * each with the same agents in the order of names as far as they are still
 * there, then tail (static text).  No more is made than the client takes.
 */
void list_answer(struct gateway *g, struct http_conn *c, const char *lines,
    struct buffer *head, const struct list_part *parts, size_t n,
    const char *tail);
/* Where head, or what each writes, goes; its limit is the larger piece's. */
void list_buffer(struct buffer *out);

/* --- the routes --------------------------------------------------- */

/* agents.c */
void answer_agents(struct gateway *g, struct http_conn *c);
void answer_agent(struct gateway *g, struct http_conn *c, struct agent *a);
/* metrics.c */
void answer_metrics(struct gateway *g, struct http_conn *c);
/* agent_metrics.c: what it ends with. */
extern const struct list_part agent_metrics[];
extern const size_t nagent_metrics;

#endif
