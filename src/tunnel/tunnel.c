/* SPDX-License-Identifier: ISC */
/* One tunnel: its state in words, and its end with its last stream. */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <event2/event.h>

#include "orthrus/base/mem.h"
#include "orthrus/transport/listener.h"

#include "tunnel_private.h"

void
tunnel_set_state(struct tunnel *t, enum tunnel_state state, const char *fmt,
    ...)
{
	va_list ap;

	t->state = state;
	va_start(ap, fmt);
	vsnprintf(t->error, sizeof(t->error), fmt, ap);
	va_end(ap);
	if (t->set->changed != NULL)
		t->set->changed(t->set->changed_arg);
}

const char *
tunnel_label(const struct tunnel *t)
{
	static const char *const kind[] = {
		[TUNNEL_LOCAL] = "local forward",
		[TUNNEL_SOCKS5] = "SOCKS5",
		[TUNNEL_REMOTE] = "remote forward",
		[TUNNEL_DOCKER] = "Docker",
		[TUNNEL_EXPOSE] = "exposed port"
	};
	static char text[NAME_MAX_LEN + 32];

	snprintf(text, sizeof(text), "%s%s%s", is_remote_socks(t) ?
	    "remote SOCKS5" : kind[t->config.kind],
	    t->config.name[0] != '\0' ? " " : "", t->config.name);
	return text;
}

void
tunnel_free(struct tunnel *t)
{
	listener_free(t->listener);
	if (t->retry != NULL)
		event_free(t->retry);
	secret_free(t->username);
	secret_free(t->password);
	muzzle_free(t->muzzle);
	free(t);
}

void
tunnel_release(struct tunnel *t)
{
	t->open--;
	if (!t->removed || t->open > 0)
		return;
	TAILQ_REMOVE(&t->set->removed, t, next);
	tunnel_free(t);
}
