/* SPDX-License-Identifier: ISC */
/*
 * The walls around what speaks with the network: it reaches no file, makes no
 * socket and connects to nobody.  What it needs of that it is handed.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include <jansson.h>

#include "orthrus/base/confine.h"
#include "orthrus/base/file.h"
#include "orthrus/base/notify.h"
#include "orthrus/base/privileges.h"
#include "orthrus/conf/gateway.h"
#include "orthrus/gateway/serve.h"
#include "orthrus/monitor/ask.h"

#include "gateway.h"

/* One file is read later, when it has changed: that of the configuration. */
static int
open_config(void *arg, const char *path)
{
	const struct gateway *g = arg;
	const char *file = g->config->head.file;

	if (file != NULL && strcmp(path, file) == 0)
		return ask_config(g->monitor);
	errno = EACCES;
	return -1;
}

int
gateway_confine(struct gateway *g, struct error *e)
{
	if (privileges_end(e) == -1)
		return -1;
	notify_keep();
	json_object_seed(0);	/* else it looks for /dev/urandom later */
	file_open_by(open_config, g);
	return confinement_apply(confinement_new(CONFINE_GATEWAY), e);
}
