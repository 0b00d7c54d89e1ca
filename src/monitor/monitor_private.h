/* SPDX-License-Identifier: ISC */
/* The network process' end: who the monitor is, and how it is asked. */
#ifndef ORTHRUS_MONITOR_MONITOR_PRIVATE_H
#define ORTHRUS_MONITOR_MONITOR_PRIVATE_H

#include <sys/types.h>

#include "orthrus/monitor/monitor.h"

#include "message.h"

#define ROWS_MAX (MESSAGE_MAX - 256)	/* of what was seen, in one question */

struct event;

struct monitor {
	int fd;				/* SOCK_SEQPACKET */
	int hand;			/* came with the last answer; or -1 */
	pid_t pid;
	bool lost;
	struct event *end;		/* NULL: not watched */
	struct event_base *base;
	uint8_t host_blob[KEY_BLOB_LEN];
	size_t rows_len;
	uint8_t rows[ROWS_MAX];
	uint8_t in[MESSAGE_MAX], out[MESSAGE_MAX];
};

/*
 * Waits for the next word of the monitor, which must be of that kind: 0, or -1
 * with *e.  a points into m->in.
 */
int monitor_hear(struct monitor *m, enum message_kind kind, struct message *a,
    struct error *e);
/* Says q, wiping what was sent: 0, or -1 with *e. */
int monitor_say(struct monitor *m, const struct message *q, struct error *e);

#endif
