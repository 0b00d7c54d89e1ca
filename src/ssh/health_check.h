/* SPDX-License-Identifier: ISC */
/*
 * Whether a server is there, and how far away: a transport is opened to it as
 * for a session, both sides identify themselves (RFC 4253 section 4.2), it
 * begins its key exchange, and that is all.  A login would tell more, but costs
 * a key exchange and two signatures each time, and makes the agent look online
 * where it is not.
 */
#ifndef ORTHRUS_SSH_HEALTH_CHECK_H
#define ORTHRUS_SSH_HEALTH_CHECK_H

#include <stdint.h>

#include "orthrus/base/error.h"
#include "orthrus/transport/open.h"

struct dialer;
struct event_base;
struct health_check;

/*
 * Called once, when the check is gone.  rtt_ms: the milliseconds from our
 * identification to what a server says when it has read it; -1: it did not
 * answer, as why says.
 */
typedef void health_checked(void *arg, int64_t rtt_ms,
    const struct error *why);

/* Never calls checked from inside.  What config points to must outlive it. */
struct health_check *health_check_start(struct event_base *base,
    struct dialer *dialer, const struct server *server,
    const struct transport_config *config, health_checked *checked, void *arg);
/* Ends it without calling checked.  NULL is fine. */
void health_check_cancel(struct health_check *c);

#endif
