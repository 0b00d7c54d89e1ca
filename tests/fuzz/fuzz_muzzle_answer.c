/* SPDX-License-Identifier: ISC */
/*
 * Any bytes as an engine's answer: the lines that are passed on are lines of
 * its head, and a chunked body gives the same payload however it arrives, as
 * a simpler reader sees it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "orthrus/http/message.h"

#define CHECK(ok) do { if (!(ok)) abort(); } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* --- the head --------------------------------------------------------- */

static void
check_kept(const struct http_answer *a, const uint8_t *head, size_t n)
{
	const char *p = a->kept, *end = a->kept + a->kept_len, *eol;

	CHECK(a->kept_len <= sizeof(a->kept));
	for (; p < end; p = eol + 2) {
		CHECK((eol = memmem(p, (size_t)(end - p), "\r\n", 2)) != NULL);
		CHECK(memchr(p, ':', (size_t)(eol - p)) != NULL);
		CHECK(memmem(head, n, p, (size_t)(eol + 2 - p)) != NULL);
		/* Of these there are only our own. */
		CHECK(strncasecmp(p, "Conn", 4) != 0 &&
		    strncasecmp(p, "Tran", 4) != 0 &&
		    strncasecmp(p, "Content-L", 9) != 0 &&
		    strncasecmp(p, "Upgr", 4) != 0);
	}
}

static void
check_head(const uint8_t *head, size_t n, bool head_request)
{
	const char *reason = "";
	struct http_answer a;

	if (http_answer_read(head, n, head_request, &a, &reason) == -1) {
		CHECK(reason != NULL && reason[0] != '\0');
		return;
	}
	CHECK(reason == NULL && a.status >= 100 && a.status <= 599);
	CHECK(memcmp(head, "HTTP/1.", 7) == 0);
	if (a.framing == FRAMING_LENGTH)
		CHECK(memmem(head, n, ":", 1) != NULL && !head_request &&
		    a.length < 1ULL << 60);
	if (head_request)
		CHECK(a.framing == FRAMING_NONE);
	check_kept(&a, head, n);
}

/* --- chunks ----------------------------------------------------------- */

struct result {
	bool bad, done;
	size_t used, len;
	uint8_t *payload;
};

static void
put(struct result *r, const uint8_t *p, size_t n)
{
	if (n > 0)
		memcpy(r->payload + r->len, p, n);
	r->len += n;
}

/* step 0: all at once; else pieces whose sizes it makes. */
static void
feed(struct result *r, const uint8_t *data, size_t size, unsigned step)
{
	struct http_chunks c = { 0 };
	const uint8_t *p;
	size_t n, len;
	long rc;

	while (r->used < size && !r->done) {
		n = size - r->used;
		if (step != 0) {
			step = step * 1103515245 + 12345;
			if (n > 1 + (step >> 16) % 16)
				n = 1 + (step >> 16) % 16;
		}
		rc = http_chunks_read(&c, data + r->used, n, &p, &len,
		    &r->done);
		if (rc == -1) {
			r->bad = true;
			return;
		}
		CHECK((size_t)rc <= n && len <= (size_t)rc && rc > 0);
		CHECK(len == 0 || (p >= data + r->used &&
		    p + len <= data + r->used + rc));
		put(r, p, len);
		r->used += (size_t)rc;
	}
}

/* The same with the whole in hand: "HEX CRLF data CRLF ... 0 CRLF CRLF". */
static void
simple(struct result *r, const uint8_t *data, size_t size)
{
	const char *p = (const char *)data, *end = p + size;
	size_t digits, n;
	uint64_t len;
	char hex[13];

	for (;;) {
		for (digits = 0; p + digits < end && digits < 12; digits++) {
			hex[digits] = p[digits];
			if (memchr("0123456789abcdefABCDEF", hex[digits],
			    22) == NULL)
				break;
		}
		hex[digits] = '\0';
		len = strtoull(hex, NULL, 16);
		p += digits;
		if (p == end)
			return;
		n = (size_t)(end - p) < 2 ? (size_t)(end - p) : 2;
		if (digits == 0 || memcmp(p, "\r\n", n) != 0)
			break;
		p += n;
		n = (size_t)(end - p) < len ? (size_t)(end - p) : (size_t)len;
		put(r, (const uint8_t *)p, n);
		p += n;
		if (n < len)
			return;
		n = (size_t)(end - p) < 2 ? (size_t)(end - p) : 2;
		if (memcmp(p, "\r\n", n) != 0)
			break;
		p += n;
		r->done = n == 2 && len == 0;
		r->used = (size_t)((const uint8_t *)p - data);
		if (r->done || p == end)
			return;
	}
	r->bad = true;
}

static void
check_chunks(const uint8_t *data, size_t size)
{
	struct result want = { 0 }, got = { 0 };
	uint8_t *room = malloc(2 * size + 1);
	unsigned step;

	CHECK(room != NULL);
	want.payload = room;
	got.payload = room + size;
	simple(&want, data, size);
	for (step = 0; step < 3; step++) {
		got.bad = got.done = false;
		got.used = got.len = 0;
		feed(&got, data, size, step * (unsigned)(size + 1));
		CHECK(got.bad == want.bad && got.done == want.done);
		CHECK(got.len == want.len &&
		    memcmp(got.payload, want.payload, got.len) == 0);
		CHECK(!got.done || got.used == want.used);
	}
	free(room);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t seen = 0;
	int status = 0;
	uint8_t *head;
	long end;

	if (size > 64 * 1024)
		return 0;
	end = http_head_end(data, size, HTTP_ANSWER_HEAD_MAX, &seen, &status);
	if (end <= 0) {
		check_chunks(data, size);
		return 0;
	}
	head = malloc((size_t)end);
	CHECK(head != NULL);
	memcpy(head, data, (size_t)end);
	check_head(head, (size_t)end, false);
	check_head(head, (size_t)end, true);
	free(head);
	check_chunks(data + end, size - (size_t)end);
	return 0;
}
