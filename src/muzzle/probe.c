/* SPDX-License-Identifier: ISC */
/* Asks the engine with /_ping now and then, for the status. */
#include "config.h"

#include <stdlib.h>

#include "orthrus/base/loop.h"
#include "orthrus/base/mem.h"
#include "orthrus/http/get.h"

#include "muzzle_private.h"

#define PROBE_SECONDS 10
#define PROBE_SOON_SECONDS 3	/* while it does not answer */
#define PROBE_ANSWER_SECONDS 5

struct probe {
	struct muzzle *m;
	struct event *timer;
	struct http_get *question;	/* NULL: between two probes */
};

static void
on_probe_answer(void *arg, int status, const uint8_t *body, size_t n,
    const char *why)
{
	struct probe *p = arg;

	(void)body;
	(void)n;
	p->question = NULL;
	if (why == NULL && status != 200)
		why = "it does not answer /_ping with 200";
	if (why == NULL)
		muzzle_engine_answered(p->m);
	else
		muzzle_engine_is_down(p->m, why);
	timer_set(p->timer, (why == NULL ? PROBE_SECONDS :
	    PROBE_SOON_SECONDS) * 1000);
}

static void
on_probe_timer(evutil_socket_t fd, short what, void *arg)
{
	struct probe *p = arg;

	(void)fd;
	(void)what;
	p->question = http_get_start(p->m->base, &p->m->way,
	    "HEAD /_ping HTTP/1.1\r\n" ENGINE_HEADERS "\r\n", 0,
	    PROBE_ANSWER_SECONDS, on_probe_answer, p);
}

struct probe *
probe_new(struct muzzle *m)
{
	struct probe *p = xcalloc(1, sizeof(*p));

	p->m = m;
	p->timer = evtimer_new(m->base, on_probe_timer, p);
	timer_set(p->timer, 0);
	return p;
}

void
probe_free(struct probe *p)
{
	http_get_cancel(p->question);
	event_free(p->timer);
	free(p);
}
