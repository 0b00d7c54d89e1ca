/* SPDX-License-Identifier: ISC */
/*
 * The first byte says which proxy and to where, the others are what it answers: the talk
 * comes to an end in bounds, leads through only where the proxy has said so,
 * and its errors hold no password.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "orthrus/proto/proxy_talk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(bool ok)
{
	if (!ok)
		abort();
}

static const char *const hosts[] = { "gw.example.com", "192.0.2.1",
    "2001:db8::1" };
static const char *const urls[] = { "http://p", "http://u:hunter2@p",
    "socks5://p", "socks5h://u:hunter2@p" };

static void
check_end(const struct proxy_talk *t, enum proxy_progress r,
    const struct error *e)
{
	if (r == PROXY_FAILS) {
		check(e->code == EX_UNAVAILABLE && e->text[0] != '\0');
		check(strstr(e->text, "hunter2") == NULL);
	} else if (r == PROXY_LEADS_THROUGH && t->proxy->kind == PROXY_HTTP)
		check(t->status >= 200 && t->status < 300);
	else if (r == PROXY_LEADS_THROUGH)
		check(t->in[0] == 5 && t->in[1] == 0 && t->in_len >= 7);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum proxy_progress r = PROXY_SAYS_MORE;
	struct proxy_talk t;
	struct proxy p;
	struct error e;
	size_t i;

	/* What the proxy says itself is no secret. */
	if (size == 0 || memmem(data, size, "hunter2", 7) != NULL)
		return 0;
	check(proxy_parse(urls[data[0] % 4], &p, &e) == 0);
	proxy_talk_begin(&t, &p, hosts[data[0] / 4 % 3], 2222);
	for (i = 1; i < size && r == PROXY_SAYS_MORE; i++) {
		check(t.out_len <= PROXY_OUT_MAX);
		t.out_len = 0;
		r = proxy_talk_take(&t, data[i], &e);
	}
	check(t.out_len <= PROXY_OUT_MAX && t.total <= PROXY_HEAD_MAX + 1);
	check_end(&t, r, &e);
	proxy_talk_closed(&t, &e);
	check(e.code == EX_UNAVAILABLE && strstr(e.text, "hunter2") == NULL);
	proxy_talk_wipe(&t);
	check(t.in_len == 0 && t.out_len == 0);
	return 0;
}
