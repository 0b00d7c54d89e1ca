/* SPDX-License-Identifier: ISC */
/* Allocation that cannot fail, and the bounded buffer that wipes itself. */
#include <sys/mman.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include <sodium.h>

#include "orthrus/base/mem.h"

#define BUFFER_MIN 1024		/* first allocation, unless the limit is less */

/* Writes its line itself, since logging could need memory. */
static void __attribute__((noreturn))
out_of_memory(void)
{
	static const char text[] = "orthrus: out of memory\n";

	if (write(STDERR_FILENO, text, sizeof(text) - 1) == -1)
		_exit(EX_OSERR);
	_exit(EX_OSERR);
}

void *
xcalloc(size_t n, size_t size)
{
	void *p;

	/* calloc(3) may give NULL for nothing. */
	p = n == 0 || size == 0 ? calloc(1, 1) : calloc(n, size);
	if (p == NULL)
		out_of_memory();
	return p;
}

void *
xreallocarray(void *p, size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes))
		out_of_memory();
	/* realloc(3) to nothing may free p and give NULL. */
	p = realloc(p, bytes == 0 ? 1 : bytes);
	if (p == NULL)
		out_of_memory();
	return p;
}

char *
xstrdup(const char *s)
{
	size_t size = strlen(s) + 1;

	return memcpy(xcalloc(size, 1), s, size);
}

char *
xasprintf(const char *fmt, ...)
{
	va_list ap;
	char *s;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	if (n == -1)
		out_of_memory();
	return s;
}

void
secret_lock(const void *p, size_t n)
{
	/* Where the limit of locked memory is too low it stays as it was. */
	(void)mlock(p, n);
}

void
secret_free(char *secret)
{
	if (secret != NULL)
		sodium_memzero(secret, strlen(secret));
	free(secret);
}

void
buffer_init(struct buffer *b, size_t max)
{
	*b = (struct buffer){ .max = max };
}

/* What is not queued is zero already. */
static void
buffer_release(struct buffer *b)
{
	if (b->len > 0)
		sodium_memzero(b->data + b->off, b->len);
	free(b->data);
	b->data = NULL;
	b->off = b->size = 0;
}

void
buffer_clear(struct buffer *b)
{
	buffer_release(b);
	b->len = 0;
}

/* Moves what is queued to the front, leaving no copy behind. */
static void
buffer_compact(struct buffer *b)
{
	size_t end = b->off + b->len;

	memmove(b->data, b->data + b->off, b->len);
	sodium_memzero(b->data + b->len, end - b->len);
	b->off = 0;
}

/* Copies by hand, since realloc(3) would leave the old bytes behind. */
static void
buffer_grow(struct buffer *b, size_t want)
{
	size_t size = b->size > BUFFER_MIN ? b->size : BUFFER_MIN;
	uint8_t *data;

	while (size < want)
		size = size > b->max / 2 ? b->max : size * 2;
	if (size > b->max)
		size = b->max;
	data = xcalloc(size, 1);
	if (b->len > 0)
		memcpy(data, b->data + b->off, b->len);
	buffer_release(b);
	b->data = data;
	b->size = size;
}

int
buffer_put(struct buffer *b, const void *p, size_t n)
{
	if (n == 0)
		return 0;
	if (b->len > b->max || n > b->max - b->len)
		return -1;
	if (b->len + n > b->size)
		buffer_grow(b, b->len + n);
	else if (b->off + b->len + n > b->size)
		buffer_compact(b);
	memcpy(b->data + b->off + b->len, p, n);
	b->len += n;
	return 0;
}

const uint8_t *
buffer_head(const struct buffer *b)
{
	return b->data == NULL ? NULL : b->data + b->off;
}

void
buffer_drop(struct buffer *b, size_t n)
{
	if (n > b->len)
		abort();
	if (n == 0)
		return;
	sodium_memzero(b->data + b->off, n);
	b->off += n;
	b->len -= n;
	if (b->len == 0)
		buffer_release(b);
}
