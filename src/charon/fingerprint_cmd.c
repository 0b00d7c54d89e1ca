/* SPDX-License-Identifier: ISC */
/*
 * "charon fingerprint": the host key, by which agents and clients know this
 * gateway, as ssh(1) shows it and as it wants it in known_hosts.
 */
#include "config.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "orthrus/proto/certificate.h"
#include "orthrus/proto/server.h"

#include "cli.h"
#include "commands.h"

/*
 * In known_hosts a comma, a star and the like have a meaning, so that only what
 * host names and addresses consist of may stand there.
 */
static int
check_host(const char *host, struct error *e)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789._-";
	uint8_t in[16];

	if (inet_pton(AF_INET6, host, in) == 1 ||
	    (isalnum((unsigned char)*host) &&
	    host[strspn(host, letters)] == '\0'))
		return 0;
	return error_set(e, EX_USAGE, "--known-hosts: expected the one name or "
	    "address by which this gateway is dialled, as HOST, HOST:PORT or "
	    "[IPV6]:PORT");
}

/*
 * Reads HOST[:PORT] as agents and clients write it.  ssh(1) looks names up in
 * small letters.
 */
static int
read_host(const struct call *c, struct server *server, struct error *e)
{
	uint8_t in[16];
	char *p;

	/* Without brackets it can have no port. */
	if (inet_pton(AF_INET6, c->known_hosts, in) == 1) {
		memset(server, 0, sizeof(*server));
		snprintf(server->host, sizeof(server->host), "%s",
		    c->known_hosts);
	} else if (server_parse(c->known_hosts, server, e) == -1) {
		error_prefix(e, "--known-hosts");
		return -1;
	}
	for (p = server->host; *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
	if (!server->port_given && server->transport == TRANSPORT_TCP)
		server->port = c->config->ssh_listen.port;
	return check_host(server->host, e);
}

/* The port that ssh(1) dials by itself is left out, as it does. */
static void
print_known_host(const struct server *server, const char *key)
{
	if (server->port == 22)
		printf("%s %s\n", server->host, key);
	else
		printf("[%s]:%u %s\n", server->host, (unsigned)server->port,
		    key);
}

static int
fingerprint_print(const struct call *c)
{
	char text[KEY_FINGERPRINT_MAX];
	uint8_t blob[KEY_BLOB_LEN];
	struct server server;
	struct error e;
	char *line;

	if ((c->known_hosts != NULL && read_host(c, &server, &e) == -1) ||
	    state_host_key(c->config, blob, &e) == -1)
		return call_fail(c, &e);
	key_fingerprint(blob, sizeof(blob), text);
	line = key_line_write(KEY_TYPE_NAME, blob, sizeof(blob));
	if (c->known_hosts != NULL)
		print_known_host(&server, line);
	else
		puts(text);
	free(line);
	return call_end(c);
}

int
cmd_fingerprint(int argc, char **argv)
{
	static const struct command command = {
		"fingerprint", "[--known-hosts HOST[:PORT]]",
		"show the host key, for orthrus and ssh",
		"Prints the host key's fingerprint, for host_key of "
		"orthrus.ini and for\ncomparing with what ssh(1) asks.  With "
		"--known-hosts it prints a line for\n~/.ssh/known_hosts "
		"instead; HOST is this gateway as it is dialled, PORT by\n"
		"default that of [ssh] listen.",
		TAKES_KNOWN_HOSTS, fingerprint_print
	};

	return command_run(&command, argc, argv);
}
