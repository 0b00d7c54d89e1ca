/* SPDX-License-Identifier: ISC */
/*
 * A private key that is in another process, as a key of OpenSSL's: a provider
 * of our own that knows the public half and asks for each signature.  It has a
 * library context of its own, so that nobody else is given its keys.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/provider.h>

#include "orthrus/base/mem.h"

#include "tls_private.h"

#define PROVIDER "elsewhere"
#define PARAM_KEY "elsewhere"		/* a struct elsewhere, to be copied */

struct elsewhere {
	EVP_PKEY *public;		/* NULL: not yet */
	struct tls_signer by;
};

/* --- keys ------------------------------------------------------------- */

static void *
key_new(void *provider)
{
	(void)provider;
	return xcalloc(1, sizeof(struct elsewhere));
}

static void
key_free(void *key)
{
	struct elsewhere *k = key;

	EVP_PKEY_free(k->public);
	free(k);
}

/* All of a key, though its private half is not here. */
static int
key_has(const void *key, int what)
{
	(void)what;
	return ((const struct elsewhere *)key)->public != NULL;
}

static int
key_match(const void *a, const void *b, int what)
{
	(void)what;
	return EVP_PKEY_eq(((const struct elsewhere *)a)->public,
	    ((const struct elsewhere *)b)->public) == 1;
}

static int
key_get_params(void *key, OSSL_PARAM params[])
{
	return EVP_PKEY_get_params(((struct elsewhere *)key)->public, params);
}

static const OSSL_PARAM *
key_gettable(void *provider)
{
	static const OSSL_PARAM params[] = {
		OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
		OSSL_PARAM_END
	};

	(void)provider;
	return params;
}

/* The public half of a certificate, to be held against ours. */
static int
import_public(struct elsewhere *k, const char *type, const OSSL_PARAM params[])
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	int rc = ctx != NULL && EVP_PKEY_fromdata_init(ctx) == 1 &&
	    EVP_PKEY_fromdata(ctx, &k->public, EVP_PKEY_PUBLIC_KEY,
	    (OSSL_PARAM *)params) == 1;

	EVP_PKEY_CTX_free(ctx);
	return rc;
}

static int
import_key(struct elsewhere *k, const char *type, const OSSL_PARAM params[])
{
	const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, PARAM_KEY);

	if (p == NULL)
		return import_public(k, type, params);
	if (p->data_size != sizeof(*k))
		return 0;
	memcpy(k, p->data, sizeof(*k));
	return EVP_PKEY_up_ref(k->public);
}

static const OSSL_PARAM *
key_importable(int what)
{
	static const OSSL_PARAM params[] = {
		OSSL_PARAM_octet_string(PARAM_KEY, NULL, 0), OSSL_PARAM_END
	};

	(void)what;
	return params;
}

/* Each kind of key has its own name for what it signs with. */
#define KIND(kind, type, signs) \
static int \
import_##kind(void *key, int what, const OSSL_PARAM params[]) \
{ \
	(void)what; \
	return import_key(key, type, params); \
} \
static const char * \
operation_##kind(int id) \
{ \
	return id == OSSL_OP_SIGNATURE ? signs : type; \
} \
static const OSSL_DISPATCH kind##_key[] = { \
	{ OSSL_FUNC_KEYMGMT_NEW, (void (*)(void))key_new }, \
	{ OSSL_FUNC_KEYMGMT_FREE, (void (*)(void))key_free }, \
	{ OSSL_FUNC_KEYMGMT_HAS, (void (*)(void))key_has }, \
	{ OSSL_FUNC_KEYMGMT_MATCH, (void (*)(void))key_match }, \
	{ OSSL_FUNC_KEYMGMT_GET_PARAMS, (void (*)(void))key_get_params }, \
	{ OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, (void (*)(void))key_gettable }, \
	{ OSSL_FUNC_KEYMGMT_IMPORT, (void (*)(void))import_##kind }, \
	{ OSSL_FUNC_KEYMGMT_IMPORT_TYPES, (void (*)(void))key_importable }, \
	{ OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, \
	    (void (*)(void))operation_##kind }, \
	{ 0, NULL } \
}

KIND(rsa, "RSA", "RSA");
KIND(ec, "EC", "ECDSA");
KIND(ed25519, "ED25519", "ED25519");

/* --- signatures ------------------------------------------------------- */

struct signing {
	const struct elsewhere *key;
	unsigned digest;		/* see struct tls_signer */
};

static void *
signing_new(void *provider, const char *properties)
{
	(void)provider;
	(void)properties;
	return xcalloc(1, sizeof(struct signing));
}

static int
signing_begin(void *ctx, const char *digest, void *key,
    const OSSL_PARAM params[])
{
	static const struct { const char *name; unsigned bits; } known[] = {
		{ "SHA256", 256 }, { "SHA2-256", 256 }, { "SHA384", 384 },
		{ "SHA2-384", 384 }, { "SHA512", 512 }, { "SHA2-512", 512 }
	};
	struct signing *s = ctx;
	size_t i;

	(void)params;
	s->key = key;
	s->digest = 0;
	for (i = 0; digest != NULL && i < sizeof(known) / sizeof(known[0]);
	    i++)
		if (strcasecmp(digest, known[i].name) == 0)
			s->digest = known[i].bits;
	return digest == NULL || digest[0] == '\0' || s->digest != 0;
}

static int
signing_sign(void *ctx, unsigned char *signature, size_t *len, size_t size,
    const unsigned char *p, size_t n)
{
	const struct signing *s = ctx;
	const struct tls_signer *by = &s->key->by;
	uint8_t made[TLS_SIGNATURE_MAX];

	*len = (size_t)EVP_PKEY_get_size(s->key->public);
	if (signature == NULL)
		return 1;
	if (by->sign == NULL || !by->sign(by->arg, s->digest, p, n, made,
	    len) || *len > size)
		return 0;
	memcpy(signature, made, *len);
	return 1;
}

/*
 * Of RSA TLS 1.3 has but one padding, RFC 8446 section 4.2.3: what is set is
 * what the other process does.
 */
static int
signing_set_params(void *ctx, const OSSL_PARAM params[])
{
	(void)ctx;
	(void)params;
	return 1;
}

static const OSSL_PARAM *
signing_settable(void *ctx, void *provider)
{
	static const OSSL_PARAM params[] = {
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL,
		    0),
		OSSL_PARAM_END
	};

	(void)ctx;
	(void)provider;
	return params;
}

static const OSSL_DISPATCH signature[] = {
	{ OSSL_FUNC_SIGNATURE_NEWCTX, (void (*)(void))signing_new },
	{ OSSL_FUNC_SIGNATURE_FREECTX, (void (*)(void))free },
	{ OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, (void (*)(void))signing_begin },
	{ OSSL_FUNC_SIGNATURE_DIGEST_SIGN, (void (*)(void))signing_sign },
	{ OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS,
	    (void (*)(void))signing_set_params },
	{ OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS,
	    (void (*)(void))signing_settable },
	{ 0, NULL }
};

/* --- the provider ----------------------------------------------------- */

static const OSSL_ALGORITHM *
provider_query(void *provider, int id, int *no_cache)
{
	static const OSSL_ALGORITHM keys[] = {
		{ "RSA:rsaEncryption:1.2.840.113549.1.1.1",
		    "provider=" PROVIDER, rsa_key, NULL },
		{ "EC:id-ecPublicKey:1.2.840.10045.2.1",
		    "provider=" PROVIDER, ec_key, NULL },
		{ "ED25519:1.3.101.112", "provider=" PROVIDER, ed25519_key,
		    NULL },
		{ NULL, NULL, NULL, NULL }
	};
	static const OSSL_ALGORITHM signatures[] = {
		{ "RSA:rsaEncryption:1.2.840.113549.1.1.1",
		    "provider=" PROVIDER, signature, NULL },
		{ "ECDSA", "provider=" PROVIDER, signature, NULL },
		{ "ED25519:1.3.101.112", "provider=" PROVIDER, signature,
		    NULL },
		{ NULL, NULL, NULL, NULL }
	};

	(void)provider;
	*no_cache = 0;
	return id == OSSL_OP_KEYMGMT ? keys : id == OSSL_OP_SIGNATURE ?
	    signatures : NULL;
}

static int
provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
    const OSSL_DISPATCH **out, void **provider)
{
	static const OSSL_DISPATCH functions[] = {
		{ OSSL_FUNC_PROVIDER_QUERY_OPERATION,
		    (void (*)(void))provider_query },
		{ 0, NULL }
	};

	(void)in;
	*out = functions;
	*provider = (void *)handle;
	return 1;
}

/* One for the process, made when it is first needed. */
static OSSL_LIB_CTX *
library(void)
{
	static OSSL_LIB_CTX *ctx;

	if (ctx != NULL)
		return ctx;
	ctx = OSSL_LIB_CTX_new();
	if (ctx == NULL || OSSL_PROVIDER_add_builtin(ctx, PROVIDER,
	    provider_init) != 1 || OSSL_PROVIDER_load(ctx, PROVIDER) == NULL)
		abort();	/* of no memory */
	return ctx;
}

EVP_PKEY *
tls_key_elsewhere(EVP_PKEY *public, const struct tls_signer *by)
{
	struct elsewhere k = { public, *by };
	OSSL_PARAM params[] = {
		OSSL_PARAM_octet_string(PARAM_KEY, &k, sizeof(k)),
		OSSL_PARAM_END
	};
	const char *type = EVP_PKEY_is_a(public, "RSA") ? "RSA" :
	    EVP_PKEY_is_a(public, "EC") ? "EC" : "ED25519";
	EVP_PKEY_CTX *ctx;
	EVP_PKEY *key = NULL;

	if (!EVP_PKEY_is_a(public, type))
		return NULL;
	ctx = EVP_PKEY_CTX_new_from_name(library(), type, NULL);
	if (ctx != NULL && EVP_PKEY_fromdata_init(ctx) == 1)
		EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params);
	EVP_PKEY_CTX_free(ctx);
	return key;
}
