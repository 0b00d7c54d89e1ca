/* SPDX-License-Identifier: ISC */
/*
 * Decides whether a server is the one that the user meant: pinned
 * fingerprints, known_hosts files and the authorities in them, or trust on
 * first contact.
 */
#include "orthrus/ssh/hostkey.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sodium.h>

#include "orthrus/base/address.h"
#include "orthrus/base/log.h"
#include "orthrus/base/mem.h"
#include "orthrus/proto/certificate.h"
#include "orthrus/proto/server.h"

#include "host_certificate.h"
#include "known_hosts.h"

#define SSH_PORT 22
#define DIGEST_CHARS 43		/* base64 of 32 bytes, unpadded */

static const char base64_chars[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

bool
fingerprint_valid(const char *s)
{
	if (strncmp(s, "SHA256:", 7) != 0)
		return false;
	s += 7;
	return strlen(s) == DIGEST_CHARS &&
	    strspn(s, base64_chars) == DIGEST_CHARS;
}

/* The key that a server has proved, as text, and the certificate on it. */
struct shown_key {
	const struct hostkey_shown *shown;
	const char *host;
	uint16_t port;
	char name[ADDRESS_TEXT_MAX];	/* of the host, as in known_hosts */
	char fp[FINGERPRINT_MAX];
	char *blob;			/* base64 */
	struct certificate_parts parts;
	char *ca;			/* base64; NULL: no certificate */
};

static char *
base64_of(const uint8_t *p, size_t n)
{
	const int variant = sodium_base64_VARIANT_ORIGINAL;
	size_t size = sodium_base64_encoded_len(n, variant);

	return sodium_bin2base64(xcalloc(size, 1), size, p, n, variant);
}

/* Of a certificate it is the key in it. */
static int
read_shown_key(struct shown_key *k, struct error *e)
{
	const uint8_t *p = k->shown->blob;
	uint8_t key[ED25519_KEY_LEN], blob[KEY_BLOB_LEN];

	if (p == NULL)
		return error_set(e, EX_NOPERM, "the server showed no host key");
	if (key_blob_read(p, k->shown->len, key) == -1) {
		if (certificate_split(p, k->shown->len, &k->parts, NULL) == -1)
			return error_set(e, EX_NOPERM, "the server's host key "
			    "is no whole one of " KEY_TYPE_NAME ", which alone "
			    "is accepted");
		k->ca = base64_of(k->parts.ca.p, k->parts.ca.n);
		memcpy(key, k->parts.key, sizeof(key));
	}
	key_blob_write(key, blob);
	key_fingerprint(blob, sizeof(blob), k->fp);
	k->blob = base64_of(blob, sizeof(blob));
	return 0;
}

static int
check_pins(const struct hostkey_policy *policy, const struct shown_key *k,
    struct error *e)
{
	size_t i;

	for (i = 0; i < policy->npins; i++)
		if (strcmp(policy->pins[i], k->fp) == 0)
			return 0;
	if (policy->enrolling)
		return error_set(e, EX_NOPERM, "the host key of %s is %s, but "
		    "the AUTH_KEY is for the gateway whose key is %s: nothing "
		    "was sent there", k->name, k->fp, policy->pins[0]);
	return error_set(e, EX_NOPERM, "the host key of %s is %s, which is not "
	    "among the pinned ones (host_key): refused", k->name,
	    k->fp);
}

/* What the files say, all of them together. */
struct known {
	enum known_host key, authority;
	const char *file, *ca_file;	/* the lines that say so */
	unsigned line, ca_line;
	bool unreadable;
};

/* The first line of those that count most. */
static void
look_into_file(const char *path, const struct shown_key *k, struct known *known)
{
	enum known_host found;
	unsigned line;

	found = known_hosts_in_file(known_hosts_lookup, path, k->host, k->port,
	    k->blob, &line, &known->unreadable);
	if (found > known->key) {
		known->key = found;
		known->file = path;
		known->line = line;
	}
	found = known_hosts_in_file(known_hosts_authority, path, k->host,
	    k->port, k->ca, &line, &known->unreadable);
	if (found > known->authority) {
		known->authority = found;
		known->ca_file = path;
		known->ca_line = line;
	}
}

/* Says what is known of the host instead, and what would accept its key. */
static int
refuse_unknown_key(const struct shown_key *k, const struct known *known,
    struct error *e)
{
	if (known->key == KNOWN_HOST_OTHER_TYPE)
		return error_set(e, EX_NOPERM, "the host %s is known, but no "
		    "Ed25519 key is known for it: %s:%u has one of another "
		    "type; it is now %s; when that is the right one, add "
		    "--host-key %s", k->name, known->file, known->line, k->fp,
		    k->fp);
	if (known->authority == KNOWN_HOST_CHANGED)
		return error_set(e, EX_NOPERM, "the host key of %s is not "
		    "known: %s; %s:%u trusts an authority for it, but the "
		    "server shows %s; when that key is the right one, add "
		    "--host-key %s", k->name, k->fp, known->ca_file,
		    known->ca_line, k->ca == NULL ? "no certificate of its "
		    "Ed25519 key (sshd_config: HostCertificate)" :
		    "a certificate of another", k->fp);
	return error_set(e, EX_NOPERM, "the host key of %s is not known: %s; "
	    "when \"charon fingerprint\" (or \"ssh-keygen -lf "
	    "/etc/ssh/ssh_host_ed25519_key.pub\") there says the same, add "
	    "--accept-new, or --host-key %s", k->name, k->fp, k->fp);
}

/*
 * On first contact there is nothing else to go by.  A host with a key of another
 * type is not new: whoever stands in between would only have to show another
 * type.
 */
static int
decide_unknown_key(const struct hostkey_policy *policy,
    const struct shown_key *k, const struct known *known, struct error *e)
{
	if (!policy->accept_new || known->key == KNOWN_HOST_OTHER_TYPE)
		return refuse_unknown_key(k, known, e);
	if (policy->nknown_hosts == 0)
		return error_set(e, EX_NOPERM, "there is no known_hosts file "
		    "to remember the host key of %s in: %s", k->name, k->fp);
	if (known->unreadable)
		return error_set(e, EX_NOPERM, "the host key of %s, %s, is not "
		    "accepted as new because a known_hosts file could not be "
		    "read", k->name, k->fp);
	if (policy->forgets)
		return 0;
	if (known_hosts_remember(policy->known_hosts[0], k->name, k->blob, e) ==
	    -1)
		return -1;
	log_warn("trusting the host key of %s from now on: %s", k->name, k->fp);
	return 0;
}

/*
 * Whoever lists several servers means one gateway, or some that are alike: by
 * another port or transport it is the same machine, with the same key.
 */
static bool
is_known_elsewhere(const struct hostkey_policy *policy, const char *blob)
{
	const struct server *other;
	bool unreadable = false;
	unsigned line;
	size_t i, j;

	for (i = 0; i < policy->nservers; i++)
		for (j = 0; j < policy->nknown_hosts; j++) {
			other = &policy->servers[i];
			if (known_hosts_in_file(known_hosts_lookup,
			    policy->known_hosts[j], other->host, other->port,
			    blob, &line, &unreadable) == KNOWN_HOST_MATCH)
				return true;
		}
	return false;
}

static int
refuse_revoked_key(const struct shown_key *k, const struct known *known,
    struct error *e)
{
	if (known->key == KNOWN_HOST_REVOKED)
		return error_set(e, EX_NOPERM, "the host key of %s, %s, is "
		    "revoked in %s:%u", k->name, k->fp, known->file,
		    known->line);
	return error_set(e, EX_NOPERM, "the authority of the certificate of %s "
	    "is revoked in %s:%u", k->name, known->ca_file, known->ca_line);
}

/*
 * 0 where a known authority vouches for the host; -1 with *e else, which is
 * about the certificate when *e has a code.
 */
static int
check_authority(const struct shown_key *k, const struct known *known,
    struct error *e)
{
	e->code = 0;
	if (known->authority != KNOWN_HOST_MATCH || k->ca == NULL)
		return -1;
	if (host_certificate_judge(k->shown->session, k->shown->blob, &k->parts,
	    k->host, (uint64_t)time(NULL), e) == 0)
		return 0;
	error_prefix(e, "the host %s is to be known by the authority of %s:%u",
	    k->name, known->ca_file, known->ca_line);
	return -1;
}

/*
 * All files are read, for a key that one of them revokes is not allowed by
 * another.  A key that is known by itself needs no certificate.
 */
static int
check_known_hosts(const struct hostkey_policy *policy,
    const struct shown_key *k, struct error *e)
{
	struct known known = { .key = KNOWN_HOST_NONE };
	struct error certificate;
	size_t i;

	for (i = 0; i < policy->nknown_hosts; i++)
		look_into_file(policy->known_hosts[i], k, &known);
	if (known.key == KNOWN_HOST_REVOKED ||
	    known.authority == KNOWN_HOST_REVOKED)
		return refuse_revoked_key(k, &known, e);
	if (known.key == KNOWN_HOST_MATCH ||
	    check_authority(k, &known, &certificate) == 0)
		return 0;
	if (known.key == KNOWN_HOST_CHANGED)
		return error_set(e, EX_NOPERM, "the host key of %s has "
		    "changed: it is now %s, but %s:%u holds another one. "
		    "Somebody may be in between; if not, remove that line",
		    k->name, k->fp, known.file, known.line);
	if (certificate.code != 0)
		return error_set(e, certificate.code, "%s", certificate.text);
	if (!known.unreadable && is_known_elsewhere(policy, k->blob))
		return 0;
	return decide_unknown_key(policy, k, &known, e);
}

/*
 * Remembers the key that an AUTH_KEY has vouched for, so that it is known at
 * later logins, which have no AUTH_KEY.
 */
static int
remember_pinned_key(const struct hostkey_policy *policy,
    const struct shown_key *k, struct error *e)
{
	bool unreadable = false;
	unsigned line;
	size_t i;

	for (i = 0; i < policy->nknown_hosts; i++)
		if (known_hosts_in_file(known_hosts_lookup,
		    policy->known_hosts[i], k->host, k->port, k->blob, &line,
		    &unreadable) == KNOWN_HOST_MATCH)
			return 0;
	return policy->nknown_hosts == 0 ? 0 :
	    known_hosts_remember(policy->known_hosts[0], k->name, k->blob, e);
}

int
hostkey_check(const struct hostkey_shown *shown, const char *host,
    uint16_t port, const struct hostkey_policy *policy,
    char fp[FINGERPRINT_MAX], struct error *e)
{
	struct shown_key k = { .shown = shown, .host = host,
	    .port = port };
	int r;

	if (port == SSH_PORT)
		snprintf(k.name, sizeof(k.name), "%s", host);
	else
		snprintf(k.name, sizeof(k.name), "[%s]:%u", host,
		    (unsigned)port);
	r = read_shown_key(&k, e);
	memcpy(fp, k.fp, FINGERPRINT_MAX);
	if (r == 0)
		r = policy->npins > 0 ? check_pins(policy, &k, e) :
		    check_known_hosts(policy, &k, e);
	if (r == 0 && policy->enrolling)
		r = remember_pinned_key(policy, &k, e);
	free(k.blob);
	free(k.ca);
	return r;
}
