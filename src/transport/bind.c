/* SPDX-License-Identifier: ISC */
/* See bind.h. */
#include "config.h"

#include "orthrus/transport/bind.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "orthrus/base/os.h"

#define BACKLOG 1024

/* --- TCP -------------------------------------------------------------- */

static int
listen_on_address(struct bound *b, const struct addrinfo *ai)
{
	int on = 1, error;
	int fd = os_socket(ai->ai_family, SOCK_STREAM, OS_NONBLOCK);

	if (fd == -1)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (ai->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, ai->ai_addr, ai->ai_addrlen) == -1 ||
	    listen(fd, BACKLOG) == -1) {
		error = errno;
		close(fd);
		errno = error;
		return -1;
	}
	b->fd[b->n++] = fd;
	return 0;
}

static int
bind_tcp(const struct address *at, struct bound *b, struct error *e)
{
	static const char *const loopback[] = { "127.0.0.1", "::1" };
	static const char *const any[] = { "0.0.0.0", "::" };
	const char *one[1] = { at->host };
	const char *const *hosts = one;
	struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICSERV,
	    .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
	struct addrinfo *list, *ai;
	char port[8];
	size_t i, nhosts = 1;
	int rc, error = 0;

	if (strcmp(at->host, "localhost") == 0 || strcmp(at->host, "*") == 0) {
		hosts = at->host[0] == '*' ? any : loopback;
		nhosts = 2;
	}
	snprintf(port, sizeof(port), "%u", at->port);
	for (i = 0; i < nhosts; i++) {
		/*
		 * This may block where the address is a name, which only a
		 * configured bind address can be.
		 */
		if ((rc = getaddrinfo(hosts[i], port, &hints, &list)) != 0)
			return error_set(e, EX_UNAVAILABLE, "%s",
			    gai_strerror(rc));
		for (ai = list; ai != NULL && b->n < BOUND_MAX;
		    ai = ai->ai_next) {
			if (listen_on_address(b, ai) == 0)
				continue;
			/* A host without IPv6 still has IPv4. */
			if (errno != EAFNOSUPPORT && errno != EADDRNOTAVAIL)
				error = errno;
		}
		freeaddrinfo(list);
	}
	if (error == 0 && b->n > 0)
		return 0;
	return error_set(e, EX_UNAVAILABLE, "%s",
	    strerror(error != 0 ? error : EADDRNOTAVAIL));
}

/* --- Unix ------------------------------------------------------------- */

/* True when path is a socket that refuses connections: its owner is dead. */
static bool
is_stale_socket(const struct sockaddr_un *sun)
{
	struct stat st;
	bool refused;
	int fd;

	if (lstat(sun->sun_path, &st) == -1 || !S_ISSOCK(st.st_mode))
		return false;
	fd = os_socket(AF_UNIX, SOCK_STREAM, OS_NONBLOCK);
	if (fd == -1)
		return false;
	refused = connect(fd, (const struct sockaddr *)sun, sizeof(*sun)) ==
	    -1 && errno == ECONNREFUSED;
	close(fd);
	return refused;
}

void
bind_forget(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(sun.sun_path))
		return;
	strcpy(sun.sun_path, path);
	if (is_stale_socket(&sun))
		unlink(path);
}

static int
bind_unix(const struct address *at, struct bound *b, struct error *e)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct stat st;
	mode_t mask;
	int fd, rc;

	memcpy(sun.sun_path, at->path, sizeof(sun.sun_path));
	bind_forget(at->path);
	fd = os_socket(AF_UNIX, SOCK_STREAM, OS_NONBLOCK);
	if (fd == -1)
		return error_set(e, EX_UNAVAILABLE, "%s", strerror(errno));
	mask = umask(0177);
	rc = bind(fd, (const struct sockaddr *)&sun, sizeof(sun));
	umask(mask);
	if (rc == -1 || lstat(at->path, &st) == -1 ||
	    listen(fd, BACKLOG) == -1) {
		error_set(e, EX_UNAVAILABLE, "%s", strerror(errno));
		if (rc == 0)
			unlink(at->path);
		close(fd);
		return -1;
	}
	b->dev = st.st_dev;
	b->ino = st.st_ino;
	b->fd[b->n++] = fd;
	return 0;
}

int
bind_address(const struct address *at, struct bound *b, struct error *e)
{
	char text[ADDRESS_TEXT_MAX];
	int rc;

	memset(b, 0, sizeof(*b));
	rc = at->kind == ADDRESS_UNIX ? bind_unix(at, b, e) :
	    bind_tcp(at, b, e);
	if (rc == 0)
		return 0;
	while (b->n > 0)
		close(b->fd[--b->n]);
	error_prefix(e, "cannot listen on %s", address_format(at, text));
	return -1;
}
