/* Asks the engine with /_ping now and then, for the status. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "orthrus/base/mem.h"

#include "answer.h"
#include "engine.h"
#include "private.h"

#define PROBE_SECONDS 10
#define PROBE_ANSWER_SECONDS 5

struct probe {
	struct muzzle *m;
	struct event *timer;
	bool asked;			/* once at least */
	struct engine *engine;		/* NULL: between two probes */
	struct answer answer;
	struct buffer out;		/* what a client would see; unread */
};

/* The engine's last words are kept as text that lives for ever. */
static void
done(struct probe *p, const char *why)
{
	struct timeval tv = { PROBE_SECONDS, 0 };

	engine_free(p->engine);
	p->engine = NULL;
	answer_clear(&p->answer);
	buffer_clear(&p->out);
	if (why == NULL)
		muzzle_engine_answered(p->m);
	else if (p->m->ping || !p->asked)	/* told once, when it goes */
		muzzle_engine_failed(p->m, why);
	else
		p->m->error = why;
	p->asked = true;
	evtimer_add(p->timer, &tv);
}

static void
on_lost(void *arg, const char *why)
{
	done(arg, why);
}

static void
on_data(void *arg, const uint8_t *bytes, size_t n)
{
	struct probe *p = arg;
	const char *why = NULL;

	switch (answer_feed(&p->answer, bytes, n, &p->out, &why)) {
	case ANSWER_MORE:
		break;
	case ANSWER_DONE:
		done(p, p->answer.parsed.status == 200 ? NULL :
		    "it does not answer /_ping with 200");
		break;
	case ANSWER_BAD:
		done(p, why);
		break;
	}
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	static const struct engine_events events = { on_data, on_lost };
	static const struct verdict ping = { .kind = ANSWER_WHOLE,
	    .head = true };
	static const char request[] = "HEAD /_ping HTTP/1.1\r\nHost: docker\r\n"
	    "User-Agent: orthrus/" PACKAGE_VERSION "\r\n\r\n";
	struct timeval tv = { PROBE_ANSWER_SECONDS, 0 };
	struct probe *p = arg;

	(void)fd;
	(void)what;
	if (p->engine != NULL) {
		done(p, "it does not answer /_ping");
		return;
	}
	answer_begin(&p->answer, &ping, false, false);
	p->engine = engine_new(p->m->base, p->m->dialer, &p->m->engine,
	    NULL, &events, p);
	engine_send(p->engine, request, sizeof(request) - 1);
	evtimer_add(p->timer, &tv);
}

struct probe *
probe_new(struct muzzle *m)
{
	struct probe *p = xcalloc(1, sizeof(*p));
	struct timeval now = { 0, 0 };

	p->m = m;
	buffer_init(&p->out, ANSWER_OUT_MAX);
	p->timer = evtimer_new(m->base, on_timer, p);
	evtimer_add(p->timer, &now);
	return p;
}

void
probe_free(struct probe *p)
{
	engine_free(p->engine);
	answer_clear(&p->answer);
	buffer_clear(&p->out);
	event_free(p->timer);
	free(p);
}
