/* SPDX-License-Identifier: ISC */
/*
 * "charon agent port": a fixed loopback port for an agent's Docker, and what
 * may be in its way.
 */
#include "config.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

static int
read_port_argument(const char *text, uint16_t *port, struct error *e)
{
	*port = 0;
	if (text == NULL)
		return error_set(e, EX_USAGE, "which port? PORT, or off, is "
		    "missing");
	if (strcmp(text, "off") == 0 ||
	    port_parse(text, strlen(text), false, port) == 0)
		return 0;
	return error_set(e, EX_USAGE, "the port is a number from 1 to 65535, "
	    "or off");
}

/*
 * Refuses a port that the gateway itself listens on, whether it runs now or
 * not.
 */
static int
check_own_ports(const struct gateway_config *c, uint16_t port, struct error *e)
{
	bool ssh = c->ssh_listen.port == port;

	if (!ssh && (c->http_listen.kind != ADDRESS_TCP ||
	    c->http_listen.port != port))
		return 0;
	return error_set(e, EX_DATAERR, "port %u is this gateway's own, %s "
	    "listen; choose another", (unsigned)port, ssh ? "[ssh]" :
	    "[http]");
}

enum port_trial { TO_BIND, TO_CONNECT };

/* Tries to bind 127.0.0.1:port, or to connect to it: 0, or errno. */
static int
try_port(enum port_trial what, uint16_t port)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
	    .sin_port = htons(port), .sin_addr = { htonl(INADDR_LOOPBACK) } };
	const struct sockaddr *sa = (const struct sockaddr *)&in;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
	int error = 0;

	if (fd == -1)
		return errno;
	/*
	 * The gateway sets this, too, so connections that have ended do not
	 * keep the port.
	 */
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if ((what == TO_BIND ? bind(fd, sa, sizeof(in)) :
	    connect(fd, sa, sizeof(in))) == -1)
		error = errno;
	close(fd);
	return error;
}

static int
assign_docker_port(const struct call *c, struct state *s, uint16_t port,
    struct error *e)
{
	struct peer p;
	int found = registry_find(s->registry, c->name, &p, e);

	if (found == -1 || (port != 0 && registry_docker_port_check(
	    s->registry, c->name, port, e) == -1))
		return -1;
	/*
	 * Where the port is this agent's already, it is the gateway that
	 * listens there.
	 */
	if (port != 0 && found == 1 && p.docker_port != port &&
	    try_port(TO_BIND, port) == EADDRINUSE)
		return error_set(e, EX_UNAVAILABLE, "another program listens "
		    "on port %u of 127.0.0.1; choose another port",
		    (unsigned)port);
	return registry_set_docker_port(s->registry, c->name, port, e);
}

/*
 * Looks whether the gateway listens.  It may lack the right to, or run in a
 * network of its own.
 */
static int
check_listening(const struct call *c, uint16_t port)
{
	if (try_port(TO_CONNECT, port) == 0) {
		printf("tcp://127.0.0.1:%u\n", (unsigned)port);
		return call_end(c);
	}
	fprintf(stderr, "charon %s: done, but nobody listens on port %u of "
	    "127.0.0.1: the gateway's log says why\n", c->command,
	    (unsigned)port);
	return EX_UNAVAILABLE;
}

int
agent_set_port(const struct call *c)
{
	struct state *s = NULL;
	struct error e;
	uint16_t port;
	int code = 0;

	if (read_port_argument(c->port, &port, &e) == -1 ||
	    (port != 0 && check_own_ports(c->config, port, &e) == -1) ||
	    (s = call_state(c, false, &e)) == NULL ||
	    assign_docker_port(c, s, port, &e) == -1)
		code = call_fail(c, &e);
	state_close(s);
	if (code == 0 && call_tell(c) && port != 0)
		code = check_listening(c, port);
	return code;
}
