/* SPDX-License-Identifier: ISC */
/* What others see of the link: its session, its gateways, and their counters. */
#include "config.h"

#include <string.h>

#include "orthrus/base/loop.h"
#include "orthrus/ssh/mux.h"

#include "link_private.h"

/* The server tried or in use, or the one that is tried next. */
static const struct server *
server_of_interest(const struct link *l)
{
	size_t n = l->config.nservers, i = l->session != NULL ?
	    l->session->at : gateways_next(l->known, n, l->config.prefer);

	return i < n ? &l->config.servers[i] : l->session != NULL ?
	    &l->session->server : &l->config.servers[0];
}

static uint64_t
time_to_retry(const struct link *l)
{
	uint64_t now = clock_ms();

	return l->state == LINK_BACKOFF && l->retry_at > now ?
	    l->retry_at - now : 0;
}

void
link_info(const struct link *l, struct link_info *info)
{
	memset(info, 0, sizeof(*info));
	info->state = l->state;
	info->server = server_of_interest(l);
	info->since = l->since;
	info->retry_ms = time_to_retry(l);
	info->reconnects = l->sessions > 0 ? l->sessions - 1 : 0;
	info->session.kex = info->session.cipher = "";
	info->session.transport = info->session.identification = "";
	info->session.rtt_ms = -1;
	if (l->session == NULL)
		return;
	outbound_info(l->session->outbound, &info->session);
	if (info->session.parted) {	/* it is looked for */
		info->state = LINK_CONNECTING;
		info->since = info->session.parted_at;
	}
}

static enum gateway_state
gateway_state(const struct link *l, size_t i)
{
	static const enum gateway_state states[] = {
		[GATEWAY_UNKNOWN] = GATEWAY_IS_UNKNOWN,
		[GATEWAY_WELL] = GATEWAY_IS_UP,
		[GATEWAY_ILL] = GATEWAY_IS_DOWN,
		[GATEWAY_AWAY] = GATEWAY_IS_DOWN
	};
	const struct link_session *s;

	if (l->session != NULL && l->session->at == i)
		return l->state == LINK_CONNECTED ? GATEWAY_IS_IN_USE :
		    GATEWAY_IS_TRIED;
	if (l->coming != NULL && l->coming->at == i)
		return GATEWAY_IS_TRIED;
	TAILQ_FOREACH(s, &l->left, next)
		if (s->at == i)
			return GATEWAY_IS_LEFT;
	return states[l->known[i].health];
}

void
link_gateways(const struct link *l, void (*each)(void *arg,
    const struct link_gateway *g), void *arg)
{
	struct link_gateway g;
	struct outbound_info info;
	size_t i;

	for (i = 0; i < l->config.nservers; i++) {
		g.server = &l->config.servers[i];
		g.rtt_ms = l->known[i].rtt_ms;
		g.state = gateway_state(l, i);
		if (g.state == GATEWAY_IS_IN_USE) {
			outbound_info(l->session->outbound, &info);
			if (info.rtt_ms >= 0)
				g.rtt_ms = info.rtt_ms;
		}
		each(arg, &g);
	}
}

void
link_counters(const struct link *l, struct mux_counters *sum)
{
	const struct link_session *s;
	struct mux_counters c;

	if (l->state == LINK_CONNECTED)
		mux_counters(l->session->mux, sum);
	TAILQ_FOREACH(s, &l->left, next) {
		mux_counters(s->mux, &c);
		sum->open += c.open;
		sum->total += c.total;
		sum->in += c.in;
		sum->out += c.out;
		sum->backlog += c.backlog;
	}
}
