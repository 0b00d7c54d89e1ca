/* SPDX-License-Identifier: ISC */
/*
 * Keys that are elsewhere: a user's is in an agent (agent_login.c).
 *
 * A server's host key without the key: libssh is given another one, made for
 * nothing, and wherever it would show or use that, the linker (--wrap) routes
 * it through here.  So the private half need not be in this process.
 */
#include "config.h"

#include <libssh/libssh.h>

#include "orthrus/proto/wire.h"

#include "packet.h"

/* libssh's, not in its headers.  hash is an enum of its own. */
struct ssh_signature_struct;
int ssh_pki_import_signature_blob(const ssh_string blob, const ssh_key key,
    struct ssh_signature_struct **signature);
struct ssh_signature_struct *__real_pki_sign_data(const ssh_key key,
    unsigned hash, const unsigned char *p, size_t len);
struct ssh_signature_struct *__wrap_pki_sign_data(const ssh_key key,
    unsigned hash, const unsigned char *p, size_t len);
int __real_ssh_pki_export_pubkey_blob(const ssh_key key, ssh_string *blob);
int __wrap_ssh_pki_export_pubkey_blob(const ssh_key key, ssh_string *blob);
int __real_ssh_dh_import_next_pubkey_blob(ssh_session session,
    ssh_string blob);
int __wrap_ssh_dh_import_next_pubkey_blob(ssh_session session,
    ssh_string blob);

#define SIGNATURE_BLOB_LEN (4 + sizeof(KEY_TYPE_NAME) - 1 + 4 + \
    ED25519_SIGNATURE_LEN)

static ssh_string
string_of(const void *p, size_t len)
{
	ssh_string s = ssh_string_new(len);

	if (s != NULL)
		ssh_string_fill(s, p, len);
	return s;
}

/* An Ed25519 signature as libssh has one, RFC 8709 section 6; or NULL. */
static struct ssh_signature_struct *
signature_of(const uint8_t bytes[ED25519_SIGNATURE_LEN], const ssh_key key)
{
	uint8_t text[SIGNATURE_BLOB_LEN], *p = text;
	struct ssh_signature_struct *signature = NULL;
	ssh_string blob;

	p = wire_put_string(p, KEY_TYPE_NAME, sizeof(KEY_TYPE_NAME) - 1);
	wire_put_string(p, bytes, ED25519_SIGNATURE_LEN);
	blob = string_of(text, sizeof(text));
	if (ssh_pki_import_signature_blob(blob, key, &signature) != SSH_OK)
		signature = NULL;
	ssh_string_free(blob);
	return signature;
}

static const struct user_key *user_key;

void
packet_user_key(const struct user_key *key)
{
	user_key = key;
}

/* All that a server signs are its exchange hashes; a client, its logins. */
struct ssh_signature_struct *
__wrap_pki_sign_data(const ssh_key key, unsigned hash, const unsigned char *p,
    size_t len)
{
	uint8_t bytes[ED25519_SIGNATURE_LEN];
	void *arg;
	const struct host_key *host = packet_host_key(&arg);

	if (host == NULL && user_key != NULL && key == user_key->given)
		return user_key->sign(user_key->arg, p, len, bytes) ?
		    signature_of(bytes, key) : NULL;
	if (host == NULL)
		return __real_pki_sign_data(key, hash, p, len);
	return host->sign(arg, p, len, bytes) ? signature_of(bytes, key) :
	    NULL;
}

/* What is set here is what is shown, to us as a client, and what is hashed. */
int
__wrap_ssh_dh_import_next_pubkey_blob(ssh_session session, ssh_string blob)
{
	void *arg;
	const struct host_key *host = packet_host_key(&arg);
	ssh_string shown;
	int rc;

	if (host == NULL) {
		packet_shown_to_us(ssh_string_data(blob), ssh_string_len(blob));
		return __real_ssh_dh_import_next_pubkey_blob(session, blob);
	}
	shown = string_of(host->blob, sizeof(host->blob));
	rc = __real_ssh_dh_import_next_pubkey_blob(session, shown);
	ssh_string_free(shown);
	return rc;
}

/* What a login shows, and has signed. */
int
__wrap_ssh_pki_export_pubkey_blob(const ssh_key key, ssh_string *blob)
{
	if (user_key == NULL || key != user_key->given)
		return __real_ssh_pki_export_pubkey_blob(key, blob);
	*blob = string_of(user_key->blob, sizeof(user_key->blob));
	return *blob != NULL ? SSH_OK : SSH_ERROR;
}
