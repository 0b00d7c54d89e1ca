/* SPDX-License-Identifier: ISC */
/* known_hosts as a file: looked into, and a line added to it. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "orthrus/base/file.h"
#include "orthrus/base/log.h"
#include "orthrus/base/mem.h"

#include "known_hosts.h"

#define SSH_PORT 22
#define KNOWN_HOSTS_MAX (16 * 1024 * 1024)

/*
 * As OpenSSH does, what is known for the host at port 22 also counts at another
 * port, but a different key at port 22 does not speak against it.
 */
static enum known_host
look_by_port(known_hosts_look *look, const char *text, size_t len,
    const char *host, uint16_t port, const char *key, unsigned *line)
{
	enum known_host found = look(text, len, host, port, key, line);

	if (found != KNOWN_HOST_NONE || port == SSH_PORT)
		return found;
	found = look(text, len, host, SSH_PORT, key, line);
	if (found < KNOWN_HOST_MATCH) {
		*line = 0;
		found = KNOWN_HOST_NONE;
	}
	return found;
}

enum known_host
known_hosts_in_file(known_hosts_look *look, const char *path, const char *host,
    uint16_t port, const char *key, unsigned *line, bool *unreadable)
{
	enum known_host found;
	size_t len;
	char *text = file_read(path, KNOWN_HOSTS_MAX, &len, NULL);

	*line = 0;
	if (text == NULL) {
		if (errno != ENOENT && errno != ENOTDIR && !*unreadable) {
			log_warn("cannot read %s: %s", path, strerror(errno));
			*unreadable = true;
		}
		return KNOWN_HOST_NONE;
	}
	found = look_by_port(look, text, len, host, port, key, line);
	free(text);
	return found;
}

/* Appends a line for the host to the file. */
static int
append_key(int fd, const char *path, const char *shown, const char *blob)
{
	off_t end = lseek(fd, 0, SEEK_END);
	char last = '\n', *line;
	int r;

	if (end == 0 && file_give_to_owner(fd, path) == -1)
		return -1;
	/* Never continue a line that somebody left unfinished. */
	if (end > 0 && pread(fd, &last, 1, end - 1) != 1)
		return -1;
	line = xasprintf("%s%s ssh-ed25519 %s\n", last == '\n' ? "" : "\n",
	    shown, blob);
	r = file_write_all(fd, line, strlen(line));
	free(line);
	return r == 0 ? fsync(fd) : -1;
}

int
known_hosts_remember(const char *path, const char *shown, const char *blob,
    struct error *e)
{
	int fd, r;

	/* Such a name would be read back as a pattern or a comment. */
	if (strpbrk(shown, "*?!|#@,") != NULL)
		return error_set(e, EX_NOPERM, "cannot remember a host of the "
		    "name %s; pin its key with --host-key", shown);
	if (file_make_parents(path, e) == -1) {
		if (e != NULL)
			e->code = EX_NOPERM;
		return -1;
	}
	fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY |
	    O_NONBLOCK, 0600);
	r = fd == -1 ? -1 : append_key(fd, path, shown, blob);
	if (r == -1)
		error_set(e, EX_NOPERM, "cannot remember the host key of %s "
		    "in %s: %s", shown, path, strerror(errno));
	if (fd != -1)
		close(fd);
	return r;
}
