/* SPDX-License-Identifier: ISC */
/* The server's side of an upgrade to WebSocket: see upgrade.h. */
#include "config.h"

#include <string.h>

#include <sodium.h>

#include "orthrus/base/mem.h"
#include "orthrus/base/text.h"
#include "orthrus/proto/upgrade.h"

#include "upgrade_head.h"

#define REFUSAL "Connection: close\r\nContent-Type: text/plain\r\n" \
	"Content-Length: "

/* True as long as the first line can still be "GET path HTTP/1.1". */
static bool
begins_right(const uint8_t *p, size_t n, const char *path)
{
	const char *parts[] = { "GET ", path, " HTTP/1.1\r\n" };
	size_t i, len;

	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		len = strlen(parts[i]);
		if (len > n)
			len = n;
		if (memcmp(p, parts[i], len) != 0)
			return false;
		p += len;
		n -= len;
	}
	return true;
}

enum upgrade_look
upgrade_look(const uint8_t *p, size_t n, const char *path)
{
	struct upgrade_head h;
	int rc;

	if (!begins_right(p, n, path))
		return UPGRADE_OTHER;
	rc = upgrade_head_read(p, n, &h);
	if (rc == 0)
		return UPGRADE_MORE;
	return rc == 1 && upgrade_head_lists(&h, "Upgrade", "websocket") ?
	    UPGRADE_WANTED : UPGRADE_OTHER;
}

/* Always -1. */
static int
refuse(char **answer, const char *status, const char *more, const char *why,
    struct error *e)
{
	*answer = xasprintf("HTTP/1.1 %s\r\n%s" REFUSAL "%zu\r\n\r\n%s\n",
	    status, more, strlen(why) + 1, why);
	return error_set(e, EX_UNAVAILABLE, "%s", why);
}

/* The client's key, which is 16 bytes in base64. */
static bool
read_key(const struct upgrade_head *h, char key[UPGRADE_KEY_LEN + 1])
{
	uint8_t raw[16];
	struct span value;
	size_t len;

	if (upgrade_head_field(h, "Sec-WebSocket-Key", &value) != 1 ||
	    value.len != UPGRADE_KEY_LEN)
		return false;
	memcpy(key, value.p, UPGRADE_KEY_LEN);
	key[UPGRADE_KEY_LEN] = '\0';
	return text_ascii(key, UPGRADE_KEY_LEN) &&
	    sodium_base642bin(raw, sizeof(raw), key, UPGRADE_KEY_LEN, NULL,
	    &len, NULL, sodium_base64_VARIANT_ORIGINAL) == 0 &&
	    len == sizeof(raw);
}

static int
grant(const char *key, char **answer)
{
	char accept[UPGRADE_ACCEPT_LEN + 1];

	upgrade_accept(key, accept);
	*answer = xasprintf("HTTP/1.1 101 Switching Protocols\r\n"
	    "Upgrade: websocket\r\n"
	    "Connection: Upgrade\r\n"
	    "Sec-WebSocket-Accept: %s\r\n"
	    "Sec-WebSocket-Protocol: " UPGRADE_PROTOCOL "\r\n\r\n", accept);
	return 1;
}

/* RFC 6455 section 4.2. */
static int
judge_request(const struct upgrade_head *h, char **answer, struct error *e)
{
	char key[UPGRADE_KEY_LEN + 1];
	struct span value;

	if (upgrade_head_field(h, "Host", &value) != 1)
		return refuse(answer, "400 Bad Request", "",
		    "a request without one Host", e);
	if (!upgrade_head_lists(h, "Upgrade", "websocket") ||
	    !upgrade_head_lists(h, "Connection", "upgrade"))
		return refuse(answer, "426 Upgrade Required",
		    "Upgrade: websocket\r\n", "an upgrade to WebSocket is "
		    "wanted (Upgrade: websocket, Connection: Upgrade)", e);
	if (upgrade_head_field(h, "Sec-WebSocket-Version", &value) != 1 ||
	    !span_is(value, "13"))
		return refuse(answer, "426 Upgrade Required",
		    "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
		    "only version 13 of WebSocket is spoken", e);
	if (!read_key(h, key))
		return refuse(answer, "400 Bad Request", "",
		    "Sec-WebSocket-Key is not 16 bytes in base64", e);
	if (!upgrade_head_lists(h, "Sec-WebSocket-Protocol",
	    UPGRADE_PROTOCOL))
		return refuse(answer, "400 Bad Request", "", "the subprotocol "
		    "\"" UPGRADE_PROTOCOL "\" is wanted "
		    "(Sec-WebSocket-Protocol)", e);
	return grant(key, answer);
}

int
upgrade_request_read(const uint8_t *p, size_t n, const char *path,
    size_t *used, char **answer, struct error *e)
{
	struct upgrade_head h;
	int rc;

	*answer = NULL;
	if (!begins_right(p, n, path))
		return refuse(answer, "404 Not Found", "", "Not Found", e);
	rc = upgrade_head_read(p, n, &h);
	if (rc == 0)
		return 0;
	if (rc == -1)
		return refuse(answer, "400 Bad Request", "", "Bad Request", e);
	*used = h.len;
	return judge_request(&h, answer, e);
}
