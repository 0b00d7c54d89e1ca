/* SPDX-License-Identifier: ISC */
/*
 * The host's own key: read with every check that keeps it private, or made
 * new, in OpenSSH's format.
 */
#include "orthrus/ssh/identity.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <libssh/libssh.h>
#include <sodium.h>

#include "orthrus/base/file.h"
#include "orthrus/base/mem.h"
#include "orthrus/proto/certificate.h"
#include "orthrus/proto/private_key.h"
#include "orthrus/proto/wire.h"

#include "keygen.h"
#include "unseal.h"

#define KEY_FILE_MAX (64 * 1024)
#define DATE_MAX 32
#define PASSPHRASE_TRIES 3

struct key_text {
	char *text;
	size_t len;
};

struct identity {
	unsigned owners;
	ssh_key key;
	bool sealed;			/* by a passphrase that was given */
	bool pkcs8;
	char *agent;			/* the socket of one, or NULL */
	bool has_only;			/* of its keys just this one */
	uint8_t only[ED25519_KEY_LEN];
	bool certified;
	struct certificate certificate;	/* when certified */
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
	if (errno == ENOENT)
		return error_set(e, EX_CONFIG, "there is no identity %s; make "
		    "one with \"orthrus keygen -o %s\", or, at a gateway, set "
		    "AUTH_KEY", path, path);
	if (st->st_mode != 0 && !S_ISREG(st->st_mode))
		return error_set(e, EX_CONFIG, "identity %s: not a regular "
		    "file", path);
	return error_set(e, EX_CONFIG, "cannot read identity %s: %s", path,
	    strerror(errno));
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
		r = asks != NULL ? ask_passphrase(path, k, asks, secret, e) :
		    refuse_sealed(path, k, e);
	if (r == 0)
		r = import_secret(secret, &id->key, e);
	sodium_memzero(secret, sizeof(secret));
	return r;
}

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

static int
add_certificate(const char *identity, struct identity *id, struct error *e)
{
	char *path = xasprintf("%s-cert.pub", identity);
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
	return r == 0 ? add_certificate(path, id, e) : -1;
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

const struct certificate *
identity_certificate(const struct identity *id)
{
	return id != NULL && id->certified ? &id->certificate : NULL;
}

static void
date_text(uint64_t when, char text[DATE_MAX])
{
	time_t t = (time_t)when;
	struct tm tm;

	if (gmtime_r(&t, &tm) == NULL ||
	    strftime(text, DATE_MAX, "%Y-%m-%d %H:%M:%S UTC", &tm) == 0)
		strcpy(text, "a strange date");
}

/* ssh-keygen(1) before OpenSSH 9.6 does not tell the public half of PKCS#8. */
static void
why_key_refused(const struct identity *id, char *text, size_t size)
{
	static const char must[] = "its public half must be in that user's "
	    "authorized_keys";
	char *public = NULL;

	if (id != NULL && id->pkcs8 && ssh_pki_export_pubkey_base64(id->key,
	    &public) == SSH_OK)
		snprintf(text, size, "%s: of this PKCS#8 key it is \"%s %s\"",
		    must, KEY_TYPE_NAME, public);
	else
		snprintf(text, size, "%s", must);
	ssh_string_free_char(public);
}

void
identity_why_refused(const struct identity *id, const char *user, bool gateway,
    uint64_t now, char *text, size_t size)
{
	const struct certificate *c = identity_certificate(id);
	char date[DATE_MAX];
	size_t i;

	if (c == NULL) {
		why_key_refused(id, text, size);
		return;
	}
	for (i = 0; i < c->nprincipals &&
	    strcmp(c->principals[i], user) != 0; i++)
		;
	if (now >= c->valid_before) {
		date_text(c->valid_before, date);
		snprintf(text, size, "its certificate expired at %s; \"charon "
		    "agent rekey %s\" at the gateway makes an AUTH_KEY for a "
		    "new one", date, user);
	} else if (now < c->valid_after) {
		date_text(c->valid_after, date);
		snprintf(text, size, "its certificate is not valid before %s; "
		    "is this host's clock right?", date);
	} else if (c->nprincipals > 0 && i == c->nprincipals)
		snprintf(text, size, "its certificate is for \"%s\"; log in as "
		    "that user (--user, --name)", c->principals[0]);
	else if (gateway)
		snprintf(text, size, "the gateway's log says why; when its "
		    "identity was revoked, \"charon agent rekey %s\" helps",
		    user);
	else
		snprintf(text, size, "the server does not trust who signed "
		    "its certificate, or that was revoked");
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

/* Writes a file that was not there before, and leaves none when it fails. */
static int
write_new_file(const char *path, mode_t mode, const char *text, struct error *e)
{
	int fd, err;

	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
	    mode);
	if (fd == -1 && errno == EEXIST)
		return error_set(e, EX_CANTCREAT, "%s exists and is never "
		    "overwritten; remove it or choose another file", path);
	if (fd == -1)
		return error_set(e, EX_CANTCREAT, "cannot make %s: %s", path,
		    strerror(errno));
	if (file_write_all(fd, text, strlen(text)) == -1 || fsync(fd) == -1 ||
	    file_give_to_owner(fd, path) == -1) {
		err = errno;
		close(fd);
		unlink(path);
		return error_set(e, EX_CANTCREAT, "cannot write %s: %s", path,
		    strerror(err));
	}
	close(fd);
	return 0;
}

static int
write_key_pair(const char *path, const char *private, const char *public,
    struct error *e)
{
	char *pub = xasprintf("%s.pub", path);
	char *line = xasprintf("%s\n", public);
	int r;

	r = write_new_file(path, 0600, private, e);
	if (r == 0 && (r = write_new_file(pub, 0644, line, e)) == -1)
		unlink(path);
	free(line);
	free(pub);
	return r;
}

char *
identity_generate(const char *path, const char *comment, struct error *e)
{
	char *private = NULL, *blob = NULL, *public = NULL;
	ssh_key key = NULL;
	int r = -1;

	if (comment == NULL)
		comment = "";
	if (strpbrk(comment, "\r\n") != NULL) {
		error_set(e, EX_CANTCREAT, "a comment is one line");
		return NULL;
	}
	if (file_make_parents(path, e) == -1)
		return NULL;
	if (keygen_ed25519(&key) != SSH_OK ||
	    ssh_pki_export_privkey_base64(key, NULL, NULL, NULL, &private) !=
	    SSH_OK || ssh_pki_export_pubkey_base64(key, &blob) != SSH_OK)
		error_set(e, EX_CANTCREAT, "libssh cannot make a key");
	else {
		public = xasprintf("ssh-ed25519 %s%s%s", blob,
		    *comment != '\0' ? " " : "", comment);
		r = write_key_pair(path, private, public, e);
	}
	if (private != NULL)
		sodium_memzero(private, strlen(private));
	ssh_string_free_char(private);
	ssh_string_free_char(blob);
	ssh_key_free(key);
	if (r == -1) {
		free(public);
		public = NULL;
	}
	return public;
}
