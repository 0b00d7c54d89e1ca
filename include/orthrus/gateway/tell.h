/* SPDX-License-Identifier: ISC */
/*
 * Telling the gateway that runs that the registry has changed, and waiting
 * until it has taken that over: what a command did holds when it returns.
 */
#ifndef ORTHRUS_GATEWAY_TELL_H
#define ORTHRUS_GATEWAY_TELL_H

enum told {
	TOLD_NOBODY,		/* no gateway runs: the next one reads it all */
	TOLD,			/* it has read all that was committed */
	TOLD_SILENCE		/* it runs, and has not answered in time */
};

/*
 * Asks the gateway with that runtime directory; blocks for up to wait_ms.
 * After the change was committed.
 */
enum told tell_gateway(const char *runtime, unsigned wait_ms);

#endif
