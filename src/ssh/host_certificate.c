/* SPDX-License-Identifier: ISC */
/*
 * See host_certificate.h.  Authorities have keys of all kinds, so libssh
 * checks what they have signed.
 */
#include "config.h"

#include <string.h>

#include <libssh/libssh.h>

#include "orthrus/base/text.h"
#include "orthrus/proto/wire.h"

#include "host_certificate.h"
#include "known_hosts.h"

/* libssh's, not in its headers. */
struct ssh_signature_struct;
int ssh_pki_import_pubkey_blob(const ssh_string blob, ssh_key *key);
int ssh_pki_import_signature_blob(const ssh_string blob, const ssh_key key,
    struct ssh_signature_struct **signature);
int ssh_pki_signature_verify(ssh_session session,
    struct ssh_signature_struct *signature, const ssh_key key,
    const unsigned char *p, size_t len);
void ssh_signature_free(struct ssh_signature_struct *signature);

/* As ssh_config(5) has them in CASignatureAlgorithms. */
static const char *const signatures[] = {
	"ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384",
	"ecdsa-sha2-nistp521", "sk-ssh-ed25519@openssh.com",
	"sk-ecdsa-sha2-nistp256@openssh.com", "rsa-sha2-512", "rsa-sha2-256"
};

static bool
is_for_host(const struct certificate_parts *c, const char *host)
{
	const uint8_t *name;
	struct wire w;
	size_t n;

	wire_init(&w, c->principals.p, c->principals.n);
	if (w.left == 0)
		return true;
	while (w.left > 0) {
		name = wire_string(&w, &n);
		if (w.bad)
			return false;
		if (known_hosts_pattern((const char *)name, n, host))
			return true;
	}
	return false;
}

int
host_certificate_fits(const struct certificate_parts *c, const char *host,
    uint64_t now, struct error *e)
{
	char date[TIME_TEXT_MAX];

	if (c->type != CERT_HOST)
		return error_set(e, EX_NOPERM, "its certificate is one of a "
		    "user; the server needs one of a host (ssh-keygen -h)");
	if (c->critical)
		return error_set(e, EX_NOPERM, "its certificate has a critical "
		    "option, and none is known for hosts");
	if (now < c->valid_after)
		return error_set(e, EX_NOPERM, "its certificate is not valid "
		    "before %s; is this host's clock right?",
		    time_text((int64_t)c->valid_after, date));
	if (now >= c->valid_before)
		return error_set(e, EX_NOPERM, "its certificate expired at %s; "
		    "the server needs a new one",
		    time_text((int64_t)c->valid_before, date));
	if (!is_for_host(c, host))
		return error_set(e, EX_NOPERM, "its certificate is for other "
		    "names than %s; connect by one of these, or have it signed "
		    "for this one (ssh-keygen -n)", host);
	return 0;
}

static ssh_string
string_of(const uint8_t *p, size_t n)
{
	ssh_string s = ssh_string_new(n);

	if (s != NULL && n > 0)
		ssh_string_fill(s, p, n);
	return s;
}

static bool
is_allowed(const struct certificate_part *signature)
{
	struct wire w;
	size_t i;

	for (i = 0; i < sizeof(signatures) / sizeof(signatures[0]); i++) {
		wire_init(&w, signature->p, signature->n);
		if (wire_is(&w, signatures[i]))
			return true;
	}
	return false;
}

static bool
is_signed(ssh_session session, const uint8_t *blob,
    const struct certificate_parts *c)
{
	ssh_string ca_blob = string_of(c->ca.p, c->ca.n);
	ssh_string signature_blob = string_of(c->signature.p, c->signature.n);
	struct ssh_signature_struct *signature = NULL;
	ssh_key ca = NULL;
	bool good;

	good = is_allowed(&c->signature) &&
	    ssh_pki_import_pubkey_blob(ca_blob, &ca) == SSH_OK &&
	    ssh_pki_import_signature_blob(signature_blob, ca, &signature) ==
	    SSH_OK && ssh_pki_signature_verify(session, signature, ca, blob,
	    c->signed_len) == SSH_OK;
	ssh_signature_free(signature);
	ssh_key_free(ca);
	ssh_string_free(signature_blob);
	ssh_string_free(ca_blob);
	return good;
}

int
host_certificate_judge(struct ssh_session_struct *session, const uint8_t *blob,
    const struct certificate_parts *c, const char *host, uint64_t now,
    struct error *e)
{
	if (!is_signed(session, blob, c))
		return error_set(e, EX_NOPERM, "the signature of its "
		    "certificate is wrong, or of a kind that is not taken; it "
		    "must be signed anew");
	return host_certificate_fits(c, host, now, e);
}
