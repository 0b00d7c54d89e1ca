/* SPDX-License-Identifier: ISC */
/*
 * What stands between libssh and its peer until the login: which requests to
 * log in it is shown, with whose key a server shows itself, and which one a
 * client was shown.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "orthrus/base/mem.h"

#include "packet_state.h"

static int
on_login_packet(ssh_session session, uint8_t type, ssh_buffer packet, void *arg)
{
	struct packet_tap *tap = arg;

	(void)session;
	(void)type;
	return tap->logins(tap->logins_arg, ssh_buffer_get(packet),
	    ssh_buffer_get_len(packet)) ? SSH_PACKET_NOT_USED : SSH_PACKET_USED;
}

/*
 * The answer to a question that only methods ask which are not served: the
 * filter refuses it as a bad login.
 */
static int
on_login_answer_packet(ssh_session session, uint8_t type, ssh_buffer packet,
    void *arg)
{
	struct packet_tap *tap = arg;

	(void)session;
	(void)type;
	(void)packet;
	tap->logins(tap->logins_arg, (const uint8_t *)"", 0);
	return SSH_PACKET_USED;
}

void
packet_tap_logins(struct packet_tap *tap, bool (*filter)(void *arg,
    const uint8_t *p, size_t len), void *arg)
{
	/* GSSAPI's reach to 66, RFC 4462. */
	static ssh_packet_callback answers[] = {
		on_login_answer_packet, on_login_answer_packet,
		    on_login_answer_packet, on_login_answer_packet,
		    on_login_answer_packet, on_login_answer_packet,
		    on_login_answer_packet };

	tap->logins = filter;
	tap->logins_arg = arg;
	tap->auth_table[0] = on_login_packet;
	packet_set_handlers(tap, &tap->auth, MSG_USERAUTH_REQUEST, 1,
	    tap->auth_table);
	packet_set_handlers(tap, &tap->answers, MSG_USERAUTH_METHOD,
	    sizeof(answers) / sizeof(answers[0]), answers);
}

void
packet_tap_host_key(struct packet_tap *tap, const struct host_key *key,
    void *arg)
{
	tap->host_key = key;
	tap->host_key_arg = arg;
}

const struct host_key *
packet_host_key(void **arg)
{
	const struct packet_tap *tap = packet_tap_at_work();

	if (tap == NULL)
		return NULL;
	*arg = tap->host_key_arg;
	return tap->host_key;
}

void
packet_shown_to_us(const void *blob, size_t n)
{
	struct packet_tap *tap = packet_tap_at_work();

	if (tap == NULL)
		return;
	free(tap->shown);
	tap->shown = NULL;
	tap->shown_len = 0;
	if (n == 0 || n > CERT_MAX)
		return;
	tap->shown = xcalloc(n, 1);
	memcpy(tap->shown, blob, n);
	tap->shown_len = n;
}

const uint8_t *
packet_shown(const struct packet_tap *tap, size_t *n)
{
	*n = tap->shown_len;
	return tap->shown;
}
