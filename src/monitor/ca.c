/* SPDX-License-Identifier: ISC */
/* The certificate authority's key: read with every check, or made. */
#include "config.h"

#include "orthrus/monitor/ca.h"

#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "orthrus/base/file.h"
#include "orthrus/base/mem.h"
#include "key_file.h"

#define CA_FILE_MAX (64 * 1024)

/* What a parser has said of a file is an error of the set-up here. */
static int
as_config_error(struct error *e)
{
	if (e != NULL)
		e->code = EX_CONFIG;
	return -1;
}

static int
make_key(const char *path, const char *pub, struct error *e)
{
	if (access(pub, F_OK) == 0)
		return error_set(e, EX_CONFIG, "there is a %s, but not the "
		    "private key %s; put that back, or remove the public one "
		    "to begin with a new CA, whom no agent knows", pub, path);
	return key_file_make(path, "charon-ca", e);
}

static int
write_public(const char *pub, const uint8_t key[ED25519_KEY_LEN],
    struct error *e)
{
	uint8_t blob[KEY_BLOB_LEN];
	char *text, *line;
	int r;

	key_blob_write(key, blob);
	text = key_line_write(KEY_TYPE_NAME, blob, sizeof(blob));
	line = xasprintf("%s charon-ca\n", text);
	r = file_replace(pub, 0644, line, strlen(line), e);
	free(line);
	free(text);
	return r;
}

/* 1 and its key, 0 when there is no such file, -1 with *e. */
static int
read_public(const char *pub, uint8_t key[ED25519_KEY_LEN], struct error *e)
{
	char *text = file_read(pub, CA_FILE_MAX, NULL, NULL);
	int r;

	if (text == NULL && errno == ENOENT)
		return 0;
	if (text == NULL)
		return error_set(e, EX_CONFIG, "cannot read %s: %s", pub,
		    strerror(errno));
	r = key_line_read(text, key, e);
	free(text);
	if (r == 0)
		return 1;
	error_prefix(e, "%s", pub);
	return as_config_error(e);
}

/* The public half belongs to the private one; a missing one is written. */
static int
check_public(const char *pub, const uint8_t key[ED25519_KEY_LEN],
    struct error *e)
{
	uint8_t theirs[ED25519_KEY_LEN];
	int found = read_public(pub, theirs, e);

	if (found == 0)
		return write_public(pub, key, e);
	if (found == 1 && memcmp(theirs, key, sizeof(theirs)) != 0)
		return error_set(e, EX_CONFIG, "%s is not the public half of "
		    "the CA's key beside it; remove it, and it is written "
		    "anew", pub);
	return found == 1 ? 0 : -1;
}

static bool
is_accepted(const struct ca *ca, const uint8_t key[ED25519_KEY_LEN])
{
	size_t i;

	for (i = 0; i < ca->naccepted; i++)
		if (memcmp(ca->accepted[i], key, ED25519_KEY_LEN) == 0)
			return true;
	return false;
}

static int
add_previous(struct ca *ca, const char *path, int number, char *line,
    struct error *e)
{
	uint8_t key[ED25519_KEY_LEN];

	line += strspn(line, " \t");
	line[strcspn(line, "\r")] = '\0';
	if (*line == '\0' || *line == '#')
		return 0;
	if (key_line_read(line, key, e) == -1) {
		error_prefix(e, "%s:%d", path, number);
		return as_config_error(e);
	}
	if (is_accepted(ca, key))
		return 0;
	if (ca->naccepted > CA_PREVIOUS_MAX)
		return error_set(e, EX_CONFIG, "%s:%d: more than %d keys; "
		    "remove those whose certificates have expired", path,
		    number, CA_PREVIOUS_MAX);
	memcpy(ca->accepted[ca->naccepted++], key, sizeof(key));
	return 0;
}

static int
read_previous(struct ca *ca, const char *path, struct error *e)
{
	struct stat st;
	char *text = file_read(path, CA_FILE_MAX, NULL, &st), *p = text, *line;
	int number = 0, r = 0;

	if (text == NULL && errno == ENOENT)
		return 0;
	if (text == NULL)
		return error_set(e, EX_CONFIG, "cannot read %s: %s", path,
		    errno == ENXIO ? "not a regular file" : strerror(errno));
	/* Who may write it may let in whom they like. */
	if ((st.st_mode & 022) != 0 || (st.st_uid != geteuid() &&
	    st.st_uid != 0))
		r = error_set(e, EX_CONFIG, "%s: others may write it (user %u, "
		    "mode %04o); it must be yours or root's, run \"chmod "
		    "go-w %s\"", path, (unsigned)st.st_uid,
		    (unsigned)st.st_mode & 07777, path);
	while (r == 0 && (line = strsep(&p, "\n")) != NULL)
		r = add_previous(ca, path, ++number, line, e);
	free(text);
	return r;
}

static int
load_authority(struct ca *ca, const char *directory, struct error *e)
{
	char *path = xasprintf("%s/ca_ed25519", directory);
	char *pub = xasprintf("%s.pub", path);
	char *previous = xasprintf("%s/ca_previous.pub", directory);
	struct stat st;
	int r = 0;

	if (lstat(path, &st) == -1 && errno == ENOENT)
		r = make_key(path, pub, e);
	if (r == 0)
		r = key_file_read("the CA's key", path, ca->secret, e);
	if (r == 0) {
		memcpy(ca->accepted[0], ca->secret + ED25519_SEED_LEN,
		    ED25519_KEY_LEN);
		ca->naccepted = 1;
		r = check_public(pub, ca->accepted[0], e);
	}
	if (r == 0)
		r = read_previous(ca, previous, e);
	free(previous);
	free(pub);
	free(path);
	return r;
}

struct ca *
ca_load(const char *directory, struct error *e)
{
	char *below = xasprintf("%s/", directory);
	struct ca *ca = xcalloc(1, sizeof(*ca));
	int lock = -1, r;

	secret_lock(ca->secret, sizeof(ca->secret));
	r = file_make_parents(below, e);
	if (r == 0) {
		/* Of two first starts at once, one makes the key. */
		lock = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (lock == -1 || flock(lock, LOCK_EX) == -1)
			r = error_set(e, EX_CONFIG, "cannot use the directory "
			    "%s: %s", directory, strerror(errno));
		else
			r = load_authority(ca, directory, e);
	}
	if (lock != -1)
		close(lock);
	free(below);
	if (r == -1) {
		ca_free(ca);
		return NULL;
	}
	return ca;
}

struct ca *
ca_load_public(const char *directory, struct error *e)
{
	char *pub = xasprintf("%s/ca_ed25519.pub", directory);
	char *previous = xasprintf("%s/ca_previous.pub", directory);
	struct ca *ca = xcalloc(1, sizeof(*ca));
	int found = read_public(pub, ca->accepted[0], e);

	ca->naccepted = found == 1;
	if (found == -1 || (found == 1 && read_previous(ca, previous, e) == -1)) {
		ca_free(ca);
		ca = NULL;
	}
	free(previous);
	free(pub);
	return ca;
}

void
ca_free(struct ca *ca)
{
	if (ca == NULL)
		return;
	sodium_memzero(ca, sizeof(*ca));
	free(ca);
}
