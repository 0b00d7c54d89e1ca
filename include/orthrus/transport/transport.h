/* SPDX-License-Identifier: ISC */
/*
 * What carries SSH's bytes to the other end and back.  TCP, TLS, WebSocket and
 * a command are each a small file behind one table of hooks, so that whoever
 * holds a transport reads and writes it as he would a socket that does not
 * block, and does not know which one it is.
 */
#ifndef ORTHRUS_TRANSPORT_TRANSPORT_H
#define ORTHRUS_TRANSPORT_TRANSPORT_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct transport;

struct transport_ops {
	const char *name;	/* "tcp", "tls", "wss" or "command" */
	/*
	 * As recv(2): 0 at the end of what the other side sends, or -1 with
	 * errno, EAGAIN while nothing is there.
	 */
	ssize_t (*read)(struct transport *t, uint8_t *p, size_t n);
	/*
	 * As send(2): how many bytes it took, or -1 with errno, EAGAIN while it
	 * takes none.  Whoever is told EAGAIN, or that it took a part, comes
	 * again with the same bytes, or with more behind them.  With n 0 it
	 * sends what it holds itself, and returns 0 when all is gone.
	 */
	ssize_t (*write)(struct transport *t, const uint8_t *p, size_t n);
	/*
	 * True while read() would return bytes that lie in this process, or the
	 * end, of which the descriptor does not tell.  NULL: never.
	 */
	bool (*holds_input)(const struct transport *t);
	/*
	 * True while it holds bytes of its own that wait to be sent: write()
	 * wants to be called when the descriptor is writable.  NULL: never.
	 */
	bool (*holds_output)(const struct transport *t);
	/* A line on why the last call failed; NULL: errno says it. */
	const char *(*why)(const struct transport *t);
	/* Says goodbye as far as it can at once, closes and frees. */
	void (*free)(struct transport *t);
	/*
	 * As shutdown(2) with SHUT_WR, when all is written: 0, or -1 with
	 * errno.  NULL: that, on the descriptor.
	 */
	int (*finish)(struct transport *t);
};

/* What every transport begins with. */
struct transport {
	const struct transport_ops *ops;
	int fd;			/* for the loop to watch, and nothing else */
};

/* A socket as it is, which is the transport's from here on.  Never NULL. */
struct transport *transport_socket(int fd);
/* Its hooks, for others whose descriptor is a socket with nothing around. */
ssize_t transport_socket_read(struct transport *t, uint8_t *p, size_t n);
ssize_t transport_socket_write(struct transport *t, const uint8_t *p,
    size_t n);
/* True of one that transport_socket() made: its descriptor has SSH's bytes. */
bool transport_is_socket(const struct transport *t);
/*
 * The same, with n bytes (copied) to be read before those of lower, which is
 * the new one's from here on: what somebody has read to know who comes.
 */
struct transport *transport_unread(struct transport *lower, const uint8_t *p,
    size_t n);

/* The hooks, with what a missing one stands for. */
ssize_t transport_read(struct transport *t, uint8_t *p, size_t n);
ssize_t transport_write(struct transport *t, const uint8_t *p, size_t n);
bool transport_holds_input(const struct transport *t);
bool transport_holds_output(const struct transport *t);
int transport_finish(struct transport *t);
/* Why the last call failed, which left error in errno (0: the end). */
const char *transport_why(const struct transport *t, int error);
void transport_free(struct transport *t);	/* NULL is fine */

#endif
