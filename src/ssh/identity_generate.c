/* SPDX-License-Identifier: ISC */
/* A new identity: its key pair in two files, which were not there before. */
#include "orthrus/ssh/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libssh/libssh.h>
#include <sodium.h>

#include "orthrus/base/file.h"
#include "orthrus/base/mem.h"

#include "keygen.h"

/* Writes a file that was not there before, and leaves none when it fails. */
static int
write_new_file(const char *path, mode_t mode, const char *text, struct error *e)
{
	int fd, err;

	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
	    mode);
	if (fd == -1 && errno == EEXIST)
		return error_set(e, EX_CANTCREAT, "%s exists and is never "
		    "overwritten; remove it or choose another file", path);
	if (fd == -1)
		return error_set(e, EX_CANTCREAT, "cannot make %s: %s", path,
		    strerror(errno));
	if (file_write_all(fd, text, strlen(text)) == -1 || fsync(fd) == -1 ||
	    file_give_to_owner(fd, path) == -1) {
		err = errno;
		close(fd);
		unlink(path);
		return error_set(e, EX_CANTCREAT, "cannot write %s: %s", path,
		    strerror(err));
	}
	close(fd);
	return 0;
}

static int
write_key_pair(const char *path, const char *private, const char *public,
    struct error *e)
{
	char *pub = xasprintf("%s.pub", path);
	char *line = xasprintf("%s\n", public);
	int r;

	r = write_new_file(path, 0600, private, e);
	if (r == 0 && (r = write_new_file(pub, 0644, line, e)) == -1)
		unlink(path);
	free(line);
	free(pub);
	return r;
}

char *
identity_generate(const char *path, const char *comment, struct error *e)
{
	char *private = NULL, *blob = NULL, *public = NULL;
	ssh_key key = NULL;
	int r = -1;

	if (comment == NULL)
		comment = "";
	if (strpbrk(comment, "\r\n") != NULL) {
		error_set(e, EX_CANTCREAT, "a comment is one line");
		return NULL;
	}
	if (file_make_parents(path, e) == -1)
		return NULL;
	if (keygen_ed25519(&key) != SSH_OK ||
	    ssh_pki_export_privkey_base64(key, NULL, NULL, NULL, &private) !=
	    SSH_OK || ssh_pki_export_pubkey_base64(key, &blob) != SSH_OK)
		error_set(e, EX_CANTCREAT, "libssh cannot make a key");
	else {
		public = xasprintf("ssh-ed25519 %s%s%s", blob,
		    *comment != '\0' ? " " : "", comment);
		r = write_key_pair(path, private, public, e);
	}
	if (private != NULL)
		sodium_memzero(private, strlen(private));
	ssh_string_free_char(private);
	ssh_string_free_char(blob);
	ssh_key_free(key);
	if (r == -1) {
		free(public);
		public = NULL;
	}
	return public;
}
