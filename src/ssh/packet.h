/*
 * Packets of the connection protocol, received and sent whole, beside
 * libssh's own channel layer.  packet.c is the one file that knows what
 * libssh does not publish; it needs the static library.
 */
#ifndef ORTHRUS_SSH_PACKET_H
#define ORTHRUS_SSH_PACKET_H

#include <sys/uio.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct packet_tap;
struct ssh_session_struct;

/* Message numbers, RFC 4250 section 4.1.2. */
enum {
	MSG_DISCONNECT = 1,
	MSG_DEBUG = 4,
	MSG_KEXINIT = 20,
	MSG_NEWKEYS = 21,
	MSG_USERAUTH_REQUEST = 50,
	MSG_USERAUTH_FAILURE = 51,
	MSG_USERAUTH_METHOD = 60,	/* and more: each method's own */
	MSG_GLOBAL_REQUEST = 80,
	MSG_REQUEST_SUCCESS = 81,
	MSG_REQUEST_FAILURE = 82,
	MSG_CHANNEL_OPEN = 90,
	MSG_CHANNEL_OPEN_CONFIRMATION = 91,
	MSG_CHANNEL_OPEN_FAILURE = 92,
	MSG_CHANNEL_WINDOW_ADJUST = 93,
	MSG_CHANNEL_DATA = 94,
	MSG_CHANNEL_EXTENDED_DATA = 95,
	MSG_CHANNEL_EOF = 96,
	MSG_CHANNEL_CLOSE = 97,
	MSG_CHANNEL_REQUEST = 98,
	MSG_CHANNEL_SUCCESS = 99,
	MSG_CHANNEL_FAILURE = 100
};

/*
 * Gets every packet of the connection protocol (80 to 100) that arrives, and
 * MSG_DEBUG: its payload without the type byte, valid during the call only.
 * Hears of MSG_KEXINIT and MSG_NEWKEYS with no payload.  Called from inside libssh: it
 * must not free the session or the tap.
 */
typedef void packet_handler(void *arg, uint8_t type, const uint8_t *p,
    size_t len);

/* Attaches to a session right after ssh_new(). */
struct packet_tap *packet_tap_new(struct ssh_session_struct *session,
    packet_handler *handler, void *arg);
/*
 * ssh_connect(), with identification (RFC 4253 section 4.2, without its CR LF)
 * in place of what libssh calls itself; it may have as many characters.
 */
int packet_connect(struct packet_tap *tap, const char *identification);
/*
 * A server's: is shown each SSH_MSG_USERAUTH_REQUEST (RFC 4252 section 5,
 * without the type byte) before libssh is, and says whether it may pass.
 * Messages of methods that are not served are shown to it empty.
 */
void packet_tap_logins(struct packet_tap *tap, bool (*filter)(void *arg,
    const uint8_t *p, size_t len), void *arg);
/* The session must not be given another turn: its packets come here. */
void packet_tap_free(struct packet_tap *tap);

/*
 * Hands one packet (type byte first) to libssh, which encrypts it.  Returns 0,
 * 1 when libssh keeps it until new keys are there, or -1 when the session is
 * broken.
 */
int packet_send(struct packet_tap *tap, const struct iovec *iov, int n);

/*
 * From the login on the descriptor's traffic goes past libssh's socket layer,
 * which reads 4 KiB at a time with a poll(2) for each and sends each packet
 * by itself.  fd stays the caller's.
 */
void packet_take_over(struct packet_tap *tap, int fd);

/*
 * Reads and has libssh decrypt up to budget bytes, about; the handler hears of
 * the packets.  Returns 1 when there may be more, 0 when not, or -1 when the
 * session is over: ssh_get_error() says why, errno if that is empty.
 */
int packet_input(struct packet_tap *tap, size_t budget);

/*
 * Sends what is queued: 0 when all is gone, 1 when the kernel takes no more
 * now, or -1 with errno.
 */
int packet_output(struct packet_tap *tap);

/*
 * Tells the peer goodbye as far as that is possible at once; text (static, or
 * NULL) is what SSH_MSG_DISCONNECT says, RFC 4253 section 11.1.
 */
void packet_disconnect(struct packet_tap *tap, uint32_t reason,
    const char *text);

/* Bytes that wait to be sent; bytes that have arrived so far. */
size_t packet_backlog(const struct packet_tap *tap);
uint64_t packet_received(const struct packet_tap *tap);

#endif
