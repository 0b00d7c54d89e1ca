/* SPDX-License-Identifier: ISC */
/* See auth_agent.h. */
#include "config.h"

#include "orthrus/proto/auth_agent.h"

#include <string.h>

#include "orthrus/base/mem.h"
#include "orthrus/proto/wire.h"

enum { ASK_KEYS = 11, KEYS = 12, ASK_SIGNATURE = 13, SIGNATURE = 14 };

void
auth_agent_ask_keys(uint8_t out[AUTH_AGENT_LIST_LEN])
{
	out = wire_put_u32(out, 1);
	*out = ASK_KEYS;
}

int
auth_agent_read_keys(const uint8_t *p, size_t len,
    struct auth_agent_keys *keys)
{
	const uint8_t *blob;
	uint32_t count;
	struct wire w;
	size_t n;

	memset(keys, 0, sizeof(*keys));
	wire_init(&w, p, len);
	if (wire_u8(&w) != KEYS)
		return -1;
	for (count = wire_u32(&w); count > 0 && !w.bad; count--) {
		blob = wire_string(&w, &n);
		if (w.bad)
			break;
		if (keys->n < AUTH_AGENT_KEYS_MAX &&
		    key_blob_read(blob, n, keys->key[keys->n]) == 0)
			keys->n++;
		else
			keys->others++;
		wire_string(&w, &n);		/* comment */
	}
	if (!w.bad && w.left == 0)
		return 0;
	memset(keys, 0, sizeof(*keys));
	return -1;
}

uint8_t *
auth_agent_ask_signature(const uint8_t key[ED25519_KEY_LEN],
    const uint8_t *data, size_t n, size_t *len)
{
	uint8_t *out, *p, blob[KEY_BLOB_LEN];

	key_blob_write(key, blob);
	*len = 4 + 1 + 4 + sizeof(blob) + 4 + n + 4;
	p = out = xcalloc(*len, 1);
	p = wire_put_u32(p, (uint32_t)(*len - 4));
	*p++ = ASK_SIGNATURE;
	p = wire_put_string(p, blob, sizeof(blob));
	p = wire_put_string(p, data, n);
	wire_put_u32(p, 0);			/* flags are for RSA */
	return out;
}

int
auth_agent_read_signature(const uint8_t *p, size_t len,
    uint8_t signature[ED25519_SIGNATURE_LEN])
{
	const uint8_t *blob, *bytes;
	struct wire w, inner;
	size_t n;

	wire_init(&w, p, len);
	if (wire_u8(&w) != SIGNATURE)
		return -1;
	blob = wire_string(&w, &n);
	if (w.bad || w.left > 0)
		return -1;
	wire_init(&inner, blob, n);
	if (!wire_is(&inner, KEY_TYPE_NAME))
		return -1;
	bytes = wire_string(&inner, &n);
	if (inner.bad || inner.left > 0 || n != ED25519_SIGNATURE_LEN)
		return -1;
	memcpy(signature, bytes, n);
	return 0;
}
