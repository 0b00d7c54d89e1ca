/* SPDX-License-Identifier: ISC */
/* Tells systemd how the service is doing, by sd_notify(3)'s protocol. */
#include "orthrus/base/notify.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "orthrus/base/loop.h"
#include "orthrus/base/os.h"

#include "notify_private.h"

static int kept = -1;

/* A socket that is connected with systemd's, or -1. */
static int
notify_connect(void)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	const char *path = getenv("NOTIFY_SOCKET");
	size_t len = path == NULL ? 0 : strlen(path);
	int fd;

	if (len < 2 || len >= sizeof(to.sun_path) ||
	    (path[0] != '/' && path[0] != '@'))
		return -1;
	memcpy(to.sun_path, path, len);
	if (path[0] == '@')
		to.sun_path[0] = '\0';
	fd = os_socket(AF_UNIX, SOCK_DGRAM, OS_NONBLOCK);
	if (fd != -1 && connect(fd, (struct sockaddr *)&to,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) == -1) {
		close(fd);
		return -1;
	}
	return fd;
}

void
notify_keep(void)
{
	kept = notify_connect();
}

void
notify_send(const char *state)
{
	int fd = kept != -1 ? kept : notify_connect();

	if (fd == -1)
		return;
	send(fd, state, strlen(state), MSG_NOSIGNAL);
	if (fd != kept)
		close(fd);
}

void
notify_reloading(void)
{
	char text[80];

	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%llu",
	    (unsigned long long)clock_us());
	notify_send(text);
}

/* The number that name holds, or 0. */
static uint64_t
number_from(const char *name)
{
	const char *s = getenv(name);
	unsigned long long v;
	char *end;

	if (s == NULL || *s < '0' || *s > '9')
		return 0;
	errno = 0;
	v = strtoull(s, &end, 10);
	return errno == 0 && *end == '\0' ? v : 0;
}

uint64_t
notify_watchdog_ms(void)
{
	uint64_t usec = number_from("WATCHDOG_USEC"), half;

	if (usec == 0 || (getenv("WATCHDOG_PID") != NULL &&
	    number_from("WATCHDOG_PID") != (uint64_t)getpid()))
		return 0;
	half = usec / 2000;
	return half > 0 ? half : 1;
}
