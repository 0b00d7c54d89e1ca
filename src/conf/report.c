/* SPDX-License-Identifier: ISC */
/* Where the lines go that say what is wrong with a configuration. */
#include <stdio.h>

#include "orthrus/base/log.h"
#include "orthrus/conf/head.h"

void
config_report(void *arg, const char *line)
{
	(void)arg;
	fprintf(stderr, "%s\n", line);
}

void
config_report_log(void *arg, const char *line)
{
	(void)arg;
	log_error("%s", line);
}
