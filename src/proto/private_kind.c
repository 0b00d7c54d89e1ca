/* SPDX-License-Identifier: ISC */
/*
 * What people have for keys, and name as an identity: each is told for what it
 * is, with what to do instead.
 */
#include "config.h"

#include "private_kind.h"

#include <stdio.h>
#include <string.h>

#include "orthrus/proto/auth_key.h"
#include "orthrus/proto/private_key.h"
#include "orthrus/proto/wire.h"

#define TYPE_MAX 64
#define MAKE "make one with \"orthrus keygen\" or \"ssh-keygen -t ed25519 " \
    "-N ''\""
#define ONLY "only " KEY_TYPE_NAME " is accepted, " MAKE
#define DEVICE "only its device can sign, which nobody touches when a " \
    "session comes back; " MAKE
#define PRIVATE "give the private one (without .pub)"

struct kind {
	const char *begins, *says;
};

/* A public half's type, or OpenSSL's name for it. */
static const struct kind types[] = {
	{ "ssh-rsa", "it is an RSA key (ssh-rsa); " ONLY },
	{ "rsa", "it is an RSA key (PKCS#8); " ONLY },
	{ "ssh-dss", "it is a DSA key (ssh-dss); " ONLY },
	{ "dsa", "it is a DSA key (PKCS#8); " ONLY },
	{ "ecdsa-sha2-nistp256", "it is an ECDSA key (ecdsa-sha2-nistp256); "
	    ONLY },
	{ "ecdsa-sha2-nistp384", "it is an ECDSA key (ecdsa-sha2-nistp384); "
	    ONLY },
	{ "ecdsa-sha2-nistp521", "it is an ECDSA key (ecdsa-sha2-nistp521); "
	    ONLY },
	{ "id-ecPublicKey", "it is an ECDSA key (PKCS#8); " ONLY },
	{ "sk-ssh-ed25519", "it is a security key's (sk-ssh-ed25519, FIDO): "
	    DEVICE },
	{ "sk-ecdsa", "it is a security key's (sk-ecdsa-sha2-nistp256, FIDO): "
	    DEVICE },
};

/* What may be seen by all: the wrong half, or what belongs to it. */
static const struct kind public_files[] = {
	{ "ssh-ed25519-cert-v01@", "it is a certificate; give the private key "
	    "that it is for (without -cert.pub), which finds the certificate "
	    "beside it" },
	{ "ssh-rsa-cert-v01@", "it is a certificate of an RSA key; " ONLY },
	{ "ecdsa-", "this is a public key, of ECDSA; " ONLY },
	{ "ssh-rsa", "this is a public key, of RSA; " ONLY },
	{ "ssh-", "this is a public key; " PRIVATE },
	{ "sk-", "this is a security key's public key: " DEVICE },
	{ "-----BEGIN PUBLIC KEY", "this is a public key; " PRIVATE },
	{ "-----BEGIN RSA PUBLIC KEY", "this is a public key, of RSA; " ONLY },
	{ "---- BEGIN SSH2 PUBLIC KEY", "this is a public key; " PRIVATE },
	{ "-----BEGIN CERTIFICATE", "it is a certificate of TLS (X.509); give "
	    "a private key for SSH: " MAKE },
};

static const struct kind files[] = {
	{ "-----BEGIN RSA PRIVATE KEY", "it is an RSA key (ssh-rsa, PKCS#1); "
	    ONLY },
	{ "-----BEGIN EC PRIVATE KEY", "it is an ECDSA key (SEC 1); " ONLY },
	{ "-----BEGIN EC PARAMETERS", "it is an ECDSA key (SEC 1); " ONLY },
	{ "-----BEGIN DSA PRIVATE KEY", "it is a DSA key (ssh-dss); " ONLY },
	{ "PuTTY-User-Key-File-", "it is a key of PuTTY; \"puttygen FILE -O "
	    "private-openssh -o NEW\" makes an OpenSSH one of it" },
	{ "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY", "it is a key of ssh.com's "
	    "format; " ONLY },
	{ "SSH PRIVATE KEY FILE FORMAT", "it is a key of SSH 1; " ONLY },
	{ "-----BEGIN PGP", "it is a key of PGP; " ONLY },
	{ AUTH_KEY_PREFIX, "it is an AUTH_KEY; give it by AUTH_KEY_FILE or "
	    "--auth-key, which make the identity" },
	{ "LS0tLS1CRUdJTi", "it is a key in base64 once more; decode it "
	    "(\"base64 -d FILE >NEW\")" },
	{ "{", "it is JSON; take the private key out of it" },
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char *
find_kind(const struct kind *kinds, size_t n, const char *text)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (strncmp(text, kinds[i].begins, strlen(kinds[i].begins)) ==
		    0)
			return kinds[i].says;
	return NULL;
}

int
private_kind_refuse_name(const char *name, struct error *e)
{
	char lower[TYPE_MAX];
	const char *says;

	snprintf(lower, sizeof(lower), "%s", name);
	if (strncmp(lower, "rsa", 3) == 0 || strncmp(lower, "RSA", 3) == 0)
		strcpy(lower, "rsa");
	else if (strncmp(lower, "DSA", 3) == 0)
		strcpy(lower, "dsa");
	says = find_kind(types, COUNT(types), lower);
	return says != NULL ? error_set(e, EX_DATAERR, "%s", says) :
	    error_set(e, EX_DATAERR, "it is a key of type %s; " ONLY, name);
}

int
private_kind_refuse_blob(const uint8_t *blob, size_t len, struct error *e)
{
	char type[TYPE_MAX];
	struct wire w;

	wire_init(&w, blob, len);
	wire_text(&w, type, sizeof(type));
	if (w.bad || strcmp(type, KEY_TYPE_NAME) == 0)
		return error_set(e, EX_DATAERR, "the private key is damaged or "
		    "cut short; copy it again, with its first and its last "
		    "line");
	return private_kind_refuse_name(type, e);
}

bool
private_key_is_public(const char *text, struct error *e)
{
	const char *says;

	text += strspn(text, " \t\r\n");
	says = find_kind(public_files, COUNT(public_files), text);
	if (says != NULL)
		error_set(e, EX_DATAERR, "%s", says);
	return says != NULL;
}

/* A key as an ASN.1 sequence: RFC 5958, or RFC 8017 and the like. */
static bool
is_der(const char *text, size_t len)
{
	return len > 8 && (uint8_t)text[0] == 0x30 &&
	    ((uint8_t)text[1] >= 0x80 || (size_t)text[1] + 2 <= len);
}

int
private_kind_refuse(const char *text, size_t len, struct error *e)
{
	const char *says = NULL;
	char head[TYPE_MAX];

	snprintf(head, sizeof(head), "%.*s", len < TYPE_MAX ? (int)len :
	    TYPE_MAX - 1, text);
	if (len == 0)
		says = "the file is empty; " MAKE;
	else if (private_key_is_public(head, e))
		return -1;
	else if (is_der(text, len))
		says = "it is in DER; \"openssl pkey -inform DER -in FILE -out "
		    "NEW\" makes PEM of it";
	else
		says = find_kind(files, COUNT(files), head);
	return says != NULL ? error_set(e, EX_DATAERR, "%s", says) :
	    error_set(e, EX_DATAERR, "not a private key, in OpenSSH's format "
	    "or PKCS#8; " MAKE);
}
