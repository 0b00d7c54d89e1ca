/* SPDX-License-Identifier: ISC */
/*
 * The host's own key, read with every check that keeps it private, or the
 * keys of an ssh-agent(1) in its place.
 */
#include <sys/stat.h>

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <libssh/libssh.h>
#include <sodium.h>

#include "orthrus/base/file.h"
#include "orthrus/base/mem.h"
#include "orthrus/proto/private_key.h"

#include "identity_private.h"
#include "unseal.h"

#define PASSPHRASE_TRIES 3

struct key_text {
	char *text;
	size_t len;
};

static void
wipe_free(char *s, size_t n)
{
	if (s != NULL)
		sodium_memzero(s, n);
	free(s);
}

static int
read_failed(const char *path, const struct stat *st, struct error *e)
{
	char denied[FILE_DENIED_MAX];

	if (errno == ENOENT)
		return error_set(e, EX_CONFIG, "there is no identity %s; make "
		    "one with \"orthrus keygen -o %s\", or, at a gateway, set "
		    "AUTH_KEY", path, path);
	if (st->st_mode != 0 && !S_ISREG(st->st_mode))
		return error_set(e, EX_CONFIG, "identity %s: not a regular "
		    "file", path);
	return error_set(e, EX_CONFIG, "cannot read identity %s: %s", path,
	    errno == EACCES ? file_denied(path, denied) : strerror(errno));
}

/* libssh's own form of a key. */
static int
import_secret(const uint8_t secret[64], ssh_key *key, struct error *e)
{
	char text[PRIVATE_KEY_TEXT_MAX];
	int r = 0;

	private_key_write(secret, text);
	if (ssh_pki_import_privkey_base64(text, NULL, NULL, NULL, key) !=
	    SSH_OK)
		r = error_set(e, EX_SOFTWARE, "libssh does not take this key");
	sodium_memzero(text, sizeof(text));
	return r;
}

static int
ask_passphrase(const char *path, const struct key_text *k,
    const struct identity_asks *asks, uint8_t secret[64], struct error *e)
{
	int r = PRIVATE_KEY_SEALED;
	unsigned i;
	char *word;

	for (i = 0; i < PASSPHRASE_TRIES && r == PRIVATE_KEY_SEALED; i++) {
		word = asks->passphrase(asks->arg, path, i > 0);
		if (word == NULL)
			return error_set(e, EX_CONFIG, "it has a passphrase, "
			    "which was not given");
		r = private_key_unseal(k->text, k->len, word, secret, e);
		wipe_free(word, strlen(word));
	}
	return r == PRIVATE_KEY_SEALED ? error_set(e, EX_CONFIG, "its "
	    "passphrase is another one: asked %u times; \"ssh-keygen -p -f "
	    "%s\" changes it", PASSPHRASE_TRIES, path) : r;
}

/* What to do about a passphrase where nobody can be asked. */
static int
refuse_sealed(const char *path, const struct key_text *k, struct error *e)
{
	bool pkcs8 = strstr(k->text, PRIVATE_KEY_PKCS8_SEALED) != NULL;

	return error_set(e, EX_CONFIG, "it has a passphrase, and nobody is "
	    "there to type it; remove it with \"%s%s%s\"", pkcs8 ?
	    "openssl pkey -in " : "ssh-keygen -p -N '' -f ", path, pkcs8 ?
	    " -out NEW" : "");
}

static int
import_key(const char *path, const struct key_text *k,
    const struct identity_asks *asks, struct identity *id, struct error *e)
{
	uint8_t secret[64] = { 0 };
	int r = private_key_read(k->text, k->len, secret, e);

	id->sealed = r == PRIVATE_KEY_SEALED;
	id->pkcs8 = strstr(k->text, "OPENSSH PRIVATE KEY-----") == NULL;
	if (id->sealed)
		r = asks != NULL && asks->passphrase != NULL ?
		    ask_passphrase(path, k, asks, secret, e) :
		    refuse_sealed(path, k, e);
	if (r == 0)
		r = import_secret(secret, &id->key, e);
	sodium_memzero(secret, sizeof(secret));
	return r;
}

/*
 * Errors name the file in front.  What need not be secret is told first: nobody
 * wants to hear of its mode.
 */
static int
take_key(const char *path, const struct key_text *k, const struct stat *st,
    const struct identity_asks *asks, struct identity *id, struct error *e)
{
	int r;

	if (private_key_is_public(k->text, e))
		r = -1;
	else if (file_check_private("identity", path, st, e) == -1)
		return -1;
	else
		r = import_key(path, k, asks, id, e);
	if (r != 0 && e != NULL) {
		e->code = EX_CONFIG;
		error_prefix(e, "identity %s", path);
	}
	return r == 0 ? identity_add_certificate(path, asks, id, e) : -1;
}

struct identity *
identity_open(const char *path, const struct identity_asks *asks,
    struct error *e)
{
	struct key_text k;
	struct identity *id;
	struct stat st;
	int r;

	k.text = file_read(path, KEY_FILE_MAX, &k.len, &st);
	if (k.text == NULL) {
		read_failed(path, &st, e);
		return NULL;
	}
	id = xcalloc(1, sizeof(*id));
	id->owners = 1;
	r = take_key(path, &k, &st, asks, id, e);
	wipe_free(k.text, k.len);
	if (r == -1) {
		identity_free(id);
		return NULL;
	}
	return id;
}

struct identity *
identity_load(const char *path, struct error *e)
{
	return identity_open(path, NULL, e);
}

void
identity_free(struct identity *id)
{
	if (id == NULL || --id->owners > 0)
		return;
	ssh_key_free(id->key);
	free(id->agent);
	free(id);
}

struct identity *
identity_of_agent(const char *agent, const uint8_t *only)
{
	struct identity *id = xcalloc(1, sizeof(*id));

	id->owners = 1;
	id->agent = xstrdup(agent);
	id->has_only = only != NULL;
	if (id->has_only)
		memcpy(id->only, only, sizeof(id->only));
	return id;
}

void
identity_add_agent(struct identity *id, const char *agent)
{
	free(id->agent);
	id->agent = xstrdup(agent);
}

const char *
identity_agent(const struct identity *id, const uint8_t **only)
{
	*only = id != NULL && id->has_only ? id->only : NULL;
	return id == NULL ? NULL : id->agent;
}

bool
identity_is_sealed(const char *path)
{
	uint8_t secret[64];
	size_t len;
	char *text = file_read(path, KEY_FILE_MAX, &len, NULL);
	bool sealed = text != NULL && private_key_read(text, len, secret,
	    NULL) == PRIVATE_KEY_SEALED;

	wipe_free(text, text == NULL ? 0 : len);
	sodium_memzero(secret, sizeof(secret));
	return sealed;
}

bool
identity_public_half(const char *path, uint8_t key[ED25519_KEY_LEN])
{
	char *pub, *text;
	size_t len;
	bool found = false;

	text = file_read(path, KEY_FILE_MAX, &len, NULL);
	if (text != NULL)
		found = private_key_public(text, len, key) ||
		    key_line_read(text, key, NULL) == 0;
	wipe_free(text, text == NULL ? 0 : len);
	if (found)
		return true;
	pub = xasprintf("%s.pub", path);
	text = file_read(pub, KEY_FILE_MAX, NULL, NULL);
	free(pub);
	found = text != NULL && key_line_read(text, key, NULL) == 0;
	free(text);
	return found;
}

struct identity *
identity_ref(struct identity *id)
{
	id->owners++;
	return id;
}

bool
identity_was_sealed(const struct identity *id)
{
	return id != NULL && id->sealed;
}

struct ssh_key_struct *
identity_key(const struct identity *id)
{
	return id->key;
}

struct ssh_key_struct *
identity_public(const struct identity *id)
{
	ssh_key key = NULL;
	char *blob = NULL;

	/* Of a key with a certificate, this gives the certificate. */
	if (ssh_pki_export_pubkey_base64(id->key, &blob) != SSH_OK)
		return NULL;
	if (ssh_pki_import_cert_base64(blob, SSH_KEYTYPE_ED25519_CERT01,
	    &key) != SSH_OK &&
	    ssh_pki_export_privkey_to_pubkey(id->key, &key) != SSH_OK)
		key = NULL;
	ssh_string_free_char(blob);
	return key;
}
