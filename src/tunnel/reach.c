/* SPDX-License-Identifier: ISC */
/*
 * Where a plain server really listens, if it does not say so itself.  It is
 * asked through the session: it is to connect to our own port by this and
 * that address of its own.  Where that comes back to us, it listens; where
 * the connection is refused, it does not.  No byte is sent on the way.
 *
 * A port that was asked for on loopback may be open to all, and one that was
 * asked for elsewhere may be on loopback only, as with sshd's GatewayPorts.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include <event2/event.h>

#include "orthrus/base/loop.h"

#include "tunnel_private.h"

#define OPEN_MS 3000		/* for the server to connect to itself */
#define MEET_MS 1000		/* for that to come back to us */
#define PROBES_MAX 3

/*
 * An address to try, and what it means when that probe comes back to us.  When
 * it does not, the next one is tried.
 */
struct reach_probe {
	const char *host;
	enum reach means;
};

/*
 * True for loopback by the names that every server can listen on.  All that is
 * then left to know is whether others can reach it, and OpenSSH's sshd tells
 * that.
 */
static bool
asked_for_loopback(const struct tunnel *t)
{
	return strcasecmp(t->at.host, "localhost") == 0 ||
	    strcmp(t->at.host, "127.0.0.1") == 0 ||
	    strcmp(t->at.host, "::1") == 0;
}

bool
reach_is_known(const struct tunnel *t)
{
	return t->set->server.tells && asked_for_loopback(t);
}

static bool
asked_for_all(const struct tunnel *t)
{
	return strcmp(t->at.host, "*") == 0 ||
	    strcmp(t->at.host, "0.0.0.0") == 0 || strcmp(t->at.host, "::") == 0;
}

/*
 * An address of loopback on which nobody listens who was not asked for just
 * that.
 */
static const char *
other_loopback(const struct tunnel *t)
{
	return strcmp(t->at.host, "127.0.0.2") == 0 ? "127.0.0.3" : "127.0.0.2";
}

static bool
dialled_another(const struct tunnel *t)
{
	struct address dialled = { .kind = ADDRESS_TCP };

	strcpy(dialled.host, t->set->server.address);
	return dialled.host[0] != '\0' && !address_is_local(&dialled);
}

/*
 * The probes that find out whether others can reach the port, whether it can be
 * reached as it was asked for, and whether it can be reached at all.
 */
static size_t
list_probes(const struct tunnel *t, struct reach_probe probes[PROBES_MAX])
{
	bool all = asked_for_all(t);
	size_t n = 0;

	probes[n++] = (struct reach_probe){ other_loopback(t),
	    all ? REACH_ASKED : REACH_ALL };
	if (asked_for_loopback(t)) {
		if (dialled_another(t))
			probes[n++] = (struct reach_probe){
			    t->set->server.address, REACH_ALL };
		return n;
	}
	if (!all)
		probes[n++] = (struct reach_probe){ t->at.host, REACH_ASKED };
	probes[n++] = (struct reach_probe){ "127.0.0.1", REACH_LOOPBACK };
	return n;
}

static void
settle_reach(struct tunnel *t, enum reach reach)
{
	reach_cancel(t);
	remote_settled(t, reach);
}

/*
 * Nothing came back.  A port is said to be on loopback only when there is
 * proof: when the server's machine refuses connections elsewhere, and not when
 * the server forbids them, has no such address, or is slow.
 */
static void
reach_probe_failed(struct tunnel *t, bool refused)
{
	if (refused || asked_for_loopback(t))
		reach_check(t);
	else
		settle_reach(t, REACH_ASKED);
}

static void
on_reach_opened(void *arg, enum open_failure reason, const char *text)
{
	struct tunnel *t = arg;
	struct endpoint *ep = channel_endpoint(t->probe);

	t->probe = NULL;
	if (reason != OPEN_OK) {
		reach_probe_failed(t, reason == OPEN_CONNECT_FAILED &&
		    strcasestr(text, "refused") != NULL);
		return;
	}
	ep->ops->close(ep, true);
	t->probe_through = true;
	if (t->probe_met)
		settle_reach(t, t->probe_means);
	else
		timer_set(t->probe_timer, MEET_MS);
}

/* The probe got nowhere, or to somebody else. */
static void
on_reach_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	reach_probe_failed(arg, false);
}

void
reach_check(struct tunnel *t)
{
	struct address to = { .kind = ADDRESS_TCP, .port = t->port };
	struct reach_probe probes[PROBES_MAX];

	if (t->probe_timer == NULL)
		t->probe_timer = deadline_new(t->set->base, on_reach_timer, t);
	if (t->probe != NULL)
		channel_cancel(t->probe);
	t->probe = NULL;
	t->probe_through = t->probe_met = false;
	t->checking = true;
	if (t->probes >= list_probes(t, probes)) {
		settle_reach(t, REACH_ASKED);
		return;
	}
	t->probe_means = probes[t->probes].means;
	snprintf(to.host, sizeof(to.host), "%s", probes[t->probes].host);
	t->probes++;
	t->probe = mux_open(t->set->mux, &to, NULL,
	    on_reach_opened, t);
	if (t->probe == NULL)
		settle_reach(t, REACH_ASKED);
	else
		timer_set(t->probe_timer, OPEN_MS);
}

void
reach_met(struct tunnel *t, struct channel *ch)
{
	channel_refuse(ch, OPEN_CONNECT_FAILED, "not ready yet");
	t->probe_met = true;
	if (t->probe_through)
		settle_reach(t, t->probe_means);
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
