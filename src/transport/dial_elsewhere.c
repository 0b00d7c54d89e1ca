/* SPDX-License-Identifier: ISC */
/*
 * A dialer whose connections another process makes (dial_service.c): it asks,
 * and is handed what is connected.
 */
#include <sys/queue.h>

#include <errno.h>
#include <unistd.h>

#include <event2/event.h>

#include "orthrus/base/log.h"
#include "orthrus/base/loop.h"
#include "orthrus/base/mem.h"

#include "dial_private.h"
#include "dial_service.h"

void
dial_elsewhere(struct dial *d, uint64_t timeout_ms)
{
	d->id = ++d->dialer->ids;
	if (d->to.kind == ADDRESS_TCP &&
	    dial_ask(d->dialer->other, d->id, &d->to, timeout_ms) == 0)
		return;
	d->error = EAGAIN;
	timer_set(d->step, 0);
}

static struct dial *
dial_by_id(const struct dialer *dialer, uint64_t id)
{
	struct dial *d;

	LIST_FOREACH(d, &dialer->dials, link)
		if (d->id == id)
			return d;
	return NULL;
}

/* An answer to one that was cancelled meanwhile is dropped. */
static void
on_dial_heard(evutil_socket_t fd, short what, void *arg)
{
	struct dialer *dialer = arg;
	struct dial_answer a;
	struct dial *d;
	int rc = dial_hear((int)fd, &a);

	(void)what;
	if (rc == -1) {
		event_del(dialer->heard);
		log_error("the process that connects for others has ended: "
		    "nothing is connected to until a restart");
	}
	if (rc != 1)
		return;
	if ((d = dial_by_id(dialer, a.id)) != NULL)
		dial_finish(d, a.fd, a.fd != -1 ? 0 : a.error);
	else if (a.fd != -1)
		close(a.fd);
}

struct dialer *
dialer_new_elsewhere(struct event_base *base, int fd)
{
	struct dialer *dialer = xcalloc(1, sizeof(*dialer));

	dialer->base = base;
	dialer->other = fd;
	dialer->heard = event_new(base, fd, EV_READ | EV_PERSIST,
	    on_dial_heard, dialer);
	event_add(dialer->heard, NULL);
	LIST_INIT(&dialer->dials);
	return dialer;
}

void
dialer_reload(struct dialer *d)
{
	const struct address nobody = { .kind = ADDRESS_TCP };

	if (d->other != -1)
		dial_ask(d->other, 0, &nobody, 0);
}
