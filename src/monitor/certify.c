/* SPDX-License-Identifier: ISC */
/*
 * Certificates: made for those only who were let in here, for nobody but
 * themselves, and for keys that they prove to have.
 */
#include "config.h"

#include <string.h>
#include <time.h>

#include <sodium.h>

#include "keeper.h"

#define RENEW_SLACK 60		/* seconds that an agent's clock may be ahead */

/* --- whose a key is ----------------------------------------------- */

static int
read_key(const struct message *q, uint8_t key[ED25519_KEY_LEN],
    struct error *e)
{
	if (q->len != ED25519_KEY_LEN || (q->more_len != 0 &&
	    q->more_len != ED25519_SIGNATURE_LEN))
		return error_set(e, EX_DATAERR, "not an Ed25519 key, or its "
		    "signature");
	memcpy(key, q->bytes, ED25519_KEY_LEN);
	return 0;
}

/*
 * Who is too old for a proof, as the question's flag says, cannot log in with
 * the certificate of a key that is not its own: that is all we know then.
 */
static bool
needs_proof(const struct keeper *k, const struct message *q)
{
	return !q->flag || !k->old_agents || q->more_len != 0;
}

/* A question without a proof is answered with a challenge, and flag. */
static void
make_challenge(struct guest *guest, struct message *a)
{
	guest->challenged = true;
	guest->challenges++;
	randombytes_buf(guest->challenge, sizeof(guest->challenge));
	a->flag = true;
	a->bytes = guest->challenge;
	a->len = sizeof(guest->challenge);
}

/* Uses the challenge up: is this the proof that was asked for? */
static int
check_proof(const struct keeper *k, struct guest *guest,
    const struct message *q, const char *name,
    const uint8_t key[ED25519_KEY_LEN], struct error *e)
{
	char host_key[KEY_FINGERPRINT_MAX];
	const struct possession p = { guest->challenge, host_key, name, key };
	bool challenged = guest->challenged;

	guest->challenged = false;
	if (!challenged)
		return error_set(e, EX_DATAERR, "a proof without a challenge");
	key_fingerprint(k->host_blob, sizeof(k->host_blob), host_key);
	if (!possession_proven(&p, q->more))
		return error_set(e, EX_DATAERR, "the proof does not show that "
		    "the key is its own, for this name and this challenge");
	return 0;
}

/* --- certificates ------------------------------------------------- */

/* Signs c, as the answer's bytes; they are good until the next is signed. */
static void
sign_certificate(struct keeper *k, const struct certificate *c,
    struct message *a)
{
	static uint8_t blob[CERT_MAX];

	a->len = certificate_write(c, k->ca->secret, blob);
	a->bytes = blob;
	a->number = c->serial;
	strcpy(a->name, c->principals[0]);
}

/*
 * Whether the AUTH_KEY would give the name that is wanted: a wrong one must
 * not use it up.  The answer says as what it is registered.
 */
static int
check_name(struct keeper *k, const struct guest *guest, const char *wanted,
    struct message *a, struct error *e)
{
	static struct peer p;
	int found = registry_find_id(k->registry, guest->auth.id, &p, e);

	if (found == 0)
		error_set(e, EX_NOUSER, "whose AUTH_KEY this is was removed");
	if (found != 1)
		return -1;
	strcpy(a->name, p.name);
	if (wanted[0] == '\0' || strcmp(wanted, p.name) == 0)
		return 0;
	return error_set(e, EX_DATAERR, "this AUTH_KEY is for \"%s\", not for "
	    "\"%s\"; it is still good", p.name, wanted);
}

/* The name is told only when it is what is wrong. */
static int
enrol_failed(struct message *a, int rc)
{
	a->name[0] = '\0';
	return rc;
}

int
certify_enrol(struct keeper *k, const struct message *q, struct message *a,
    struct error *e)
{
	struct guest *guest = guests_find(&k->guests, q->session);
	uint8_t key[ED25519_KEY_LEN];
	struct certificate c;

	if (guest == NULL || guest->kind != GUEST_ENROLS)
		return error_set(e, EX_NOPERM, "this session does not enrol");
	if (read_key(q, key, e) == -1 ||
	    check_name(k, guest, q->name, a, e) == -1)
		return -1;
	if (q->more_len == 0 && needs_proof(k, q) && guest->challenges > 0)
		return enrol_failed(a, error_set(e, EX_DATAERR,
		    "an EnrollRequest with a proof was expected"));
	if (q->more_len == 0 && needs_proof(k, q)) {
		make_challenge(guest, a);
		return 0;
	}
	if (needs_proof(k, q) &&
	    check_proof(k, guest, q, a->name, key, e) == -1)
		return enrol_failed(a, -1);
	if (registry_enrol(k->registry, &guest->auth, key,
	    k->certificate_lifetime, &c, e) == -1) {
		/* The same question comes again soon. */
		guest->challenged = needs_proof(k, q) &&
		    e->code == EX_TEMPFAIL;
		return enrol_failed(a, -1);
	}
	k->revoked_dirty = true;
	sign_certificate(k, &c, a);
	return 0;
}

/*
 * Early renewals would only fill the registry.  The certificate that counts is
 * the one of the login: whoever could not store the next one asks again.
 */
static bool
renews_too_early(const struct keeper *k, const struct guest *guest)
{
	uint64_t now = (uint64_t)time(NULL);

	return guest->valid_before > now &&
	    guest->valid_before - now > k->renew_before + RENEW_SLACK;
}

int
certify_renew(struct keeper *k, const struct message *q, struct message *a,
    struct error *e)
{
	struct guest *guest = guests_find(&k->guests, q->session);
	uint8_t key[ED25519_KEY_LEN];
	struct certificate c;

	if (guest == NULL || guest->kind != GUEST_PEER)
		return error_set(e, EX_NOPERM, "this session was not let in");
	if (read_key(q, key, e) == -1)
		return -1;
	if (guest->serial == 0 || renews_too_early(k, guest)) {
		a->flag = true;		/* nothing to worry about */
		return error_set(e, EX_DATAERR, "not yet due (is this clock "
		    "ahead?)");
	}
	if (q->more_len == 0 && needs_proof(k, q)) {
		make_challenge(guest, a);
		return 0;
	}
	if ((needs_proof(k, q) &&
	    check_proof(k, guest, q, guest->name, key, e) == -1) ||
	    registry_renew(k->registry, guest->peer, guest->newest, key,
	    k->certificate_lifetime, &c, e) == -1)
		return -1;
	guest->newest = c.serial;
	sign_certificate(k, &c, a);
	return 0;
}
