/* SPDX-License-Identifier: ISC */
/*
 * Whole files: read with a limit, replaced at once, kept private, and the
 * directories that lead to one.
 */
#ifndef ORTHRUS_BASE_FILE_H
#define ORTHRUS_BASE_FILE_H

#include <sys/stat.h>

#include <stdbool.h>
#include <stddef.h>

#include "orthrus/base/error.h"

/*
 * Reads a regular file of at most max bytes; *len (may be NULL) is its length
 * and a NUL follows.  *st (may be NULL) is what was opened, st_mode 0 when
 * nothing was.  Returns memory for the caller to free, or NULL with errno:
 * EISDIR for a directory, ENXIO for anything else that is no regular file,
 * EFBIG when over max.  Never blocks on a FIFO.
 */
char *file_read(const char *path, size_t max, size_t *len, struct stat *st);

/*
 * For a process that may not open files: from now on file_read() has open_fn
 * do it, which returns a descriptor, or -1 with errno.
 */
void file_open_by(int (*open_fn)(void *arg, const char *path), void *arg);

/*
 * For root who looks at what is another user's, such as a service's: from now
 * on file_check_private() takes that user for us as well.
 */
void file_look_as(uid_t user);

/*
 * Checks that only its owner may use the file that was opened as path, and that
 * the owner is us or root.  The group may read one of root's that is in
 * $CREDENTIALS_DIRECTORY, which systemd(1) makes so by an ACL, or whose group we
 * are in, as a Kubernetes fsGroup.  0, or -1 with *e (EX_CONFIG), whose text
 * begins with what, such as "identity".
 */
int file_check_private(const char *what, const char *path,
    const struct stat *st, struct error *e);

/*
 * When we are root, gives the open file to the owner of path's directory: a
 * service that runs as a user of its own could not read it otherwise.
 * 0, or -1 with errno.
 */
int file_give_to_owner(int fd, const char *path);

/*
 * The name of the user whose path is, or whose the nearest directory above it
 * is that may be looked at, or its number when it has no name: for telling
 * somebody as whom to come again.
 */
#define FILE_OWNER_MAX 64
const char *file_owner(const char *path, char text[FILE_OWNER_MAX]);

/*
 * What to say of a file that this user may not read, who may be a container's
 * and not the one who has put it there: why, and what to do.
 */
#define FILE_DENIED_MAX 384
const char *file_denied(const char *path, char text[FILE_DENIED_MAX]);

/*
 * Puts a file with these n bytes and this mode in the place of path: whoever
 * reads it, even after a crash, sees the old or the new one.  It belongs to
 * whom file_give_to_owner() says.  0, or -1 with *e (EX_CANTCREAT, EX_IOERR).
 */
int file_replace(const char *path, mode_t mode, const void *p, size_t n,
    struct error *e);

/*
 * Forces the directory of path to disk, so that its name there lasts: 0, or -1
 * with errno.
 */
int file_sync_parent(const char *path);

/*
 * Makes the directories above path that are missing, with mode 0700.
 * 0, or -1 with *e (EX_CANTCREAT).
 */
int file_make_parents(const char *path, struct error *e);

/* Writes all n bytes to a blocking descriptor: 0, or -1 with errno. */
int file_write_all(int fd, const void *p, size_t n);

#endif
