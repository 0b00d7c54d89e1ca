/* SPDX-License-Identifier: ISC */
/*
 * What the configuration of every program begins with.  The private rest of
 * it is in src/conf/conf.h.
 */
#ifndef ORTHRUS_CONF_HEAD_H
#define ORTHRUS_CONF_HEAD_H

#include <stdbool.h>
#include <stddef.h>

struct config_head {
	char *file;			/* ini file that was read, or NULL */
	const struct program *program;	/* private: whose it is */
	struct setting *settings;	/* private: values and origins */
	size_t nsettings;
};

/*
 * Two ways to report what is wrong with a configuration: plain lines on
 * standard error for a command, as long as the log is not set up, and the log
 * for a reload.
 */
void config_report(void *arg, const char *line);
void config_report_log(void *arg, const char *line);

#endif
