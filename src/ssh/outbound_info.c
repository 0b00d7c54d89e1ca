/* SPDX-License-Identifier: ISC */
/* What others are told of a client's session: its server, keys and link. */
#include "config.h"

#include <sys/socket.h>

#include <netdb.h>
#include <string.h>

#include <libssh/libssh.h>

#include "orthrus/base/loop.h"
#include "orthrus/proto/proxy_url.h"

#include "outbound_private.h"

/* Writes the peer's address; empty where the socket is not one of IP. */
static void
peer_address(int fd, char *text)
{
	struct sockaddr_storage ss = { 0 };
	socklen_t len = sizeof(ss);

	text[0] = '\0';
	if (getpeername(fd, (struct sockaddr *)&ss, &len) == -1 ||
	    ss.ss_family == AF_UNIX ||
	    getnameinfo((struct sockaddr *)&ss, len, text, HOST_MAX, NULL, 0,
	    NI_NUMERICHOST) != 0)
		text[0] = '\0';
}

static void
link_numbers(const struct outbound *s, struct outbound_info *info)
{
	const struct resume *r = &s->resume;

	info->parted = connection_is_parted(s->connection);
	info->parted_at = r->parted_at == 0 ? 0 : r->parted_since;
	info->why_parted = info->parted ? s->reopen.why : "";
	info->link_since = r->since != 0 ? r->since : s->up_at;
	info->resumed = r->resumed;
	info->parked_ms = r->parked_ms + (r->parted_at == 0 ? 0 :
	    clock_ms() - r->parted_at);
	info->resent = r->resent;
}

void
outbound_info(const struct outbound *s, struct outbound_info *info)
{
	bool logged_in = outbound_is_logged_in(s);
	const char *cipher;

	memset(info, 0, sizeof(*info));
	cipher = logged_in ? ssh_get_cipher_out(outbound_ssh(s)) : NULL;
	info->kex = logged_in ? connection_kex(s->connection) : "";
	info->cipher = cipher != NULL ? cipher : "";
	memcpy(info->host_key, s->host_key, sizeof(info->host_key));
	info->trusted = s->step > HANDSHAKE;
	info->rtt_ms = s->probe.rtt_ms;
	info->transport = connection_transport(s->connection);
	info->identification = connection_peer_version(s->connection);
	if (!logged_in)
		return;
	info->gateway = outbound_server_is_gateway(s);
	info->openssh = outbound_server_calls_itself(s, "SSH-2.0-OpenSSH_");
	peer_address(connection_fd(s->connection), info->address);
	if (s->config.transport.proxies != NULL)
		info->proxy = proxies_find(s->config.transport.proxies,
		    &s->config.server);
	link_numbers(s, info);
}
