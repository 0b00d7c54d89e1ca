/* SPDX-License-Identifier: ISC */
/* Logins with a key: the request of RFC 4252 section 7 and its signature. */
#include "config.h"

#include <string.h>

#include <sodium.h>

#include "orthrus/proto/userauth.h"
#include "orthrus/proto/wire.h"

#define USERAUTH_REQUEST 50	/* its message number, RFC 4252 section 6 */
#define HOSTBOUND "publickey-hostbound-v00@openssh.com"

/* The key's own type stands in front of it and must be the one announced. */
static bool
read_key(struct wire *w, struct userauth *u)
{
	char type[64];
	struct wire key;

	wire_text(w, type, sizeof(type));
	u->blob = wire_string(w, &u->blob_len);
	wire_init(&key, u->blob, u->blob_len);
	return !w->bad && wire_is(&key, type) && !key.bad &&
	    (strcmp(type, KEY_TYPE_NAME) == 0 ||
	    strcmp(type, CERT_TYPE_NAME) == 0);
}

/* Signatures of certificates are those of their keys, RFC 8709 section 6. */
static bool
read_signature(struct wire *w, struct userauth *u)
{
	struct wire s;
	size_t len;
	const uint8_t *p = wire_string(w, &len);

	wire_init(&s, p, len);
	if (!wire_is(&s, KEY_TYPE_NAME))
		return false;
	u->signature = wire_string(&s, &len);
	return !w->bad && !s.bad && s.left == 0 &&
	    len == ED25519_SIGNATURE_LEN;
}

bool
userauth_read(const uint8_t *p, size_t len, struct userauth *u)
{
	char method[64];
	struct wire w;
	bool is_signed;

	memset(u, 0, sizeof(*u));
	if (len > USERAUTH_MAX)
		return false;
	wire_init(&w, p, len);
	wire_text(&w, u->user, sizeof(u->user));
	if (!wire_is(&w, "ssh-connection"))
		return false;
	wire_text(&w, method, sizeof(method));
	is_signed = wire_bool(&w);
	if (w.bad || !read_key(&w, u))
		return false;
	if (strcmp(method, HOSTBOUND) == 0)
		u->host_key = wire_string(&w, &u->host_key_len);
	else if (strcmp(method, "publickey") != 0)
		return false;
	u->signed_len = len - w.left;
	return (!is_signed || read_signature(&w, u)) && !w.bad && w.left == 0;
}

size_t
userauth_signed_bytes(const uint8_t *p, size_t len, const uint8_t *session_id,
    size_t id_len, uint8_t *out)
{
	uint8_t *end = wire_put_string(out, session_id, id_len);

	*end++ = USERAUTH_REQUEST;
	memcpy(end, p, len);
	return (size_t)(end - out) + len;
}

bool
userauth_is_signed(const struct userauth *u, const uint8_t *p,
    const uint8_t *session_id, size_t id_len,
    const uint8_t key[ED25519_KEY_LEN])
{
	uint8_t bytes[4 + SESSION_ID_MAX + 1 + USERAUTH_MAX];
	size_t n;

	if (u->signature == NULL || id_len == 0 || id_len > SESSION_ID_MAX ||
	    u->signed_len > USERAUTH_MAX)
		return false;
	n = userauth_signed_bytes(p, u->signed_len, session_id, id_len, bytes);
	return crypto_sign_verify_detached(u->signature, bytes, n, key) == 0;
}
