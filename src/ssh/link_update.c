/* SPDX-License-Identifier: ISC */
/* Another configuration of the link: what of its sessions may go on. */
#include "config.h"

#include <string.h>

#include <event2/event.h>

#include "orthrus/base/log.h"

#include "link_private.h"

/* The place of the session's server in the new list, or nservers. */
static size_t
place_of(const struct link_session *s, const struct link_config *config)
{
	char now[SERVER_TEXT_MAX], text[SERVER_TEXT_MAX];
	size_t i;

	server_format(&s->server, now);
	for (i = 0; i < config->nservers; i++)
		if (strcmp(server_format(&config->servers[i], text), now) == 0)
			break;
	return i;
}

/* Whether it may go on at all: its key is trusted, and its user is ours. */
static bool
may_go_on(const struct link_session *s, const struct link_config *config)
{
	const struct hostkey_policy *policy = &config->session.policy;
	struct outbound_info info;
	size_t i;

	outbound_info(s->outbound, &info);
	for (i = 0; i < policy->npins; i++)
		if (strcmp(policy->pins[i], info.host_key) == 0)
			break;
	if (policy->npins > 0 && i == policy->npins)
		return false;
	for (i = 0; i < config->nservers; i++)
		if (strcmp(config->servers[i].user, s->server.user) == 0)
			return true;
	return false;
}

/* Ends those that were left and may not go on. */
static void
update_left(struct link *l, const struct link_config *config)
{
	struct link_session *s, *following;

	for (s = TAILQ_FIRST(&l->left); s != NULL; s = following) {
		following = TAILQ_NEXT(s, next);
		s->at = place_of(s, config);
		if (may_go_on(s, config))
			outbound_set_transport(s->outbound,
			    &config->session.transport);
		else
			link_left_over(s);
	}
}

/* The session in use is with a server that is still there, or has to be left. */
static void
update_session(struct link *l, bool parted)
{
	l->session->at = place_of(l->session, &l->config);
	if (l->session->at < l->config.nservers) {
		link_watch(l);
		link_parted(l, parted);
		return;
	}
	l->parted = parted;
	log_info("the server in use is not configured any more: another one "
	    "takes its place");
	link_move_away(l, true);
}

void
link_update(struct link *l, const struct link_config *config)
{
	bool parted, stays = l->state == LINK_CONNECTED &&
	    may_go_on(l->session, config);

	link_watch_clear(l);
	link_forget_coming(l);
	parted = l->parted;
	link_stay(l);
	update_left(l, config);
	if (l->state == LINK_CONNECTED && !stays) {
		log_info("the user, or the key of the server in use, is not "
		    "configured any more: connecting anew");
		link_down(l);
	}
	if (stays)
		outbound_set_transport(l->session->outbound,
		    &config->session.transport);
	else {
		link_session_free(l->session);
		l->session = NULL;
	}
	link_take_config(l, config);
	if (stays)
		update_session(l, parted);
	else
		link_begin(l);
}
