/* SPDX-License-Identifier: ISC */
/* See bucket.h. */
#include "orthrus/base/bucket.h"

bool
bucket_take(struct bucket *b, uint64_t now, unsigned burst, unsigned rate)
{
	uint64_t fresh = b->filled_at == 0 ? burst :
	    (now - b->filled_at) * rate / 1000;

	if (fresh > 0) {
		b->tokens = fresh + b->tokens > burst ? burst :
		    (unsigned)fresh + b->tokens;
		b->filled_at = now;
	}
	if (b->tokens == 0)
		return false;
	b->tokens--;
	return true;
}
