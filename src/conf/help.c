/* SPDX-License-Identifier: ISC */
/* What every command is asked first. */
#include "config.h"

#include <string.h>

#include "orthrus/conf/head.h"

bool
wants_help(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--help") == 0 ||
		    strcmp(argv[i], "-h") == 0)
			return true;
	return false;
}
