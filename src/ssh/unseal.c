/* SPDX-License-Identifier: ISC */
/*
 * See unseal.h.  libssh has the ciphers and the key derivation of OpenSSH's
 * files, OpenSSL those of PKCS#8.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <libssh/libssh.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sodium.h>

#include "orthrus/base/mem.h"
#include "orthrus/proto/private_key.h"

#include "unseal.h"

static int
unseal_pkcs8(const char *text, size_t len, const char *passphrase,
    uint8_t secret[64], struct error *e)
{
	char *word = xstrdup(passphrase);
	BIO *bio = BIO_new_mem_buf(text, (int)len);
	EVP_PKEY *pkey = PEM_read_bio_PrivateKey(bio, NULL, NULL, word);
	int r = pkey == NULL ? PRIVATE_KEY_SEALED :
	    private_key_seed(pkey, secret, e);

	EVP_PKEY_free(pkey);
	BIO_free(bio);
	ERR_clear_error();
	sodium_memzero(word, strlen(word));
	free(word);
	return r;
}

static int
unseal_openssh(const char *text, const char *passphrase, uint8_t secret[64],
    struct error *e)
{
	ssh_key key = NULL;
	char *open = NULL;
	int r = PRIVATE_KEY_SEALED;

	if (ssh_pki_import_privkey_base64(text, passphrase, NULL, NULL, &key)
	    == SSH_OK && ssh_pki_export_privkey_base64(key, NULL, NULL, NULL,
	    &open) == SSH_OK)
		r = private_key_read(open, strlen(open), secret, e);
	if (open != NULL)
		sodium_memzero(open, strlen(open));
	ssh_string_free_char(open);
	ssh_key_free(key);
	return r;
}

int
private_key_unseal(const char *text, size_t len, const char *passphrase,
    uint8_t secret[64], struct error *e)
{
	size_t blank = strspn(text, " \t\r\n");

	text += blank;
	return strncmp(text, PRIVATE_KEY_PKCS8_SEALED,
	    strlen(PRIVATE_KEY_PKCS8_SEALED)) == 0 ?
	    unseal_pkcs8(text, len - blank, passphrase, secret, e) :
	    unseal_openssh(text, passphrase, secret, e);
}
