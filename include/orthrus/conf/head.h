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

/* True when --help or -h is among the options (before "--"). */
bool wants_help(int argc, char **argv);

#endif
