/* SPDX-License-Identifier: ISC */
/* See service.h. */
#include "orthrus/base/service.h"

#include <signal.h>
#include <stdlib.h>

#include <event2/event.h>

#include "orthrus/base/loop.h"
#include "orthrus/base/mem.h"
#include "orthrus/base/notify.h"
#include "orthrus/base/os.h"

#include "notify_private.h"

struct service {
	struct service_events events;
	void *arg;
	struct event *term, *interrupt, *hangup, *watchdog;
};

static void
on_stop_signal(evutil_socket_t sig, short what, void *arg)
{
	struct service *s = arg;

	(void)what;
	s->events.stop(s->arg, (int)sig);
}

static void
on_sighup(evutil_socket_t sig, short what, void *arg)
{
	struct service *s = arg;

	(void)sig;
	(void)what;
	s->events.reload(s->arg);
}

static void
on_watchdog(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	notify_send("WATCHDOG=1");
}

static struct event *
start_event(struct event *ev, const struct timeval *tv)
{
	event_add(ev, tv);
	return ev;
}

struct service *
service_new(struct event_base *base, const struct service_events *events,
    void *arg)
{
	struct service *s = xcalloc(1, sizeof(*s));
	uint64_t ms = notify_watchdog_ms();
	struct timeval tv = { (time_t)(ms / 1000),
	    (suseconds_t)(ms % 1000 * 1000) };

	s->events = *events;
	s->arg = arg;
	os_raise_descriptor_limit();
	loop_watch();
	signal(SIGPIPE, SIG_IGN);
	s->term = start_event(evsignal_new(base, SIGTERM, on_stop_signal, s),
	    NULL);
	s->interrupt = start_event(evsignal_new(base, SIGINT, on_stop_signal,
	    s), NULL);
	if (events->reload != NULL)
		s->hangup = start_event(evsignal_new(base, SIGHUP, on_sighup,
		    s), NULL);
	if (ms > 0)
		s->watchdog = start_event(event_new(base, -1, EV_PERSIST,
		    on_watchdog, s), &tv);
	return s;
}

void
service_free(struct service *s)
{
	if (s == NULL)
		return;
	event_free(s->term);
	event_free(s->interrupt);
	if (s->hangup != NULL)
		event_free(s->hangup);
	if (s->watchdog != NULL)
		event_free(s->watchdog);
	free(s);
}
