/* SPDX-License-Identifier: ISC */
/*
 * A socket by which commands wait for the gateway: who connects gets a byte
 * when the registry has been read anew, and nothing when that failed or is not
 * done yet, to try again.  Nothing is sent to the gateway, and nothing there waits.
 */
#include "config.h"

#include "orthrus/gateway/tell.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "orthrus/base/log.h"
#include "orthrus/base/loop.h"
#include "orthrus/monitor/ask.h"
#include "orthrus/transport/listener.h"

#include "gateway.h"

#define AGAIN_MS 20		/* after the gateway could not read it */

/* False when the path is too long for a socket. */
static bool
socket_path(const char *runtime, char *path, size_t size)
{
	int n = snprintf(path, size, "%s/registry.sock", runtime);

	return n > 0 && (size_t)n < size;
}

/* --- the gateway's half --------------------------------------------- */

static void
on_tell_accept(void *arg, int fd)
{
	struct gateway *g = arg;
	struct error e;
	int rc;

	loop_doing(LOOP_REGISTRY);
	rc = agents_look(g->agents, &e);
	if (rc == 0)		/* sockets of who was removed are gone, too */
		rc = ask_done(g->monitor, &e);
	if (rc == 0)
		send(fd, "", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	else if (rc == 1)
		chores_soon(g);
	else
		log_debug("registry: %s", e.text);
	close(fd);
}

int
tell_listen(struct gateway *g, struct error *e)
{
	struct address at = { .kind = ADDRESS_UNIX };

	if (!socket_path(g->runtime, at.path, sizeof(at.path))) {
		log_error("%s/registry.sock is too long for a socket; commands "
		    "will not wait until this gateway knows of what they did",
		    g->runtime);
		return 0;
	}
	g->tell = listener_new(g->base, &at, on_tell_accept, g, e);
	return g->tell == NULL ? -1 : 0;
}

/* --- a command's half ------------------------------------------------ */

/* One attempt of at most ms; false: it should be tried again. */
static bool
ask_gateway(const struct sockaddr_un *to, uint64_t ms, enum told *told)
{
	struct timeval tv = { (time_t)(ms / 1000),
	    (suseconds_t)(ms % 1000 * 1000 + 1) };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool there;
	char c;

	if (fd == -1)
		return false;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	there = connect(fd, (const struct sockaddr *)to, sizeof(*to)) == 0;
	if (!there && (errno == ENOENT || errno == ECONNREFUSED))
		*told = TOLD_NOBODY;
	else if (there && recv(fd, &c, 1, 0) == 1)
		*told = TOLD;
	close(fd);
	return *told != TOLD_SILENCE;
}

enum told
tell_gateway(const char *runtime, unsigned wait_ms)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	uint64_t now = clock_ms(), end = now + wait_ms;
	enum told told = TOLD_SILENCE;

	if (!socket_path(runtime, to.sun_path, sizeof(to.sun_path)))
		return TOLD_NOBODY;
	while (now < end && !ask_gateway(&to, end - now, &told)) {
		usleep(AGAIN_MS * 1000);
		now = clock_ms();
	}
	return told;
}
