/* SPDX-License-Identifier: ISC */
/* Which files the gateway that runs may still reach. */
#include "config.h"

#include "orthrus/base/confine.h"
#include "orthrus/conf/gateway.h"
#include "orthrus/gateway/serve.h"

#include "gateway.h"

int
gateway_confine(const struct gateway *g, struct error *e)
{
	struct confinement *w = confinement_new(CONFINE_GATEWAY);
	const struct gateway_config *c = g->config;

	confinement_resolver(w);
	confinement_beside(w, c->head.file, CONFINE_READ);
	confinement_below(w, c->runtime, CONFINE_SOCKETS);
	if (c->http_listen.kind == ADDRESS_UNIX)
		confinement_beside(w, c->http_listen.path, CONFINE_SOCKETS);
	return confinement_apply(w, e);
}
