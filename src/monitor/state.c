/* SPDX-License-Identifier: ISC */
/* The state directory: opened, made where it is missing, and locked. */
#include "config.h"

#include "orthrus/monitor/state.h"

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
#include "orthrus/monitor/ca.h"
#include "orthrus/proto/certificate.h"

#include "key_file.h"
#include "state_check.h"

/* How long another process may keep the registry locked. */
#define BUSY_MS 2000

static int
read_host_key(const char *path, uint8_t blob[KEY_BLOB_LEN], struct error *e)
{
	uint8_t secret[64];
	int r = key_file_read("the host key", path, secret, e);

	if (r == 0)
		key_blob_write(secret + ED25519_SEED_LEN, blob);
	sodium_memzero(secret, sizeof(secret));
	return r;
}

static int
hash_host_key(struct state *s, struct error *e)
{
	uint8_t blob[KEY_BLOB_LEN];

	if (access(s->host_key, F_OK) == -1 && errno == ENOENT)
		return error_set(e, EX_CONFIG, "there is no host key %s; put "
		    "it back, or \"charon serve\" makes a new one, whose "
		    "gateway no agent knows", s->host_key);
	if (read_host_key(s->host_key, blob, e) == -1)
		return -1;
	crypto_hash_sha256(s->host_key_hash, blob, sizeof(blob));
	return 0;
}

int
state_host_key(const struct gateway_config *c, uint8_t blob[KEY_BLOB_LEN],
    struct error *e)
{
	if (access(c->host_key, F_OK) == -1 && errno == ENOENT)
		return error_set(e, EX_CONFIG, "there is no host key %s yet; "
		    "start \"charon serve\", which makes it at its first "
		    "start, and ask again", c->host_key);
	return read_host_key(c->host_key, blob, e);
}

/* Of several first runs at once, one makes it all. */
static int
lock_directory(const char *path, int how, struct error *e)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd != -1 && flock(fd, how) == 0)
		return fd;
	if (errno == EWOULDBLOCK) {
		close(fd);
		return error_set(e, EX_TEMPFAIL, "the state directory %s is "
		    "locked by another charon command", path);
	}
	state_refuse(path, errno, e);
	if (fd != -1)
		close(fd);
	return -1;
}

static int
make_lock_file(const struct state *s, struct error *e)
{
	int fd = open(s->lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
	    0600);

	if (fd == -1 || file_give_to_owner(fd, s->lock_path) == -1) {
		error_set(e, EX_CANTCREAT, "cannot make %s: %s", s->lock_path,
		    strerror(errno));
		if (fd != -1)
			close(fd);
		return -1;
	}
	return fd;
}

static int
write_revoked(struct state *s, struct error *e)
{
	struct ca *ca = ca_load_public(s->directory, e);
	int r;

	if (ca == NULL)
		return -1;
	r = registry_write_revoked(s->registry,
	    (const uint8_t (*)[ED25519_KEY_LEN])ca->accepted, ca->naccepted,
	    s->revoked_keys, e);
	ca_free(ca);
	return r;
}

/* What is missing, and the registry, which makes itself. */
static int
make_state_files(struct state *s, const char *database, struct error *e)
{
	int fd;

	s->new_host_key = access(s->host_key, F_OK) == -1 && errno == ENOENT;
	s->new_registry = access(database, F_OK) == -1 && errno == ENOENT;
	if (s->new_host_key && (file_make_parents(s->host_key, e) == -1 ||
	    key_file_make(s->host_key, "charon", e) == -1))
		return -1;
	if ((fd = make_lock_file(s, e)) == -1)
		return -1;
	close(fd);
	s->registry = registry_open(database, true, BUSY_MS, e);
	if (s->registry == NULL)
		return -1;
	/* A gateway that starts writes the one that is there anew. */
	return s->new_registry ? write_revoked(s, e) : 0;
}

static int
open_state_files(struct state *s, bool create, struct error *e)
{
	char *below = xasprintf("%s/", s->directory);
	char *database = xasprintf("%s/registry.db", s->directory);
	int fd, r = 0;

	if (create)
		r = file_make_parents(below, e);
	if (r == 0 && (create || access(database, F_OK) == 0))
		r = state_check_directory(s->directory, e);
	if (r == 0 && create) {
		fd = lock_directory(s->directory, LOCK_EX, e);
		r = fd == -1 ? -1 : make_state_files(s, database, e);
		if (fd != -1)
			close(fd);
	} else if (r == 0) {
		s->registry = registry_open(database, false, BUSY_MS, e);
		r = s->registry == NULL ? -1 : 0;
	}
	if (r == 0)
		r = hash_host_key(s, e);
	free(database);
	free(below);
	return r;
}

struct state *
state_open(const struct gateway_config *c, bool create, struct error *e)
{
	struct state *s = xcalloc(1, sizeof(*s));

	s->lock = -1;
	s->directory = xstrdup(c->state);
	s->host_key = xstrdup(c->host_key);
	s->revoked_keys = xasprintf("%s/revoked_keys", c->state);
	s->lock_path = xasprintf("%s/charon.lock", c->state);
	if (open_state_files(s, create, e) == 0)
		return s;
	state_close(s);
	return NULL;
}

void
state_close(struct state *s)
{
	if (s == NULL)
		return;
	registry_close(s->registry);
	if (s->lock != -1)
		close(s->lock);
	free(s->lock_path);
	free(s->revoked_keys);
	free(s->host_key);
	free(s->directory);
	free(s);
}

/*
 * A lock of the open file rather than flock(2)'s: it can be asked about
 * without being taken, so that who asks is never in the way of a start.
 */
int
state_lock(struct state *s, struct error *e)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int err;

	if ((s->lock = make_lock_file(s, e)) == -1)
		return -1;
	if (fcntl(s->lock, F_OFD_SETLK, &lock) == 0)
		return 0;
	err = errno;
	close(s->lock);
	s->lock = -1;
	if (err == EAGAIN || err == EACCES)
		return error_set(e, EX_UNAVAILABLE, "another charon runs on "
		    "%s; stop it, or give this one another [state] directory",
		    s->directory);
	return error_set(e, EX_OSERR, "cannot lock %s: %s", s->lock_path,
	    strerror(err));
}

bool
state_is_served(const struct state *s)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = open(s->lock_path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	bool served;

	if (fd == -1)
		return false;
	served = fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
	close(fd);
	return served;
}

int
state_write_revoked(struct state *s, struct error *e)
{
	/* The gateway itself comes again; it must not wait. */
	int fd = lock_directory(s->directory, LOCK_EX |
	    (s->lock != -1 ? LOCK_NB : 0), e), r;

	/* Of two at once, the later must have read the registry later. */
	if (fd == -1)
		return -1;
	r = write_revoked(s, e);
	close(fd);
	return r;
}
