/* SPDX-License-Identifier: ISC */
/* See first_bytes.h. */
#include "config.h"

#include <stdbool.h>
#include <string.h>

#include "orthrus/proto/first_bytes.h"
#include "orthrus/proto/resume.h"

#define TLS_HANDSHAKE 22	/* RFC 8446 section 5.1, ContentType */

/* Whether it begins so, as far as it goes. */
static bool
may_begin(const uint8_t *p, size_t n, const char *word)
{
	size_t len = strlen(word);

	return memcmp(p, word, n < len ? n : len) == 0;
}

enum first_bytes
first_bytes_read(const uint8_t *p, size_t n)
{
	static const char resume[] = { RESUME_FIRST, 'r', 'e', 's', 'u', 'm',
	    'e', '\0' };
	static const char *const words[] = { "SSH-", resume };
	size_t i;

	if (n == 0)
		return FIRST_OPEN;
	if (p[0] == TLS_HANDSHAKE)
		return FIRST_TLS;
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (may_begin(p, n, words[i]))
			return n < strlen(words[i]) ? FIRST_OPEN : FIRST_SSH;
	return FIRST_OTHER;
}
