/* SPDX-License-Identifier: ISC */
/*
 * The order keeps either pair whole, whenever the process is killed.  The key
 * and its mark are on disk before the gateway hears of the key.  The
 * certificate's file appears last and all at once, which says that the pair is
 * complete.  It is also moved last, so that a change which was cut off is
 * found and finished.
 */
#include "config.h"

#include "orthrus/ssh/successor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "orthrus/base/file.h"
#include "orthrus/base/mem.h"
#include "orthrus/proto/private_key.h"
#include "orthrus/ssh/identity.h"

#define FILE_MAX (64 * 1024)

void
successor_hash(const char *auth_key, char mark[MARK_MAX])
{
	uint8_t hash[crypto_generichash_BYTES];

	crypto_generichash(hash, sizeof(hash), (const uint8_t *)auth_key,
	    strlen(auth_key), NULL, 0);
	sodium_bin2hex(mark, MARK_MAX, hash, sizeof(hash));
}

static bool
read_enrolled_mark(const char *path, const char *suffix, char mark[MARK_MAX])
{
	char *file = xasprintf("%s%s", path, suffix);
	char *text = file_read(file, FILE_MAX, NULL, NULL);
	bool found = text != NULL && strcspn(text, "\n") == MARK_MAX - 1;

	if (found)
		snprintf(mark, MARK_MAX, "%s", text);
	free(text);
	free(file);
	return found;
}

bool
successor_mark(const char *path, char mark[MARK_MAX])
{
	return read_enrolled_mark(path, ".enrolled", mark);
}

/* --- the change --------------------------------------------------- */

/* PATH.new with each suffix is moved to PATH with it, in this order. */
static const char *const suffixes[] = { ".enrolled", "", ".pub", "-cert.pub" };
#define NSUFFIXES (sizeof(suffixes) / sizeof(suffixes[0]))

static char *
next_path(const char *path, const char *suffix)
{
	return xasprintf("%s.new%s", path, suffix);
}

/* A file that is missing was moved before the process was killed. */
static int
move_into_place(const char *path, const char *suffix, struct error *e)
{
	char *from = next_path(path, suffix);
	char *to = xasprintf("%s%s", path, suffix);
	int r = rename(from, to);

	if (r == -1 && errno == ENOENT)
		r = 0;
	if (r == -1)
		error_set(e, EX_CANTCREAT, "cannot rename %s to %s: %s", from,
		    to, strerror(errno));
	free(from);
	free(to);
	return r;
}

static int
sync_parent(const char *path, struct error *e)
{
	if (file_sync_parent(path) == 0)
		return 0;
	return error_set(e, EX_CANTCREAT, "%s: its directory cannot be "
	    "written to disk: %s", path, strerror(errno));
}

int
successor_settle(const char *path, struct error *e)
{
	char *complete = next_path(path, "-cert.pub");
	bool there = access(complete, F_OK) == 0;
	size_t i;

	free(complete);
	if (!there)
		return 0;
	for (i = 0; i < NSUFFIXES; i++)
		if (move_into_place(path, suffixes[i], e) == -1)
			return -1;
	return sync_parent(path, e);
}

/* --- the key ------------------------------------------------------ */

/* For the caller to wipe. */
static bool
read_secret(const char *file, uint8_t secret[64])
{
	size_t len;
	char *pem = file_read(file, FILE_MAX, &len, NULL);
	bool good;

	if (pem == NULL)
		return false;
	good = private_key_read(pem, len, secret, NULL) == 0;
	sodium_memzero(pem, len);
	free(pem);
	return good;
}

static bool
read_private_key(const char *file, uint8_t key[ED25519_KEY_LEN])
{
	uint8_t secret[64];
	bool good = read_secret(file, secret);

	if (good)
		memcpy(key, secret + ED25519_SEED_LEN, ED25519_KEY_LEN);
	sodium_memzero(secret, sizeof(secret));
	return good;
}

static void
remove_next_files(const char *path)
{
	char *file;
	size_t i;

	for (i = NSUFFIXES; i-- > 0;) {
		file = next_path(path, suffixes[i]);
		unlink(file);
		free(file);
	}
}

static int
write_mark(const char *path, const char *mark, struct error *e)
{
	char *file = next_path(path, ".enrolled");
	char *text = xasprintf("%s\n", mark);
	int r = file_make_parents(file, e);

	if (r == 0)
		r = file_replace(file, 0600, text, strlen(text), e);
	free(text);
	free(file);
	return r;
}

int
successor_make(const char *path, const char *mark, const char *comment,
    uint8_t key[ED25519_KEY_LEN], struct error *e)
{
	char *file, *line = NULL;
	char before[MARK_MAX];
	int r = -1;

	/*
	 * A change that was cut off is finished first: else its files would be
	 * removed below.
	 */
	if (successor_settle(path, e) == -1)
		return -1;
	file = next_path(path, "");
	if (mark != NULL && read_enrolled_mark(path, ".new.enrolled", before) &&
	    strcmp(before, mark) == 0 && read_private_key(file, key)) {
		free(file);
		return 0;
	}
	remove_next_files(path);
	if ((mark == NULL || write_mark(path, mark, e) == 0) &&
	    (line = identity_generate(file, comment, e)) != NULL)
		r = key_line_read(line, key, e);
	if (r == 0)
		r = sync_parent(file, e);
	free(line);
	free(file);
	return r;
}

int
successor_prove(const char *path, const struct possession *p,
    uint8_t proof[ED25519_SIGNATURE_LEN], struct error *e)
{
	char *file = next_path(path, "");
	uint8_t secret[64];
	int r = 0;

	if (read_secret(file, secret) && memcmp(p->key,
	    secret + ED25519_SEED_LEN, ED25519_KEY_LEN) == 0)
		possession_prove(p, secret, proof);
	else
		r = error_set(e, EX_NOINPUT, "%s is gone, or not the key that "
		    "was made there", file);
	sodium_memzero(secret, sizeof(secret));
	free(file);
	return r;
}

/* --- the certificate ---------------------------------------------- */

static int
check_certificate(const uint8_t *blob, size_t len,
    const uint8_t key[ED25519_KEY_LEN], struct error *e)
{
	struct certificate *c = xcalloc(1, sizeof(*c));
	int r = certificate_read(blob, len, c, e);

	if (r == -1) {
		error_prefix(e, "the gateway's certificate");
		if (e != NULL)
			e->code = EX_PROTOCOL;
	} else if (memcmp(c->key, key, ED25519_KEY_LEN) != 0)
		r = error_set(e, EX_PROTOCOL, "the gateway's certificate is "
		    "for another key than it was asked for");
	else if (c->type != CERT_USER)
		r = error_set(e, EX_PROTOCOL, "the gateway's certificate is "
		    "not one of a user");
	free(c);
	return r;
}

static int
write_key_line(const char *path, const char *suffix, const char *type,
    const uint8_t *blob, size_t len, struct error *e)
{
	char *file = next_path(path, suffix);
	char *words = key_line_write(type, blob, len);
	char *line = xasprintf("%s\n", words);
	int r = file_replace(file, 0644, line, strlen(line), e);

	free(line);
	free(words);
	free(file);
	return r;
}

/*
 * True when an earlier call has put the pair there, and failed only at its
 * very end.
 */
static bool
is_installed(const char *path, const uint8_t *certificate, size_t len)
{
	uint8_t key[ED25519_KEY_LEN];
	char *cert = xasprintf("%s-cert.pub", path);
	char *found = file_read(cert, FILE_MAX, NULL, NULL);
	char *wanted = key_line_write(CERT_TYPE_NAME, certificate, len);
	bool same = found != NULL && strcspn(found, "\n") == strlen(wanted) &&
	    strncmp(found, wanted, strlen(wanted)) == 0 &&
	    read_private_key(path, key) && check_certificate(certificate, len,
	    key, NULL) == 0;

	free(wanted);
	free(found);
	free(cert);
	return same;
}

static int
read_next_key(const char *path, uint8_t key[ED25519_KEY_LEN],
    struct error *e)
{
	char *file = next_path(path, "");
	int r = 0;

	if (!read_private_key(file, key))
		r = error_set(e, EX_NOINPUT, "%s is gone, or not the key that "
		    "was made there", file);
	free(file);
	return r;
}

int
successor_install(const char *path, const uint8_t *certificate, size_t len,
    struct error *e)
{
	uint8_t key[ED25519_KEY_LEN], blob[KEY_BLOB_LEN];

	if (successor_settle(path, e) == -1)
		return -1;
	if (is_installed(path, certificate, len))
		return sync_parent(path, e);
	if (read_next_key(path, key, e) == -1 ||
	    check_certificate(certificate, len, key, e) == -1)
		return -1;
	key_blob_write(key, blob);
	/* The public half may be missing, if the making was cut off. */
	if (write_key_line(path, ".pub", KEY_TYPE_NAME, blob, sizeof(blob),
	    e) == -1 || write_key_line(path, "-cert.pub", CERT_TYPE_NAME,
	    certificate, len, e) == -1)
		return -1;
	return successor_settle(path, e);
}
