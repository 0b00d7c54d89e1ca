/* SPDX-License-Identifier: ISC */
/*
 * The web certificate: read at the start, and again when its files change or a
 * reload names others.  The key stays here.  What is wrong with the new ones
 * leaves the former in use.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "orthrus/base/confine.h"
#include "orthrus/base/file.h"
#include "orthrus/base/log.h"
#include "orthrus/base/mem.h"
#include "orthrus/monitor/web_certificate.h"
#include "orthrus/transport/tls.h"

#include "keeper.h"

#define PEM_MAX (64 * 1024)		/* bytes of either file */

/* --- the files -------------------------------------------------------- */

static char *
read_pem(const char *what, const char *path, size_t *n, struct stat *st,
    struct error *e)
{
	char *pem = file_read(path, PEM_MAX, n, st);

	if (pem == NULL)
		error_set(e, EX_CONFIG, "tls: cannot read the %s %s: %s", what,
		    path, errno == ENXIO ? "not a regular file" :
		    strerror(errno));
	return pem;
}

/* Debian has a group for those who may read keys: ssl-cert. */
static char *
read_key(const char *path, size_t *n, struct error *e)
{
	struct stat st;
	char *pem = read_pem("key", path, n, &st, e);

	if (pem == NULL || (st.st_mode & 07) == 0)
		return pem;
	error_set(e, EX_CONFIG, "tls: the key %s: everybody may use it (mode "
	    "%04o); run \"chmod o= %s\"", path,
	    (unsigned)(st.st_mode & 07777), path);
	sodium_memzero(pem, *n);
	free(pem);
	return NULL;
}

/* 0 and *pem of *len bytes and *tls, which are the caller's; or -1. */
static int
read_both(const char *certificate, const char *key, char **pem, size_t *len,
    struct tls_server **tls, struct error *e)
{
	size_t n;
	char *secret = NULL;

	*tls = NULL;
	*pem = read_pem("certificate", certificate, len, NULL, e);
	if (*pem != NULL && (secret = read_key(key, &n, e)) != NULL) {
		*tls = tls_server_new_pem(*pem, *len, secret, n, e);
		if (*tls == NULL)
			error_prefix(e, "tls: %s, %s", certificate, key);
		sodium_memzero(secret, n);
		free(secret);
	}
	if (*tls != NULL)
		return 0;
	free(*pem);
	*pem = NULL;
	return -1;
}

int
web_certificate_check(const struct gateway_config *c, struct error *e)
{
	struct tls_server *tls;
	char *pem;
	size_t len;

	if (c->certificate == NULL || c->key == NULL)
		return 0;
	if (read_both(c->certificate, c->key, &pem, &len, &tls, e) == -1)
		return -1;
	free(pem);
	tls_server_free(tls);
	return 0;
}

/* --- what is in use --------------------------------------------------- */

static struct web_certificate_stamp
stamp_of(const char *path)
{
	struct web_certificate_stamp s = { .size = -1 };
	struct stat st;

	if (path == NULL || stat(path, &st) == -1)
		return s;
	s.device = st.st_dev;
	s.inode = st.st_ino;
	s.size = st.st_size;
	s.seconds = st.st_mtim.tv_sec;
	s.nanoseconds = st.st_mtim.tv_nsec;
	return s;
}

static bool
stamp_is(const struct web_certificate_stamp *a, const struct web_certificate_stamp *b)
{
	return a->device == b->device && a->inode == b->inode &&
	    a->size == b->size && a->seconds == b->seconds &&
	    a->nanoseconds == b->nanoseconds;
}

static bool
stamps_are(const struct web_certificate_stamp a[2],
    const struct web_certificate_stamp b[2])
{
	return stamp_is(&a[0], &b[0]) && stamp_is(&a[1], &b[1]);
}

static void
take_stamps(const struct web_certificate *c, struct web_certificate_stamp s[2])
{
	s[0] = stamp_of(c->path);
	s[1] = stamp_of(c->key_path);
}

/* 0, or -1 with *e, and nothing has changed but that this was seen. */
static int
load(struct web_certificate *c, struct error *e)
{
	struct tls_server *tls;
	size_t len;
	char *pem;

	take_stamps(c, c->seen);
	memcpy(c->loaded, c->seen, sizeof(c->loaded));
	if (read_both(c->path, c->key_path, &pem, &len, &tls, e) == -1)
		return -1;
	tls_server_free(c->tls);
	free(c->pem);
	c->tls = tls;
	c->pem = pem;
	c->len = len;
	c->generation++;
	return 0;
}

static void
name_files(struct web_certificate *c, const struct gateway_config *conf)
{
	free(c->path);
	free(c->key_path);
	c->path = conf->certificate == NULL ? NULL :
	    xstrdup(conf->certificate);
	c->key_path = conf->key == NULL ? NULL : xstrdup(conf->key);
}

/* There is none any more. */
static void
drop(struct web_certificate *c)
{
	c->generation += c->tls != NULL;
	tls_server_free(c->tls);
	free(c->pem);
	c->tls = NULL;
	c->pem = NULL;
	c->len = 0;
}

int
web_certificate_open(struct web_certificate *c, const struct gateway_config *conf,
    struct error *e)
{
	name_files(c, conf);
	return c->path == NULL ? 0 : load(c, e);
}

void
web_certificate_close(struct web_certificate *c)
{
	drop(c);
	free(c->path);
	free(c->key_path);
}

int
web_certificate_rename(struct web_certificate *c, const struct gateway_config *conf,
    struct error *e)
{
	name_files(c, conf);
	if (c->path != NULL)
		return load(c, e);
	drop(c);
	return 0;
}

/*
 * Whoever renews a certificate writes two files, one after the other: they are
 * read when neither has changed since the last look.
 */
static void
look_at_files(struct web_certificate *c)
{
	struct web_certificate_stamp now[2];
	struct error e;

	if (c->path == NULL)
		return;
	take_stamps(c, now);
	if (stamps_are(now, c->loaded) || !stamps_are(now, c->seen)) {
		memcpy(c->seen, now, sizeof(c->seen));
		return;
	}
	if (load(c, &e) == -1)
		log_error("%s; the former certificate stays in use", e.text);
	else
		log_info("tls: the certificate was read again");
}

/* --- questions -------------------------------------------------------- */

int
web_certificate_tell(struct keeper *k, const struct message *q, struct message *a,
    struct error *e)
{
	struct web_certificate *c = &k->web;

	(void)e;
	look_at_files(c);
	a->number = c->generation;
	if (q->number != c->generation) {
		a->bytes = (const uint8_t *)c->pem;
		a->len = c->len;
	}
	return 0;
}

int
web_certificate_sign(struct keeper *k, const struct message *q, struct message *a,
    struct error *e)
{
	static uint8_t signature[TLS_SIGNATURE_MAX];

	if (k->web.tls == NULL || q->number > 512 ||
	    !tls_server_sign(k->web.tls, (unsigned)q->number, q->bytes,
	    q->len, signature, &a->len))
		return error_set(e, EX_DATAERR, "not what a handshake signs");
	a->bytes = signature;
	return 0;
}

/* --- the walls -------------------------------------------------------- */

/* Where a file is, and where it leads to: certbot's are links. */
static void
open_directories(struct confinement *w, const char *path)
{
	char *real = path == NULL ? NULL : realpath(path, NULL);

	confinement_beside(w, path, CONFINE_READ);
	confinement_beside(w, real, CONFINE_READ);
	free(real);
}

void
web_certificate_confinement(struct confinement *w, const struct gateway_config *c)
{
	open_directories(w, c->certificate);
	open_directories(w, c->key);
}
