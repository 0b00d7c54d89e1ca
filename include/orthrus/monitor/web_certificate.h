/* SPDX-License-Identifier: ISC */
/* The certificate of [tls] and its key, as files that change now and then. */
#ifndef ORTHRUS_MONITOR_WEB_CERTIFICATE_H
#define ORTHRUS_MONITOR_WEB_CERTIFICATE_H

#include "orthrus/base/error.h"

struct gateway_config;

#define WEB_CERTIFICATE_LOOK_MS 2000	/* between two looks at the files */

/*
 * Whether both can be read and belong together, where c names them: 0, or -1
 * with *e (EX_CONFIG).
 */
int web_certificate_check(const struct gateway_config *c, struct error *e);

#endif
