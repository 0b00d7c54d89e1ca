/* SPDX-License-Identifier: ISC */
/*
 * Egress: a process beside the others that resolves names and connects for
 * clients.  It holds every address against [egress] of the configuration, which
 * it reads itself, and hands over what is connected.
 */
#include "config.h"

#include <stdlib.h>
#include <unistd.h>

#include <event2/event.h>

#include "orthrus/base/confine.h"
#include "orthrus/base/helper.h"
#include "orthrus/base/log.h"
#include "orthrus/base/loop.h"
#include "orthrus/base/mem.h"
#include "orthrus/base/privileges.h"
#include "orthrus/conf/gateway.h"
#include "orthrus/gateway/serve.h"
#include "orthrus/monitor/monitor.h"
#include "orthrus/proto/egress.h"
#include "orthrus/transport/dial.h"
#include "orthrus/transport/own.h"

#include "gateway.h"

/* What the process has that connects. */
struct connecting {
	struct event_base *base;
	struct gateway_config *config;	/* as last read */
	int argc;
	char **argv;
};

/* One of our own addresses, or what leads to one through the network. */
static bool
leads_here(const struct sockaddr *resolved)
{
	struct sockaddr_in v4;

	return address_is_own(resolved) || (egress_embedded(resolved, &v4) &&
	    address_is_own((struct sockaddr *)&v4));
}

static bool
egress_allowed(void *arg, const struct address *to,
    const struct sockaddr *resolved)
{
	const struct gateway_config *c = ((struct connecting *)arg)->config;

	return egress_allows(c->egress, c->negress, to->host, to->port) &&
	    egress_address_allowed(c->egress, c->negress, to->host, to->port,
	    resolved) && (egress_names_address(c->egress, c->negress,
	    to->port, resolved) || !leads_here(resolved));
}

static void
ignore_line(void *arg, const char *line)
{
	(void)arg;
	(void)line;
}

/* Who says that it has changed has told by now what is wrong with it. */
static void
on_egress_reload(void *arg)
{
	struct connecting *n = arg;
	struct gateway_config *c;
	int code;

	c = gateway_config_load(n->argc, n->argv, ignore_line, NULL, &code);
	if (c == NULL)
		return;
	gateway_config_free(n->config);
	n->config = c;
}

static void
on_egress_ended(void *arg)
{
	event_base_loopbreak(((struct connecting *)arg)->base);
}

/* It reads its configuration, and what is needed to resolve names. */
static int
confine_egress(const struct gateway_config *c, struct error *e)
{
	struct confinement *w;

	if (privileges_end(e) == -1)
		return -1;
	w = confinement_new(CONFINE_EGRESS);
	confinement_resolver(w);
	confinement_beside(w, c->head.file, CONFINE_READ);
	return confinement_apply(w, e);
}

static void
run_egress(int fd, struct gateway_config *c, int argc, char **argv)
{
	static const struct dial_service_events events = { on_egress_reload,
	    on_egress_ended };
	struct connecting n = { loop_new(), c, argc, argv };
	struct dial_service *s;
	struct dialer *d;
	struct error e;

	d = dialer_new(n.base);
	if (confine_egress(c, &e) == -1) {
		log_error("egress: %s", e.text);
		return;
	}
	dialer_set_filter(d, egress_allowed, &n);
	s = dial_service_new(n.base, d, fd, &events, &n);
	event_base_dispatch(n.base);
	dialer_free(d);
	dial_service_free(s);
	loop_free(n.base);
	gateway_config_free(n.config);
}

static int
egress_start(struct egress *eg, struct gateway_config *c, int argc,
    char **argv, struct error *e)
{
	eg->pid = helper_fork("charon-egress", &eg->fd, e);
	if (eg->pid != 0)
		return eg->pid == -1 ? -1 : 0;
	log_setup(c->log_level, c->log_format);
	run_egress(eg->fd, c, argc, argv);
	_exit(0);
}

/* --- both --------------------------------------------------------- */

int
gateway_start_helpers(struct gateway_helpers *h, struct gateway_config *c,
    int argc, char **argv, struct error *e)
{
	h->egress = (struct egress){ -1, -1 };
	if ((h->monitor = monitor_start(c, argc, argv, e)) == NULL)
		return -1;
	return egress_start(&h->egress, c, argc, argv, e);
}

void
gateway_end_helpers(struct gateway_helpers *h)
{
	helper_end(h->egress.pid, h->egress.fd);
	monitor_stop(h->monitor);
}
