/* SPDX-License-Identifier: ISC */
/* Which files the gateway that runs may still reach. */
#include "config.h"

#include "orthrus/base/confine.h"
#include "orthrus/base/privileges.h"
#include "orthrus/conf/gateway.h"
#include "orthrus/gateway/serve.h"

#include "gateway.h"

int
gateway_confine(const struct gateway *g, struct error *e)
{
	const struct gateway_config *c = g->config;
	struct confinement *w;

	if (privileges_end(e) == -1)
		return -1;
	w = confinement_new(CONFINE_GATEWAY);
	confinement_below(w, "/etc/charon", CONFINE_READ);
	confinement_beside(w, c->head.file, CONFINE_READ);
	confinement_below(w, c->runtime, CONFINE_SOCKETS);
	if (c->http_listen.kind == ADDRESS_UNIX)
		confinement_beside(w, c->http_listen.path, CONFINE_SOCKETS);
	return confinement_apply(w, e);
}
