/* SPDX-License-Identifier: ISC */
/*
 * Memory: allocation that cannot fail (the process ends with EX_OSERR and a
 * line on standard error instead) and a bounded buffer that wipes itself.
 */
#ifndef ORTHRUS_BASE_MEM_H
#define ORTHRUS_BASE_MEM_H

#include <stddef.h>
#include <stdint.h>

/* Zeroed memory for n objects of size bytes; never NULL. Free with free(). */
void *xcalloc(size_t n, size_t size) __attribute__((returns_nonnull));
/* As realloc(3) for n objects of size bytes, overflow checked; never NULL. */
void *xreallocarray(void *p, size_t n, size_t size)
    __attribute__((returns_nonnull));
char *xstrdup(const char *s) __attribute__((returns_nonnull));
char *xasprintf(const char *fmt, ...)
    __attribute__((format(printf, 1, 2), returns_nonnull));

/*
 * Keeps n bytes at p, which will hold a secret, out of swap, as far as the limit
 * of locked memory lets us.  They stay so until they are freed, or the process
 * ends.
 */
void secret_lock(const void *p, size_t n);
/* Wipes a password or the like, and frees it; NULL is fine. */
void secret_free(char *secret);

/*
 * A queue of bytes with a hard limit.  What is consumed or freed is not
 * left behind in memory.
 */
struct buffer {
	uint8_t *data;		/* allocation, or NULL while empty */
	size_t off, len, size;	/* bytes data[off .. off+len) are queued */
	size_t max;		/* limit in bytes for len */
};

void buffer_init(struct buffer *b, size_t max);
/* Wipes and frees the storage; the buffer may be used again. */
void buffer_clear(struct buffer *b);
/* Appends n bytes, all or nothing: 0, or -1 when over the limit. */
int buffer_put(struct buffer *b, const void *p, size_t n);
const uint8_t *buffer_head(const struct buffer *b);
/* Drops n (<= len) bytes from the head; storage is freed when empty. */
void buffer_drop(struct buffer *b, size_t n);

#endif
