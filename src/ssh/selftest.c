/* SPDX-License-Identifier: ISC */
/*
 * Proves whether the libssh in use checks a cipher's authentication tag: a
 * client and a server of it talk through a relay that forges one, all in this
 * thread.  libssh's version number does not tell (CVE-2026-59847 was fixed in
 * distributions' packages under the old number).
 */
#include "selftest.h"

#include <sys/socket.h>

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <libssh/libssh.h>
#include <libssh/server.h>

#include "orthrus/base/log.h"
#include "orthrus/base/loop.h"
#include "orthrus/base/machine.h"
#include "orthrus/base/os.h"

#include "keygen.h"

#define TIME_LIMIT_MS 2000
#define QUIET_TURNS 3		/* turns without a byte: nothing is under way */
#define CHUNK 16384
#define CHACHA "chacha20-poly1305@openssh.com"
#define GCM "aes256-gcm@openssh.com,aes128-gcm@openssh.com"

struct selftest {
	ssh_session client, server;
	ssh_bind bind;
	/* One each: libssh 0.10 frees an event of two sessions wrongly. */
	ssh_event client_event, server_event;
	struct ssh_counter_struct received;	/* by the client */
	int client_fd, server_fd;	/* sessions' ends until they own them */
	int to_client, to_server;	/* the relay's ends */
	uint64_t deadline;
	bool forge;			/* flip the next packet's last bit */
};

/*
 * Moves what has arrived at from on to to: how much, or -1.  The handshake is
 * far smaller than a socket's buffer, so a short send is a failure.
 */
static ssize_t
carry_bytes(struct selftest *t, int from, int to)
{
	uint8_t buf[CHUNK];
	ssize_t n;

	n = recv(from, buf, sizeof(buf), MSG_DONTWAIT);
	if (n <= 0)
		return n < 0 && errno != EAGAIN && errno != EINTR ? -1 : 0;
	if (t->forge && to == t->to_client) {
		buf[n - 1] ^= 1;
		t->forge = false;
	}
	if (send(to, buf, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL) != n)
		return -1;
	return n;
}

/* Gives both sides and the relay one turn.  Bytes moved, or -1. */
static ssize_t
selftest_turn(struct selftest *t)
{
	ssize_t down, up;

	/*
	 * What these return does not matter: a dead session is seen by its
	 * state.
	 */
	ssh_event_dopoll(t->client_event, 0);
	ssh_event_dopoll(t->server_event, 0);
	down = carry_bytes(t, t->to_server, t->to_client);
	up = carry_bytes(t, t->to_client, t->to_server);
	if (down < 0 || up < 0 || clock_ms() > t->deadline)
		return -1;
	return down + up;
}

/* Turns until no more bytes move: 0, or -1. */
static int
turn_until_quiet(struct selftest *t)
{
	int quiet = 0;
	ssize_t n;

	while (quiet < QUIET_TURNS) {
		n = selftest_turn(t);
		if (n < 0)
			return -1;
		quiet = n == 0 ? quiet + 1 : 0;
	}
	return 0;
}

static int
set_up_client(struct selftest *t, const char *cipher)
{
	const bool no = false;
	ssh_session s = ssh_new();

	t->client = s;
	if (s == NULL)
		return -1;
	ssh_set_blocking(s, 0);
	/* The names keep libssh from looking for the user and his files. */
	if (ssh_options_set(s, SSH_OPTIONS_PROCESS_CONFIG, &no) < 0 ||
	    ssh_options_set(s, SSH_OPTIONS_HOST, "selftest") < 0 ||
	    ssh_options_set(s, SSH_OPTIONS_USER, "selftest") < 0 ||
	    ssh_options_set(s, SSH_OPTIONS_SSH_DIR, "/dev/null") < 0 ||
	    ssh_options_set(s, SSH_OPTIONS_KNOWNHOSTS, "/dev/null") < 0 ||
	    ssh_options_set(s, SSH_OPTIONS_GLOBAL_KNOWNHOSTS, "/dev/null") < 0
	    || ssh_options_set(s, SSH_OPTIONS_KEY_EXCHANGE,
	    "curve25519-sha256") < 0 ||
	    ssh_options_set(s, SSH_OPTIONS_HOSTKEYS, "ssh-ed25519") < 0 ||
	    ssh_options_set(s, SSH_OPTIONS_CIPHERS_C_S, cipher) < 0 ||
	    ssh_options_set(s, SSH_OPTIONS_CIPHERS_S_C, cipher) < 0 ||
	    ssh_options_set(s, SSH_OPTIONS_FD, &t->client_fd) < 0)
		return -1;
	ssh_set_counters(s, NULL, &t->received);
	return 0;
}

static int
set_up_server(struct selftest *t, const char *cipher)
{
	const bool no = false;
	ssh_key key = NULL;

	t->server = ssh_new();
	t->bind = ssh_bind_new();
	if (t->server == NULL || t->bind == NULL ||
	    keygen_ed25519(&key) != SSH_OK)
		return -1;
	if (ssh_bind_options_set(t->bind, SSH_BIND_OPTIONS_IMPORT_KEY, key) <
	    0) {
		ssh_key_free(key);
		return -1;
	}
	ssh_set_blocking(t->server, 0);
	if (ssh_bind_options_set(t->bind, SSH_BIND_OPTIONS_PROCESS_CONFIG,
	    &no) < 0 || ssh_bind_options_set(t->bind,
	    SSH_BIND_OPTIONS_CIPHERS_C_S, cipher) < 0 ||
	    ssh_bind_options_set(t->bind, SSH_BIND_OPTIONS_CIPHERS_S_C,
	    cipher) < 0)
		return -1;
	if (ssh_bind_accept_fd(t->bind, t->server, t->server_fd) != SSH_OK)
		return -1;
	t->server_fd = -1;
	return 0;
}

static int
set_up_pair(struct selftest *t, const char *cipher)
{
	int a[2], b[2];

	if (os_socketpair(SOCK_STREAM, OS_NONBLOCK, a) == -1)
		return -1;
	t->client_fd = a[0];
	t->to_client = a[1];
	if (os_socketpair(SOCK_STREAM, OS_NONBLOCK, b) == -1)
		return -1;
	t->server_fd = b[0];
	t->to_server = b[1];
	t->client_event = ssh_event_new();
	t->server_event = ssh_event_new();
	if (t->client_event == NULL || t->server_event == NULL)
		return -1;
	return set_up_client(t, cipher) == -1 ? -1 : set_up_server(t, cipher);
}

/* Runs the key exchange on both sides: 0, or -1. */
static int
exchange_test_keys(struct selftest *t)
{
	int c, s;

	c = ssh_connect(t->client);
	if (ssh_get_fd(t->client) == t->client_fd)
		t->client_fd = -1;	/* it owns it now */
	s = ssh_handle_key_exchange(t->server);
	/* Before, the sessions had no socket that an event could watch. */
	if (ssh_event_add_session(t->client_event, t->client) != SSH_OK ||
	    ssh_event_add_session(t->server_event, t->server) != SSH_OK)
		return -1;
	while (c == SSH_AGAIN || s == SSH_AGAIN) {
		if (selftest_turn(t) < 0)
			return -1;
		if (c == SSH_AGAIN)
			c = ssh_connect(t->client);
		if (s == SSH_AGAIN)
			s = ssh_handle_key_exchange(t->server);
	}
	return c == SSH_OK && s == SSH_OK ? turn_until_quiet(t) : -1;
}

/* Sends one packet to the client; *taken says whether it was accepted. */
static int
send_test_packet(struct selftest *t, bool forge, bool *taken)
{
	uint64_t before = t->received.in_packets;

	t->forge = forge;
	if (ssh_send_ignore(t->server, "selftest") != SSH_OK ||
	    turn_until_quiet(t) == -1 || t->forge)
		return -1;
	*taken = t->received.in_packets == before + 1 &&
	    ssh_is_connected(t->client) &&
	    (ssh_get_status(t->client) & (SSH_CLOSED | SSH_CLOSED_ERROR)) == 0;
	return 0;
}

static void
close_fd(int fd)
{
	if (fd != -1)
		close(fd);
}

/* The relay's ends go last, so that no session writes to a closed socket. */
static void
tear_down_pair(struct selftest *t)
{
	ssh_event_free(t->client_event);
	ssh_event_free(t->server_event);
	ssh_free(t->client);
	ssh_free(t->server);
	ssh_bind_free(t->bind);
	close_fd(t->client_fd);
	close_fd(t->server_fd);
	close_fd(t->to_client);
	close_fd(t->to_server);
}

enum selftest_result
selftest_run(const char *cipher, bool forge)
{
	struct selftest t = { .client_fd = -1, .server_fd = -1,
	    .to_client = -1, .to_server = -1 };
	enum selftest_result result = SELFTEST_NOT_RUN;
	bool first = false, second = false;

	t.deadline = clock_ms() + TIME_LIMIT_MS;
	if (set_up_pair(&t, cipher) == 0 && exchange_test_keys(&t) == 0 &&
	    send_test_packet(&t, false, &first) == 0 && first &&
	    send_test_packet(&t, forge, &second) == 0)
		result = second ? SELFTEST_PASSED : SELFTEST_REJECTED;
	tear_down_pair(&t);
	return result;
}

bool
selftest_rejects_forgery(const char *cipher)
{
	switch (selftest_run(cipher, true)) {
	case SELFTEST_REJECTED:
		return true;
	case SELFTEST_PASSED:
		log_warn("this libssh accepts forged packets under %s "
		    "(CVE-2026-59847); it is not offered, so bring libssh up "
		    "to date", cipher);
		return false;
	default:
		log_warn("whether %s is safe here could not be found out; it "
		    "is not offered", cipher);
		return false;
	}
}

const char *
cipher_preference(void)
{
	static const char *preference;

	if (preference == NULL) {
		if (!selftest_rejects_forgery("aes256-gcm@openssh.com") ||
		    !selftest_rejects_forgery("aes128-gcm@openssh.com"))
			preference = CHACHA;
		else if (cpu_has_aes())
			preference = GCM "," CHACHA;
		else
			preference = CHACHA "," GCM;
	}
	return preference;
}
