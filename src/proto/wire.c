/* SPDX-License-Identifier: ISC */
/* SSH's data types, RFC 4251 section 5. */
#include "config.h"

#include <string.h>

#include "orthrus/proto/wire.h"

void
wire_init(struct wire *w, const void *p, size_t len)
{
	w->p = p;
	w->left = len;
	w->bad = false;
}

static const uint8_t *
wire_take(struct wire *w, size_t n)
{
	const uint8_t *p = w->p;

	if (w->bad || w->left < n) {
		w->bad = true;
		return NULL;
	}
	w->p += n;
	w->left -= n;
	return p;
}

uint8_t
wire_u8(struct wire *w)
{
	const uint8_t *p = wire_take(w, 1);

	return p == NULL ? 0 : p[0];
}

bool
wire_bool(struct wire *w)
{
	return wire_u8(w) != 0;
}

uint32_t
wire_u32(struct wire *w)
{
	const uint8_t *p = wire_take(w, 4);

	return p == NULL ? 0 : (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | p[3];
}

uint64_t
wire_u64(struct wire *w)
{
	uint64_t high = wire_u32(w), low = wire_u32(w);

	return w->bad ? 0 : high << 32 | low;
}

const uint8_t *
wire_string(struct wire *w, size_t *len)
{
	const uint8_t *p;

	*len = wire_u32(w);
	if ((p = wire_take(w, *len)) == NULL) {
		*len = 0;
		return (const uint8_t *)"";
	}
	return p;
}

void
wire_text(struct wire *w, char *text, size_t size)
{
	size_t len;
	const uint8_t *p = wire_string(w, &len);

	if (len >= size || memchr(p, '\0', len) != NULL) {
		w->bad = true;
		len = 0;
	}
	memcpy(text, p, len);
	text[len] = '\0';
}

bool
wire_is(struct wire *w, const char *text)
{
	size_t len;
	const uint8_t *p = wire_string(w, &len);

	return !w->bad && len == strlen(text) && memcmp(p, text, len) == 0;
}

uint8_t *
wire_put_u32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
	return p + 4;
}

uint8_t *
wire_put_u64(uint8_t *p, uint64_t v)
{
	return wire_put_u32(wire_put_u32(p, (uint32_t)(v >> 32)), (uint32_t)v);
}

uint8_t *
wire_put_string(uint8_t *p, const void *s, size_t len)
{
	p = wire_put_u32(p, (uint32_t)len);
	memcpy(p, s, len);
	return p + len;
}
