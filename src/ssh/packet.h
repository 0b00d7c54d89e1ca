/* SPDX-License-Identifier: ISC */
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

#include "orthrus/proto/certificate.h"

struct packet_tap;
struct ssh_session_struct;

/* Message numbers, RFC 4250 section 4.1.2. */
enum {
	MSG_DISCONNECT = 1,
	MSG_UNIMPLEMENTED = 3,
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
 * Hears of MSG_KEXINIT and MSG_NEWKEYS with no payload, and of
 * MSG_UNIMPLEMENTED when libssh says that to a packet of the peer's, as it does
 * to every type that is not assigned (RFC 4253 section 11.4).  It is called
 * from inside libssh, and so must not free the session or the tap.
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
/*
 * A host key that is somebody else's to use.  sign() signs an exchange hash
 * (RFC 4253 section 8) with it, or returns false, which ends the key exchange.
 */
struct host_key {
	uint8_t blob[KEY_BLOB_LEN];
	bool (*sign)(void *arg, const uint8_t *hash, size_t len,
	    uint8_t signature[ED25519_SIGNATURE_LEN]);
};
/*
 * A server's: shows and uses key, which must outlive the tap, whatever key
 * libssh was given.
 */
void packet_tap_host_key(struct packet_tap *tap, const struct host_key *key,
    void *arg);
/* That of the tap that libssh is at work on, and its arg; NULL: none. */
const struct host_key *packet_host_key(void **arg);
/*
 * A client's: the blob of the key, or of the certificate, that the server has
 * shown last, whose own copy libssh leaves incomplete; NULL with *n 0: none, or
 * one that is larger than CERT_MAX.  The first is told to the tap that libssh
 * is at work on.
 */
void packet_shown_to_us(const void *blob, size_t n);
const uint8_t *packet_shown(const struct packet_tap *tap, size_t *n);
/* A user's key that is elsewhere. */
struct user_key {
	struct ssh_key_struct *given;	/* what libssh has in its place */
	uint8_t blob[KEY_BLOB_LEN];
	/* False: there is no signature now, and the login fails. */
	bool (*sign)(void *arg, const uint8_t *p, size_t len,
	    uint8_t signature[ED25519_SIGNATURE_LEN]);
	void *arg;
};
/*
 * From here on, until it is NULL again, libssh shows and uses key in a login
 * with the one that it is given.
 */
void packet_user_key(const struct user_key *key);
/*
 * A peer that has not logged in is a stranger: little is read and kept for it.
 */
void packet_tap_stranger(struct packet_tap *tap, bool stranger);
/*
 * From here on, until it is NULL again, libssh is at work on the handshake of
 * tap's session.
 */
void packet_handshake(struct packet_tap *tap);
/*
 * Frees the tap.  The session must not have another turn: libssh would hand
 * its packets to a tap that is gone.
 */
void packet_tap_free(struct packet_tap *tap);

/*
 * Hands one packet (type byte first) to libssh, which encrypts it.  Returns 0,
 * 1 when libssh keeps it until new keys are there, or -1 when the session is
 * broken.
 */
int packet_send(struct packet_tap *tap, const struct iovec *iov, int n);

/*
 * From the login on bytes go past libssh's socket layer, which reads 4 KiB at
 * a time with a poll(2) for each and sends each packet by itself.  Called
 * whenever the descriptor is ready, until it returns 1: from then on bytes in
 * and bytes out are the caller's to carry, over whatever he likes.  0 while
 * libssh holds some itself, which it may for 16 KiB of a stranger's input and
 * 256 KiB of another's; -1 when the session is over, as ssh_get_error(), or
 * else errno, says.
 */
int packet_take_over(struct packet_tap *tap);

/*
 * A turn of the loop begins; and whether more may be read in it, after what it
 * has brought in bytes and in packets.
 */
void packet_turn(struct packet_tap *tap);
bool packet_may_read(const struct packet_tap *tap);
/*
 * Bytes in: room for *n of them, which all sessions share, so that they are
 * to be written there at once.  NULL when a packet is too large.
 */
uint8_t *packet_space(struct packet_tap *tap, size_t *n);
/*
 * n bytes were written there: libssh decrypts them, and the handler hears of
 * their packets.  0, or -1 as above.
 */
int packet_arrived(struct packet_tap *tap, size_t n);

/*
 * Bytes out: what waits to be sent, until the next call of any function; may
 * be NULL with *n 0.
 */
const uint8_t *packet_unsent(const struct packet_tap *tap, size_t *n);
/* The first n of them have been. */
void packet_sent(struct packet_tap *tap, size_t n);
/* True while something is unsent, libssh's own bytes included. */
bool packet_waits(const struct packet_tap *tap);

/*
 * Ends the session; what is unsent then is the goodbye.  text (static, or
 * NULL) is what SSH_MSG_DISCONNECT says, RFC 4253 section 11.1.
 */
void packet_disconnect(struct packet_tap *tap, uint32_t reason,
    const char *text);

/* Bytes that wait to be sent; bytes that have arrived so far. */
size_t packet_backlog(const struct packet_tap *tap);
uint64_t packet_received(const struct packet_tap *tap);

/*
 * A session that goes on over another carrier.  Positions count the bytes of
 * SSH that one side has sent, its identification first: what has arrived of the
 * peer's, libssh's own reads included, is packet_position().
 */
uint64_t packet_position(const struct packet_tap *tap);
/*
 * A server's identification, n bytes with its CR LF, was sent already, before
 * libssh is at work: it will not be again.
 */
void packet_greeted(struct packet_tap *tap, size_t n);
/*
 * From now on what is sent is kept until the peer acknowledges it, or with
 * false, is not any more; how much that is.
 */
void packet_keep(struct packet_tap *tap, bool keep);
size_t packet_kept(const struct packet_tap *tap);
/* The peer has all of ours before position: false, that was never sent. */
bool packet_acknowledged(struct packet_tap *tap, uint64_t position);
/* True when all from there on is kept, or unsent. */
bool packet_has(const struct packet_tap *tap, uint64_t position);
/* All from there on is unsent again: false, it is not kept. */
bool packet_rewind(struct packet_tap *tap, uint64_t position);

#endif
