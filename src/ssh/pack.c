/* SPDX-License-Identifier: ISC */
/*
 * libssh's way of building a packet, which packet.c has the linker route
 * through us.  The function behind it that takes a va_list is static since
 * libssh 0.11, so the format is walked here, and libssh is asked for one
 * element at a time.
 */
#include "config.h"

#include <libssh/libssh.h>

#include <stddef.h>
#include <stdint.h>

#include "pack.h"

#define CANARY ((uint32_t)0x4f65feb3)	/* SSH_BUFFER_PACK_END */

int __real__ssh_buffer_pack(struct ssh_buffer_struct *buffer,
    const char *format, size_t argc, ...);

#define PACK(type) \
	__real__ssh_buffer_pack(buffer, one, 1, va_arg(ap->list, type), CANARY)

/* A va_list may be an array, to which no pointer can be passed on. */
struct arguments {
	va_list list;
};

static int
pack_bytes(struct ssh_buffer_struct *buffer, struct arguments *ap)
{
	size_t len = va_arg(ap->list, size_t);

	return __real__ssh_buffer_pack(buffer, "P", 2, len,
	    va_arg(ap->list, void *), CANARY);
}

/* A big number in so many bytes: the shared secret of sntrup761x25519. */
static int
pack_padded(struct ssh_buffer_struct *buffer, struct arguments *ap)
{
	void *number = va_arg(ap->list, void *);

	return __real__ssh_buffer_pack(buffer, "F", 2, number,
	    va_arg(ap->list, size_t), CANARY);
}

static int
pack_one(struct ssh_buffer_struct *buffer, char letter, struct arguments *ap)
{
	const char one[] = { letter, '\0' };

	switch (letter) {
	case 'b':
	case 'w':
		return PACK(unsigned int);
	case 'd':
		return PACK(uint32_t);
	case 'q':
		return PACK(uint64_t);
	case 'S':	/* an ssh_string */
	case 's':	/* text, as a string of SSH */
	case 't':	/* text, as it is */
	case 'B':	/* a big number */
		return PACK(void *);
	case 'F':
		return pack_padded(buffer, ap);
	case 'P':
		return pack_bytes(buffer, ap);
	default:
		return SSH_ERROR;
	}
}

int
pack_for_libssh(struct ssh_buffer_struct *buffer, const char *format,
    va_list ap)
{
	struct arguments rest;
	int rc = SSH_OK;

	va_copy(rest.list, ap);
	for (; *format != '\0' && rc == SSH_OK; format++)
		rc = pack_one(buffer, *format, &rest);
	if (rc == SSH_OK && va_arg(rest.list, uint32_t) != CANARY)
		rc = SSH_ERROR;		/* a letter means something else */
	va_end(rest.list);
	return rc;
}
