/* SPDX-License-Identifier: ISC */
/*
 * What the Muzzle lets through: one table of routes of the Docker Engine API,
 * each with its methods, its parameters and the kind of its answer.  Pure:
 * from a method and a target to a verdict, which holds the target as it is
 * sent to the engine, newly written from its parsed parts.
 */
#ifndef ORTHRUS_MUZZLE_POLICY_H
#define ORTHRUS_MUZZLE_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "orthrus/base/error.h"

#define MUZZLE_TARGET_MAX 8192	/* bytes of a target as the client sends it */
#define MUZZLE_FILTERS_MAX 2048	/* of filters that take a filter in */

/* Actions that the owner of the host may open, one bit each. */
enum {
	ACTION_START = 1 << 0,
	ACTION_STOP = 1 << 1,
	ACTION_RESTART = 1 << 2,
	ACTION_KILL = 1 << 3,
	ACTION_PAUSE = 1 << 4,
	ACTION_UNPAUSE = 1 << 5
};

/*
 * What the owner of the host has decided.  The lists are names.h's, and belong
 * to somebody else.
 */
struct policy {
	unsigned actions;		/* that are open */
	bool redact;			/* environment and volume options */
	const char *hosts;		/* of Host, answered beside the local */
	const char *reveal;		/* variables whose values stay */
	const char *registries;		/* whose images may be looked up */
};

/* One with lists of its own, for policy_clear(). */
struct policy policy_copy(const struct policy *p);
void policy_clear(struct policy *copy);

/*
 * What somebody else, such as a gateway, may have to say about it.  There is
 * no way to say "more": every member takes away.
 */
struct policy_limits {
	unsigned actions_closed;
	bool redact_always;
};

struct policy policy_narrow(struct policy p, const struct policy_limits *by);

/*
 * Adds one word of "start,stop,restart,kill,pause,unpause" to *actions: 0, or
 * -1 with *e (EX_CONFIG).  "exec" and the like have no word.
 */
int policy_action(const char *word, unsigned *actions, struct error *e);

enum answer_kind {
	ANSWER_WHOLE,		/* ends by itself; passed on as it comes */
	ANSWER_REDACTED,	/* JSON, whose secrets are taken out */
	/* The same, but of what does not run podman may have nothing to say. */
	ANSWER_READINGS,
	ANSWER_STREAM,		/* may last for ever; passed on as it comes */
	ANSWER_EVENTS,		/* may last for ever: JSON, redacted */
	ANSWER_ACTION,		/* of something done, which may take long */
	ANSWER_SWARM		/* made here where the engine has no Swarm */
};

/* May it last for ever? */
bool answer_lasts(enum answer_kind kind);

struct verdict {
	int status;		/* 0: allowed; else the HTTP status to answer */
	char reason[192];	/* for people, when refused */
	/*
	 * What of the client's it is about, in printable ASCII, or "".  For
	 * the client, never for a log.
	 */
	char about[80];
	/*
	 * For logs and tables, never the client's own bytes: the rule's
	 * "GET /containers/{name}/json", else the class of the route, such as
	 * "POST containers" or "OTHER other".
	 */
	const char *rule;
	char route_class[64];
	enum answer_kind kind;
	bool redact;		/* errors and actions tell secrets, too */
	bool head;		/* no body will follow */
	const char *method;	/* for the engine */
	/* Parameters that asked for nothing, with commas between, or "". */
	char dropped[64];
	/* For the engine. */
	char target[3 * (MUZZLE_TARGET_MAX + MUZZLE_FILTERS_MAX) + 16];
};

/* Why it is refused, for the client: what it is about, and the reason. */
#define VERDICT_TEXT_MAX 288
void verdict_text(const struct verdict *v, char text[VERDICT_TEXT_MAX]);

/*
 * Judges one request.  method and target are the client's bytes as they stand
 * in the request line (RFC 9112 section 3): a token, and anything at all.
 */
void policy_judge(const struct policy *p, const char *method,
    const char *target, size_t len, struct verdict *v);

/*
 * Judges the n bytes of body of an action that v allows: 0, or -1 with the
 * refusal in v.  It may be empty, {} or null, or an object of what the query
 * says, too; the engine gets none.
 */
#define MUZZLE_BODY_MAX 4096
int policy_judge_body(struct verdict *v, const uint8_t *p, size_t n);

/*
 * The table as text, a row at a time: i from 0 until false is returned.
 * parameters is a list with spaces, "" for none, and so is dropped: those
 * that are dropped where they ask for nothing, with the values that do.
 */
struct policy_row {
	const char *methods, *pattern, *parameters, *dropped, *action;
	enum answer_kind kind;
};
bool policy_row(size_t i, struct policy_row *row);

#endif
