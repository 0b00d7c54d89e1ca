/* Whole files: read with a limit, and the directories that lead to one. */
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
 * True for a file in $CREDENTIALS_DIRECTORY: systemd lets a service's user
 * read it by an ACL, which looks as if the group could.
 */
bool file_is_credential(const char *path, const struct stat *st);

/*
 * Makes the directories above path that are missing, with mode 0700.
 * 0, or -1 with *e (EX_CANTCREAT).
 */
int file_make_parents(const char *path, struct error *e);

/*
 * What root makes in a directory of somebody else is for them: a service that
 * runs as a user of its own could not read it otherwise.  Gives the file of fd
 * to the owner of the directory that path is in: 0, or -1 with errno.
 */
int file_give_to_owner(int fd, const char *path);

/*
 * Replaces path by a file of mode with the text, or makes it: whoever looks,
 * also after a crash, finds the old file or the new one.  PATH.tmp is used on
 * the way.  0, or -1 with *e (EX_CANTCREAT).
 */
int file_replace(const char *path, mode_t mode, const char *text,
    struct error *e);

/* Has the directory that path is in on disk: 0, or -1 with errno. */
int file_sync_parent(const char *path);

/* Writes all n bytes to a blocking descriptor: 0, or -1 with errno. */
int file_write_all(int fd, const void *p, size_t n);

#endif
