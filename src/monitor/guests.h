/* SPDX-License-Identifier: ISC */
/*
 * Those whom the monitor knows: each session whose first exchange hash it has
 * signed, and as whom it has let them in.
 */
#ifndef ORTHRUS_MONITOR_GUESTS_H
#define ORTHRUS_MONITOR_GUESTS_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "orthrus/proto/auth_key.h"
#include "orthrus/proto/possession.h"
#include "orthrus/proto/userauth.h"

#define GUESTS_MAX 65536	/* sessions, logged in or not */

enum guest_kind {
	GUEST_STRANGER,		/* not let in */
	GUEST_PEER,		/* an agent or a client */
	GUEST_ENROLS		/* by an AUTH_KEY */
};

struct guest {
	LIST_ENTRY(guest) next;
	uint64_t number;		/* the network process' for it */
	uint8_t session_id[SESSION_ID_MAX];	/* RFC 4253 section 7.2 */
	size_t id_len;
	enum guest_kind kind;
	uint64_t peer;			/* its id in the registry */
	char name[NAME_MAX_LEN];	/* of the same */
	uint64_t serial;		/* of its certificate, 0: none */
	uint64_t newest;		/* that, or the last one it got here */
	uint64_t valid_before;		/* of serial, UNIX seconds */
	bool challenged;		/* and it has not answered yet */
	unsigned challenges;		/* so far */
	uint8_t challenge[CHALLENGE_LEN];
	struct auth_key auth;		/* GUEST_ENROLS; wiped */
};

LIST_HEAD(guest_list, guest);

struct guests {
	struct guest_list slots[1024];
	size_t n;
};

/* NULL: none of that number. */
struct guest *guests_find(const struct guests *set, uint64_t number);
/*
 * A stranger of that session id, of 1 to SESSION_ID_MAX bytes; NULL while
 * there are too many.  There must be none of that number.
 */
struct guest *guests_add(struct guests *set, uint64_t number,
    const uint8_t *id, size_t len);
void guests_remove(struct guests *set, struct guest *guest);
void guests_clear(struct guests *set);

#endif
