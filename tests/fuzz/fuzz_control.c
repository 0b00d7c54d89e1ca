/* SPDX-License-Identifier: ISC */
/*
 * Any bytes on the control socket, in any pieces: a request for a stream is
 * known when its line has come and not before, and has a place to go to.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/agent/control.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(bool ok)
{
	if (!ok)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum control_request is = CONTROL_MORE;
	struct address to;
	struct error e;
	size_t n;

	if (size > CONTROL_REQUEST_MAX)
		size = CONTROL_REQUEST_MAX;
	for (n = 1; n <= size && is == CONTROL_MORE; n++) {
		memset(&to, 0, sizeof(to));
		e.text[0] = '\0';
		is = control_request((const char *)data, n, &to, &e);
		check((is == CONTROL_BAD) == (e.text[0] != '\0'));
		if (is != CONTROL_IS_STREAM)
			continue;
		check(data[n - 1] == '\n');
		check(to.kind == ADDRESS_UNIX ? to.path[0] == '/' :
		    to.host[0] != '\0' && to.port != 0);
	}
	check(is != CONTROL_MORE || size < CONTROL_REQUEST_MAX);
	return 0;
}
