/* SPDX-License-Identifier: ISC */
/* AUTH_KEY as text: a prefix and base64url of id, secret and host key. */
#include "config.h"

#include <string.h>

#include <sodium.h>

#include "orthrus/base/text.h"
#include "orthrus/proto/auth_key.h"
#include "orthrus/proto/certificate.h"
#include "orthrus/proto/wire.h"

#define PREFIX_LEN (sizeof(AUTH_KEY_PREFIX) - 1)
#define RAW_LEN (8 + 32 + 32)
#define DIGITS (RAW_LEN / 3 * 4)
#define TEXT_LEN (PREFIX_LEN + DIGITS)
#define VARIANT sodium_base64_VARIANT_URLSAFE_NO_PADDING

_Static_assert(TEXT_LEN + 1 == AUTH_KEY_TEXT_MAX, "the text has its room");

/*
 * Checks prefix and length.  The text is a secret, so an error tells no more of
 * it than its length.
 */
static int
check_auth_key_shape(const char *text, struct error *e)
{
	size_t len = strnlen(text, TEXT_LEN + 1);

	if (strncmp(text, AUTH_KEY_PREFIX, PREFIX_LEN) != 0)
		return error_set(e, EX_CONFIG, "this is no AUTH_KEY: it must "
		    "begin with " AUTH_KEY_PREFIX ", as \"charon agent add\" "
		    "prints it");
	if (len < TEXT_LEN)
		return error_set(e, EX_CONFIG, "the AUTH_KEY is cut short: "
		    "%zu characters, expected %zu", len, TEXT_LEN);
	if (len > TEXT_LEN)
		return error_set(e, EX_CONFIG, "the AUTH_KEY is too long: "
		    "expected %zu characters and nothing behind them",
		    TEXT_LEN);
	return 0;
}

int
auth_key_parse(const char *text, struct auth_key *k, struct error *e)
{
	uint8_t raw[RAW_LEN];
	struct wire w;
	size_t len = 0;
	int r = 0;

	if (check_auth_key_shape(text, e) == -1)
		return -1;
	if (!text_ascii(text, TEXT_LEN) || sodium_base642bin(raw, sizeof(raw),
	    text + PREFIX_LEN, DIGITS, NULL, &len, NULL, VARIANT) != 0 ||
	    len != sizeof(raw))
		r = error_set(e, EX_CONFIG, "the AUTH_KEY holds other "
		    "characters than A-Z a-z 0-9 - _ after " AUTH_KEY_PREFIX);
	else {
		wire_init(&w, raw, sizeof(raw));
		k->id = wire_u64(&w);
		memcpy(k->secret, raw + 8, sizeof(k->secret));
		memcpy(k->host_key, raw + 40, sizeof(k->host_key));
	}
	sodium_memzero(raw, sizeof(raw));
	return r;
}

void
auth_key_format(const struct auth_key *k, char text[AUTH_KEY_TEXT_MAX])
{
	uint8_t raw[RAW_LEN];

	wire_put_u64(raw, k->id);
	memcpy(raw + 8, k->secret, sizeof(k->secret));
	memcpy(raw + 40, k->host_key, sizeof(k->host_key));
	memcpy(text, AUTH_KEY_PREFIX, PREFIX_LEN);
	sodium_bin2base64(text + PREFIX_LEN, DIGITS + 1, raw, sizeof(raw),
	    VARIANT);
	sodium_memzero(raw, sizeof(raw));
}

void
auth_key_fingerprint(const struct auth_key *k, char fp[KEY_FINGERPRINT_MAX])
{
	key_digest_text(k->host_key, fp);
}

void
auth_key_wipe(struct auth_key *k)
{
	sodium_memzero(k, sizeof(*k));
}
