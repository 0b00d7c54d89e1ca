/* SPDX-License-Identifier: ISC */
/*
 * Any text as an AUTH_KEY, a public key line and a private key file: what is
 * taken reads back as itself, and an error never holds a part of a secret.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "orthrus/proto/auth_key.h"
#include "orthrus/proto/certificate.h"
#include "orthrus/proto/private_key.h"

#define PART 12			/* characters of a secret that would tell */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(bool ok)
{
	if (!ok)
		abort();
}

static void
check_error(const struct error *e, int code)
{
	check(e->code == code && e->text[0] != '\0');
	check(memchr(e->text, '\0', sizeof(e->text)) != NULL);
}

/* No PART characters in a row of the digits are in the error. */
static void
check_silent(const char *text, const struct error *e)
{
	size_t i, n = strlen(text), prefix = strlen(AUTH_KEY_PREFIX);
	char part[PART + 1];

	for (i = prefix; i + PART <= n && i < AUTH_KEY_TEXT_MAX; i++) {
		memcpy(part, text + i, PART);
		part[PART] = '\0';
		/* Unless it is a piece of what is said anyway. */
		check(strstr(e->text, part) == NULL ||
		    strpbrk(part, " :;,") != NULL ||
		    strstr(AUTH_KEY_PREFIX, part) != NULL);
	}
}

static void
fuzz_auth_key(const char *text)
{
	char again[AUTH_KEY_TEXT_MAX], fp[KEY_FINGERPRINT_MAX];
	struct auth_key k;
	struct error e;

	if (auth_key_parse(text, &k, &e) == -1) {
		check_error(&e, EX_CONFIG);
		check_silent(text, &e);
		return;
	}
	auth_key_format(&k, again);
	check(strcmp(again, text) == 0);
	auth_key_fingerprint(&k, fp);
	check(strlen(fp) == 7 + 43);
	auth_key_wipe(&k);
	check(sodium_is_zero((const uint8_t *)&k, sizeof(k)));
}

static void
fuzz_key_line(const char *text)
{
	uint8_t key[ED25519_KEY_LEN], again[ED25519_KEY_LEN];
	uint8_t blob[KEY_BLOB_LEN];
	struct error e;
	char *line;

	if (key_line_read(text, key, &e) == -1) {
		check_error(&e, EX_DATAERR);
		return;
	}
	key_blob_write(key, blob);
	check(key_blob_read(blob, sizeof(blob), again) == 0);
	check(memcmp(key, again, sizeof(key)) == 0);
	line = key_line_write(KEY_TYPE_NAME, blob, sizeof(blob));
	check(key_line_read(line, again, &e) == 0);
	check(memcmp(key, again, sizeof(key)) == 0);
	free(line);
}

/* What is taken signs as its public half says. */
static void
fuzz_private_key(const char *text, size_t size)
{
	uint8_t secret[64] = { 0 }, public[ED25519_KEY_LEN], signature[64];
	uint8_t rewritten[64];
	char again[PRIVATE_KEY_TEXT_MAX];
	struct error e;

	private_key_public(text, size, public);
	private_key_is_public(text, &e);
	if (private_key_read(text, size, secret, &e) != 0) {
		check_error(&e, EX_DATAERR);
		check(sodium_is_zero(secret, sizeof(secret)));
		return;
	}
	crypto_sign_ed25519_sk_to_pk(public, secret);
	crypto_sign_detached(signature, NULL, public, sizeof(public), secret);
	check(crypto_sign_verify_detached(signature, public, sizeof(public),
	    public) == 0);
	private_key_write(secret, again);
	check(private_key_read(again, strlen(again), rewritten, &e) == 0 &&
	    memcmp(rewritten, secret, sizeof(secret)) == 0);
	check(private_key_public(again, strlen(again), public));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	check(text != NULL && sodium_init() != -1);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	fuzz_key_line(text);
	fuzz_private_key(text, size);
	if (size > 0 && text[size - 1] == '\n')
		text[size - 1] = '\0';	/* corpus files end as text does */
	fuzz_auth_key(text);
	free(text);
	return 0;
}
