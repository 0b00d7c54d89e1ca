/* SPDX-License-Identifier: ISC */
/*
 * In words: what is wrong with a server's certificate, and what helps.  Names
 * in it are a stranger's: whoever prints the line escapes what is no text.
 */
#include "config.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/x509v3.h>

#include "orthrus/base/mem.h"

#include "tls_private.h"

#define NAMES_MAX 100		/* bytes of text for names */

/* --- parts of a certificate as text ----------------------------------- */

static void
put_date(const ASN1_TIME *at, char text[16])
{
	struct tm tm;

	if (ASN1_TIME_to_tm(at, &tm) != 1 ||
	    strftime(text, 16, "%Y-%m-%d", &tm) == 0)
		strcpy(text, "?");
}

static void
put_name(X509_NAME *name, char text[NAMES_MAX])
{
	BIO *b = BIO_new(BIO_s_mem());
	int n = 0;

	if (b != NULL && X509_NAME_print_ex(b, name, 0, XN_FLAG_RFC2253 &
	    ~ASN1_STRFLGS_ESC_MSB) > 0)
		n = BIO_read(b, text, NAMES_MAX - 1);
	text[n > 0 ? n : 0] = '\0';
	BIO_free(b);
}

/* The text of a name that a certificate is for; empty: of another kind. */
static void
put_alternative(const GENERAL_NAME *name, char *text, size_t size)
{
	const ASN1_STRING *s;
	int family;

	text[0] = '\0';
	if (name->type == GEN_DNS) {
		s = name->d.dNSName;
		snprintf(text, size, "%.*s", ASN1_STRING_length(s),
		    (const char *)ASN1_STRING_get0_data(s));
	} else if (name->type == GEN_IPADD) {
		s = name->d.iPAddress;
		family = ASN1_STRING_length(s) == 4 ? AF_INET : AF_INET6;
		if (ASN1_STRING_length(s) == (family == AF_INET ? 4 : 16))
			inet_ntop(family, ASN1_STRING_get0_data(s), text,
			    (socklen_t)size);
	}
}

/* Names and addresses, as many as have room; else the subject. */
static void
put_names(X509 *certificate, char text[NAMES_MAX])
{
	GENERAL_NAMES *names = X509_get_ext_d2i(certificate,
	    NID_subject_alt_name, NULL, NULL);
	char one[64];
	size_t len = 0;
	int i;

	text[0] = '\0';
	for (i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		put_alternative(sk_GENERAL_NAME_value(names, i), one,
		    sizeof(one));
		if (one[0] == '\0')
			continue;
		if (len + strlen(one) + sizeof(", ...") > NAMES_MAX) {
			strcpy(text + len, ", ...");
			break;
		}
		len += (size_t)snprintf(text + len, NAMES_MAX - len, "%s%s",
		    len > 0 ? ", " : "", one);
	}
	GENERAL_NAMES_free(names);
	if (text[0] == '\0')
		put_name(X509_get_subject_name(certificate), text);
}

/* --- what is wrong ---------------------------------------------------- */

static bool
is_unknown(int error)
{
	return error == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN ||
	    error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT ||
	    error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
	    error == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE;
}

/*
 * "the certificate of gw", or of one that leads from it to its authority.
 * Where that authority is unknown it does not matter how far the way to it
 * went.
 */
static char *
which(X509_STORE_CTX *look, const char *host)
{
	X509 *certificate = X509_STORE_CTX_get_current_cert(look);
	char name[NAMES_MAX];

	if (X509_STORE_CTX_get_error_depth(look) == 0 || certificate == NULL ||
	    is_unknown(X509_STORE_CTX_get_error(look)))
		return xasprintf("the certificate of %s", host);
	put_name(X509_get_subject_name(certificate), name);
	return xasprintf("the certificate of the authority %s, for %s,", name,
	    host);
}

static char *
wrong_date(X509 *certificate, int error)
{
	char date[16];

	if (error == X509_V_ERR_CERT_HAS_EXPIRED) {
		put_date(X509_get0_notAfter(certificate), date);
		return xasprintf("expired on %s", date);
	}
	put_date(X509_get0_notBefore(certificate), date);
	return xasprintf("is not valid before %s", date);
}

static char *
wrong_name(X509 *certificate, const char *name)
{
	char names[NAMES_MAX];

	put_names(certificate, names);
	return xasprintf("is for %s, not for %s (--tls-name)", names, name);
}

static char *
unknown_authority(X509 *certificate)
{
	char issuer[NAMES_MAX];

	put_name(X509_get_issuer_name(certificate), issuer);
	return xasprintf("was signed by an authority unknown here (--tls-ca "
	    "FILE): %s", issuer);
}

static char *
what(X509 *certificate, int error, const char *name)
{
	if (is_unknown(error))
		return unknown_authority(certificate);
	switch (error) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return wrong_date(certificate, error);
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		return wrong_name(certificate, name);
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
		return xstrdup("is self-signed (--tls-ca FILE trusts the one "
		    "in FILE)");
	case X509_V_ERR_INVALID_PURPOSE:
		return xstrdup("is not one for a server");
	default:
		return xasprintf("is not to be trusted: %s",
		    X509_verify_cert_error_string(error));
	}
}

char *
tls_certificate_trouble(X509_STORE_CTX *look, const char *host,
    const char *name)
{
	X509 *certificate = X509_STORE_CTX_get_current_cert(look);
	int error = X509_STORE_CTX_get_error(look);
	char *subject = which(look, host), *verb, *line;

	verb = certificate != NULL ? what(certificate, error, name) :
	    xstrdup("cannot be looked at");
	line = xasprintf("%s %s", subject, verb);
	free(subject);
	free(verb);
	return line;
}
