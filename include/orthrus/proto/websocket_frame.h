/* SPDX-License-Identifier: ISC */
/*
 * WebSocket's frames (RFC 6455 section 5), as far as they carry one stream of
 * bytes: heads, the mask, and a reader that leaves of what has arrived the
 * stream alone.  Pure functions of bytes.
 */
#ifndef ORTHRUS_PROTO_WEBSOCKET_FRAME_H
#define ORTHRUS_PROTO_WEBSOCKET_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_HEAD_MAX 14
#define FRAME_KEY_LEN 4
#define FRAME_CONTROL_MAX 125		/* payload of a control frame */
#define FRAME_WHY_MAX 256
/* What a peer may send in one frame; nothing of its size is ever kept. */
#define FRAME_PAYLOAD_MAX (16 * 1024 * 1024)

enum frame_opcode {
	FRAME_CONTINUATION = 0,
	FRAME_TEXT = 1,
	FRAME_BINARY = 2,
	FRAME_CLOSE = 8,
	FRAME_PING = 9,
	FRAME_PONG = 10
};

/* Why a connection ends, section 7.4.1. */
enum frame_goodbye {
	GOODBYE_NORMAL = 1000,
	GOODBYE_PROTOCOL_ERROR = 1002,
	GOODBYE_UNSUPPORTED = 1003,
	GOODBYE_NO_STATUS = 1005,	/* never sent: there was none */
	GOODBYE_TOO_BIG = 1009
};

struct frame_head {
	uint8_t opcode;
	bool fin;
	bool reserved;			/* a bit that no extension asked for */
	bool masked;
	uint8_t key[FRAME_KEY_LEN];	/* of the mask; zeros where there is
					   none */
	uint64_t length;		/* bytes of payload */
};

/*
 * Reads the head that begins at p.  Returns its length, 0 when more bytes are
 * needed, or -1 when it breaks section 5.2 or 5.5.
 */
int frame_head_read(const uint8_t *p, size_t n, struct frame_head *h);
/* Writes a head and returns its length. */
size_t frame_head_write(const struct frame_head *h,
    uint8_t out[FRAME_HEAD_MAX]);

/*
 * The mask of section 5.3, which takes itself off again: from may be to, or lie
 * behind it.  at is how many bytes of the frame's payload are before these.
 */
void frame_mask(uint8_t *to, const uint8_t *from, size_t n,
    const uint8_t key[FRAME_KEY_LEN], uint64_t at);

/* One end's reading of what the other end sends. */
struct frame_reader {
	bool from_client;		/* whose frames are masked, and no
					   others: section 5.1 */
	bool in_message;		/* which goes on in a continuation */
	struct frame_head head;		/* of the frame under way */
	uint64_t done;			/* of its payload */
	/* The beginning of a frame that is to be read as a whole. */
	uint8_t held[FRAME_HEAD_MAX + FRAME_CONTROL_MAX];
	size_t nheld;
	/* The last ping, to be answered; pinged: there is one. */
	bool pinged;
	uint8_t ping[FRAME_CONTROL_MAX];
	size_t ping_len;
	bool closed;			/* the peer has said goodbye */
	/* How to say goodbye now, and why; "" while there is no reason. */
	enum frame_goodbye goodbye;
	char why[FRAME_WHY_MAX];
};

void frame_reader_init(struct frame_reader *r, bool from_client);
/*
 * Takes n bytes at p, which begin with the r->nheld bytes of r->held, put there
 * by the caller, and go on with what has arrived since.  Leaves the stream's
 * in their place: how many, or -1 when r->why says what the peer has done
 * wrong.  What comes behind a goodbye does not count.
 */
long frame_read(struct frame_reader *r, uint8_t *p, size_t n);

#endif
