/* SPDX-License-Identifier: ISC */
/*
 * Whether others can reach a listener that was asked for on the server's
 * loopback.  A server that says nothing about it is asked through the session:
 * it is to connect to our own port by another of its addresses.  If that comes
 * back to us, the port is open to all; no byte is sent on the way.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include <event2/event.h>

#include "orthrus/base/loop.h"

#include "tunnel_private.h"

#define OPEN_MS 3000		/* for the server to connect to itself */
#define MEET_MS 1000		/* for that to come back to us */

/*
 * The addresses that are tried: one on loopback that nobody listens on who
 * asked for 127.0.0.1 or localhost, and the one that we have dialled.
 */
static bool
probe_candidate(const struct tunnel *t, unsigned n, struct address *to)
{
	const char *host = "127.0.0.2";

	if (n == 0 && strcmp(t->at.host, host) == 0)
		host = "127.0.0.3";
	else if (n == 1)
		host = t->set->server.address;
	memset(to, 0, sizeof(*to));
	to->kind = ADDRESS_TCP;
	to->port = t->port;
	snprintf(to->host, sizeof(to->host), "%s", host);
	return n == 0 || (n == 1 && host[0] != '\0' && !address_is_local(to));
}

static void
settle_reach(struct tunnel *t, bool everywhere)
{
	reach_cancel(t);
	remote_settled(t, everywhere);
}

static void
on_probe_opened(void *arg, enum open_failure reason, const char *text)
{
	struct tunnel *t = arg;
	struct endpoint *ep = channel_endpoint(t->probe);

	(void)text;
	t->probe = NULL;
	if (reason != OPEN_OK) {
		reach_check(t);
		return;
	}
	ep->ops->close(ep, true);
	t->probe_through = true;
	if (t->probe_met)
		settle_reach(t, true);
	else
		timer_set(t->probe_timer, MEET_MS);
}

/* It got nowhere, or to somebody else. */
static void
on_probe_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	reach_check(arg);
}

void
reach_check(struct tunnel *t)
{
	struct address to;

	if (t->probe_timer == NULL)
		t->probe_timer = evtimer_new(t->set->base, on_probe_timer, t);
	if (t->probe != NULL)
		channel_cancel(t->probe);
	t->probe = NULL;
	t->probe_through = t->probe_met = false;
	t->checking = true;
	if (!probe_candidate(t, t->probes++, &to) || (t->probe = mux_open(
	    t->set->mux, &to, on_probe_opened, t)) == NULL)
		settle_reach(t, false);
	else
		timer_set(t->probe_timer, OPEN_MS);
}

void
reach_met(struct tunnel *t, struct channel *ch)
{
	channel_refuse(ch, OPEN_CONNECT_FAILED, "not ready yet");
	t->probe_met = true;
	if (t->probe_through)
		settle_reach(t, true);
}

void
reach_cancel(struct tunnel *t)
{
	if (t->probe != NULL)
		channel_cancel(t->probe);
	t->probe = NULL;
	t->checking = false;
	t->probes = 0;
	if (t->probe_timer != NULL)
		event_free(t->probe_timer);
	t->probe_timer = NULL;
}
