/* SPDX-License-Identifier: ISC */
/*
 * OpenSSH user certificates, read and judged.  The fields come in the order
 * of OpenSSH's PROTOCOL.certkeys; everything up to the signature is signed.
 */
#include "config.h"

#include <inttypes.h>
#include <string.h>

#include <sodium.h>

#include "orthrus/proto/certificate.h"
#include "orthrus/proto/wire.h"

static int
certificate_malformed(struct error *e, const char *what)
{
	return error_set(e, EX_DATAERR, "malformed certificate: %s", what);
}

/* Reads a string that must have just n bytes. */
static bool
wire_take_fixed(struct wire *w, uint8_t *out, size_t n)
{
	size_t len;
	const uint8_t *p = wire_string(w, &len);

	if (w->bad || len != n)
		return false;
	memcpy(out, p, n);
	return true;
}

static int
take_principals(const struct certificate_parts *parts, struct certificate *c,
    struct error *e)
{
	struct wire w;
	char *name;

	wire_init(&w, parts->principals.p, parts->principals.n);
	while (w.left > 0) {
		if (c->nprincipals == CERT_PRINCIPALS_MAX)
			return certificate_malformed(e, "too many principals");
		name = c->principals[c->nprincipals++];
		wire_text(&w, name, NAME_MAX_LEN);
		if (w.bad || !name_valid(name))
			return certificate_malformed(e, "a principal is not a "
			    "name: 1 to 63 of a-z 0-9 -");
	}
	return 0;
}

/* Whether b comes after a, as strcmp(3) has it. */
static bool
in_order(const uint8_t *a, size_t alen, const uint8_t *b, size_t blen)
{
	int r = memcmp(a, b, alen < blen ? alen : blen);

	return r < 0 || (r == 0 && alen < blen);
}

/*
 * Reads options: names with data, of which only the names are looked at.  *any
 * tells whether there are some.
 */
static int
read_certificate_options(struct wire *outer, bool *any, struct error *e)
{
	size_t len, namelen, lastlen = 0;
	const uint8_t *p = wire_string(outer, &len), *name, *last = p;
	struct wire w;

	*any = len > 0;
	wire_init(&w, p, len);
	while (w.left > 0) {
		name = wire_string(&w, &namelen);
		wire_string(&w, &len);
		if (w.bad || namelen == 0 ||
		    memchr(name, '\0', namelen) != NULL)
			return certificate_malformed(e, "an option without a "
			    "right name and data");
		if (!in_order(last, lastlen, name, namelen))
			return certificate_malformed(e, "options out of order, "
			    "or twice");
		last = name;
		lastlen = namelen;
	}
	return 0;
}

static int
take_signature(const struct certificate_parts *parts, struct certificate *c,
    struct error *e)
{
	struct wire w;

	if (key_blob_read(parts->ca.p, parts->ca.n, c->ca) == -1)
		return certificate_malformed(e, "it is not signed by an "
		    "ssh-ed25519 key");
	wire_init(&w, parts->signature.p, parts->signature.n);
	if (!wire_is(&w, KEY_TYPE_NAME) || !wire_take_fixed(&w, c->signature,
	    sizeof(c->signature)) || w.left > 0)
		return certificate_malformed(e, "its signature is none of "
		    "ssh-ed25519");
	return 0;
}

static struct certificate_part
read_part(struct wire *w)
{
	struct certificate_part part;

	part.p = wire_string(w, &part.n);
	return part;
}

static int
read_certificate_fields(struct wire *w, const uint8_t *blob,
    struct certificate_parts *c, struct error *e)
{
	bool extension;

	if (!wire_is(w, CERT_TYPE_NAME))
		return error_set(e, EX_DATAERR, "not a certificate of type "
		    CERT_TYPE_NAME);
	read_part(w);			/* nonce */
	if (!wire_take_fixed(w, c->key, sizeof(c->key)))
		return certificate_malformed(e, "its key has not 32 bytes");
	c->serial = wire_u64(w);
	c->type = wire_u32(w);
	c->key_id = read_part(w);
	c->principals = read_part(w);
	c->valid_after = wire_u64(w);
	c->valid_before = wire_u64(w);
	if (read_certificate_options(w, &c->critical, e) == -1 ||
	    read_certificate_options(w, &extension, e) == -1)
		return -1;
	read_part(w);			/* reserved, to be ignored */
	c->ca = read_part(w);
	if (w->bad)
		return certificate_malformed(e, "cut short");
	c->signed_len = (size_t)(w->p - blob);
	c->signature = read_part(w);
	return 0;
}

int
certificate_split(const uint8_t *blob, size_t len, struct certificate_parts *c,
    struct error *e)
{
	struct wire w;

	memset(c, 0, sizeof(*c));
	if (len > CERT_MAX)
		return certificate_malformed(e, "too long");
	wire_init(&w, blob, len);
	if (read_certificate_fields(&w, blob, c, e) == -1)
		return -1;
	if (w.bad || w.left > 0)
		return certificate_malformed(e, "bytes behind its end");
	return 0;
}

/* A text without NUL, and with one at its end. */
static int
take_key_id(const struct certificate_parts *parts, struct certificate *c,
    struct error *e)
{
	const struct certificate_part *id = &parts->key_id;

	if (id->n >= sizeof(c->key_id) ||
	    (id->n > 0 && memchr(id->p, '\0', id->n) != NULL))
		return certificate_malformed(e, "its key id is too long, or "
		    "not a text");
	if (id->n > 0)
		memcpy(c->key_id, id->p, id->n);
	return 0;
}

int
certificate_read(const uint8_t *blob, size_t len, struct certificate *c,
    struct error *e)
{
	struct certificate_parts parts;

	memset(c, 0, sizeof(*c));
	if (certificate_split(blob, len, &parts, e) == -1)
		return -1;
	memcpy(c->key, parts.key, sizeof(c->key));
	c->serial = parts.serial;
	c->type = parts.type;
	c->valid_after = parts.valid_after;
	c->valid_before = parts.valid_before;
	c->critical = parts.critical;
	c->signed_len = parts.signed_len;
	return take_key_id(&parts, c, e) == -1 ||
	    take_principals(&parts, c, e) == -1 ||
	    take_signature(&parts, c, e) == -1 ? -1 : 0;
}

static int
check_signature(const struct certificate *c, const uint8_t *blob, size_t len,
    const uint8_t (*cas)[ED25519_KEY_LEN], size_t ncas, struct error *e)
{
	size_t i;

	for (i = 0; i < ncas; i++)
		if (memcmp(cas[i], c->ca, ED25519_KEY_LEN) == 0)
			break;
	if (i == ncas)
		return error_set(e, EX_NOPERM,
		    "the certificate is signed by another authority");
	if (c->signed_len > len || crypto_sign_verify_detached(c->signature,
	    blob, c->signed_len, c->ca) != 0)
		return error_set(e, EX_NOPERM,
		    "the signature of the certificate is wrong");
	return 0;
}

static bool
has_principal(const struct certificate *c, const char *principal)
{
	size_t i;

	for (i = 0; i < c->nprincipals; i++)
		if (strcmp(c->principals[i], principal) == 0)
			return true;
	return false;
}

int
certificate_judge(const struct certificate *c, const uint8_t *blob,
    size_t len, const uint8_t (*cas)[ED25519_KEY_LEN], size_t ncas,
    const char *principal, uint64_t now, struct error *e)
{
	/* The signature comes first, since nothing else counts without it. */
	if (check_signature(c, blob, len, cas, ncas, e) == -1)
		return -1;
	if (c->type != CERT_USER)
		return error_set(e, EX_NOPERM, "the certificate is not one of "
		    "a user (type %" PRIu32 ")", c->type);
	if (c->critical)
		return error_set(e, EX_NOPERM, "the certificate has a critical "
		    "option, and none is known here");
	if (now < c->valid_after)
		return error_set(e, EX_NOPERM, "the certificate is not valid "
		    "yet, for another %" PRIu64 " s", c->valid_after - now);
	if (now >= c->valid_before)
		return error_set(e, EX_NOPERM, "the certificate expired %"
		    PRIu64 " s ago", now - c->valid_before);
	if (!has_principal(c, principal))
		return error_set(e, EX_NOPERM, "the certificate is not for "
		    "%s", principal);
	return 0;
}
