/* SPDX-License-Identifier: ISC */
/*
 * The certificate beside an identity: whether it is one for that key, and what
 * it says.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <libssh/libssh.h>
#include <sodium.h>

#include "orthrus/base/file.h"
#include "orthrus/base/mem.h"
#include "orthrus/proto/certificate.h"
#include "orthrus/proto/wire.h"

#include "identity_private.h"

/*
 * The public key in the base64 blob of a key (its 2nd string) or of a
 * certificate (its 3rd, after a nonce).  0 or -1.
 */
static int
public_part(const char *base64, int nth, uint8_t out[ED25519_KEY_LEN])
{
	size_t max = strlen(base64), n, len = 0;
	uint8_t *blob = xcalloc(max + 1, 1);
	const uint8_t *s = NULL;
	struct wire w;

	if (sodium_base642bin(blob, max, base64, max, NULL, &n, NULL,
	    sodium_base64_VARIANT_ORIGINAL) == 0) {
		wire_init(&w, blob, n);
		while (nth-- > 0)
			s = wire_string(&w, &len);
	}
	if (len == ED25519_KEY_LEN)
		memcpy(out, s, ED25519_KEY_LEN);
	free(blob);
	return len == ED25519_KEY_LEN ? 0 : -1;
}

static bool
cert_is_for(const char *cert, ssh_key key)
{
	uint8_t ours[ED25519_KEY_LEN], theirs[ED25519_KEY_LEN];
	char *public = NULL;
	bool same;

	if (ssh_pki_export_pubkey_base64(key, &public) != SSH_OK)
		return false;
	same = public_part(public, 2, ours) == 0 &&
	    public_part(cert, 3, theirs) == 0 &&
	    memcmp(ours, theirs, sizeof(ours)) == 0;
	ssh_string_free_char(public);
	return same;
}

/*
 * Reads the certificate's times and names, where it is of the kind that a
 * gateway issues.  Another authority's may be of another kind and serves all
 * the same.
 */
static void
read_certificate_facts(const char *base64, struct identity *id)
{
	uint8_t *blob = xcalloc(1, CERT_MAX);
	size_t n = 0;

	id->certified = sodium_base642bin(blob, CERT_MAX, base64,
	    strlen(base64), NULL, &n, NULL, sodium_base64_VARIANT_ORIGINAL) ==
	    0 && certificate_read(blob, n, &id->certificate, NULL) == 0;
	free(blob);
}

static int
attach_cert_text(const char *path, char *text, struct identity *id,
    struct error *e)
{
	char *save = NULL, *type, *blob;
	ssh_key cert = NULL;
	int r = 0;

	type = strtok_r(text, " \t\r\n", &save);
	blob = strtok_r(NULL, " \t\r\n", &save);
	if (type == NULL || blob == NULL || strcmp(type, CERT_TYPE_NAME) != 0 ||
	    ssh_pki_import_cert_base64(blob, SSH_KEYTYPE_ED25519_CERT01,
	    &cert) != SSH_OK)
		return error_set(e, EX_CONFIG, "certificate %s: not one of "
		    "type %s; replace or remove it", path, CERT_TYPE_NAME);
	if (!cert_is_for(blob, id->key))
		r = error_set(e, EX_CONFIG, "certificate %s: it is for another "
		    "key than the identity; replace or remove it", path);
	else if (ssh_pki_copy_cert_to_privkey(cert, id->key) != SSH_OK)
		r = error_set(e, EX_CONFIG, "certificate %s: cannot be used",
		    path);
	else
		read_certificate_facts(blob, id);
	ssh_key_free(cert);
	return r;
}

int
identity_add_certificate(const char *identity,
    const struct identity_asks *asks, struct identity *id, struct error *e)
{
	char *path = asks != NULL && asks->certificate != NULL ?
	    xstrdup(asks->certificate) : xasprintf("%s-cert.pub", identity);
	char *text = file_read(path, KEY_FILE_MAX, NULL, NULL);
	int r = 0;

	if (text != NULL)
		r = attach_cert_text(path, text, id, e);
	else if (errno != ENOENT)
		r = error_set(e, EX_CONFIG, "cannot read certificate %s: %s",
		    path, strerror(errno));
	free(text);
	free(path);
	return r;
}

const struct certificate *
identity_certificate(const struct identity *id)
{
	return id != NULL && id->certified ? &id->certificate : NULL;
}
