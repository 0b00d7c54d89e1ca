/* SPDX-License-Identifier: ISC */
/* See upgrade_head.h: strictly as RFC 9112 has it, and as little as we need. */
#include "config.h"

#include <string.h>

#include <openssl/sha.h>
#include <sodium.h>

#include "orthrus/proto/upgrade.h"

#include "upgrade_head.h"

/* Section 1.3 of RFC 6455. */
#define UPGRADE_SALT "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

void
upgrade_accept(const char key[UPGRADE_KEY_LEN + 1],
    char accept[UPGRADE_ACCEPT_LEN + 1])
{
	uint8_t text[UPGRADE_KEY_LEN + sizeof(UPGRADE_SALT)];
	uint8_t digest[SHA_DIGEST_LENGTH];

	memcpy(text, key, UPGRADE_KEY_LEN);
	memcpy(text + UPGRADE_KEY_LEN, UPGRADE_SALT, sizeof(UPGRADE_SALT));
	SHA1(text, sizeof(text) - 1, digest);
	sodium_bin2base64(accept, UPGRADE_ACCEPT_LEN + 1, digest,
	    sizeof(digest), sodium_base64_VARIANT_ORIGINAL);
}

static struct span
trim(struct span s)
{
	while (s.len > 0 && (s.p[0] == ' ' || s.p[0] == '\t')) {
		s.p++;
		s.len--;
	}
	while (s.len > 0 && (s.p[s.len - 1] == ' ' || s.p[s.len - 1] == '\t'))
		s.len--;
	return s;
}

/* Takes what is before the end mark off *rest, and the mark with it. */
static struct span
cut(struct span *rest, const char *mark)
{
	const char *end = memmem(rest->p, rest->len, mark, strlen(mark));
	struct span piece = *rest;

	if (end == NULL) {
		rest->p += rest->len;
		rest->len = 0;
		return piece;
	}
	piece.len = (size_t)(end - piece.p);
	rest->p += piece.len + strlen(mark);
	rest->len -= piece.len + strlen(mark);
	return piece;
}

/* A line with a name that is a token (RFC 9110 section 5.6.2) and a colon. */
static bool
is_field(struct span line)
{
	struct span name = line;

	name.len = strnlen(line.p, line.len);
	if (memchr(line.p, ':', name.len) == NULL)
		return false;
	name = cut(&line, ":");
	return name.len > 0 && span_consists(name, "!#$%&'*+-.^_`|~");
}

/* No control characters but the ends of lines, which are CR and LF. */
static bool
is_text(struct span s)
{
	size_t i;

	for (i = 0; i < s.len; i++) {
		if (s.p[i] == '\r' && i + 1 < s.len && s.p[i + 1] == '\n')
			i++;
		else if (((unsigned char)s.p[i] < ' ' && s.p[i] != '\t') ||
		    s.p[i] == 0x7f)
			return false;
	}
	return true;
}

static bool
fields_valid(struct span rest)
{
	while (rest.len > 0)
		if (!is_field(cut(&rest, "\r\n")))
			return false;
	return true;
}

int
upgrade_head_read(const uint8_t *p, size_t n, struct upgrade_head *h)
{
	struct span text = { (const char *)p,
	    n > UPGRADE_HEAD_MAX ? UPGRADE_HEAD_MAX : n };
	const char *end = memmem(text.p, text.len, "\r\n\r\n", 4);

	if (end == NULL)
		return n >= UPGRADE_HEAD_MAX ? -1 : 0;
	text.len = (size_t)(end - text.p) + 2;
	h->len = text.len + 2;
	if (!is_text(text))
		return -1;
	h->start = cut(&text, "\r\n");
	h->fields = text;
	return fields_valid(text) ? 1 : -1;
}

unsigned
upgrade_head_field(const struct upgrade_head *h, const char *name,
    struct span *value)
{
	struct span rest = h->fields, line;
	unsigned count = 0;

	while (rest.len > 0) {
		line = cut(&rest, "\r\n");
		if (!span_is(cut(&line, ":"), name))
			continue;
		*value = trim(line);
		count++;
	}
	return count;
}

bool
upgrade_head_lists(const struct upgrade_head *h, const char *name,
    const char *word)
{
	struct span rest = h->fields, line;

	while (rest.len > 0) {
		line = cut(&rest, "\r\n");
		if (!span_is(cut(&line, ":"), name))
			continue;
		while (line.len > 0)
			if (span_is(trim(cut(&line, ",")), word))
				return true;
	}
	return false;
}
