/* SPDX-License-Identifier: ISC */
/* See ask.h: one request by a process that has nothing else to do. */
#include "config.h"

#include "orthrus/api/ask.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>
#include <sodium.h>

#include "orthrus/base/file.h"
#include "orthrus/base/mem.h"
#include "orthrus/http/reader.h"

#include "api_private.h"

#define WAIT_SECONDS 2
#define ANSWER_MAX (64 * 1024 * 1024)	/* 10,000 agents take a tenth of it */
#define PIECE (64 * 1024)

union api_place {
	struct sockaddr sa;
	struct sockaddr_un sun;
	struct sockaddr_in sin;
	struct sockaddr_in6 sin6;
};

/*
 * [http] listen is a path or one of loopback: its length, 0 for nowhere.  Of
 * loopback's many addresses each may have another listener, so it is that one.
 */
static socklen_t
make_endpoint(const struct address *at, union api_place *to)
{
	memset(to, 0, sizeof(*to));
	if (at->kind == ADDRESS_UNIX) {
		to->sun.sun_family = AF_UNIX;
		memcpy(to->sun.sun_path, at->path, sizeof(to->sun.sun_path));
		return sizeof(to->sun);
	}
	if (at->kind != ADDRESS_TCP)
		return 0;
	if (inet_pton(AF_INET6, at->host, &to->sin6.sin6_addr) == 1) {
		to->sin6.sin6_family = AF_INET6;
		to->sin6.sin6_port = htons(at->port);
		return sizeof(to->sin6);
	}
	if (inet_pton(AF_INET, at->host, &to->sin.sin_addr) != 1)
		to->sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	to->sin.sin_family = AF_INET;
	to->sin.sin_port = htons(at->port);
	return sizeof(to->sin);
}

static int
connect_api(const struct address *at)
{
	struct timeval tv = { WAIT_SECONDS, 0 };
	union api_place to;
	socklen_t len = make_endpoint(at, &to);
	int fd = len == 0 ? -1 :
	    socket(to.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd == -1)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	if (connect(fd, &to.sa, len) == 0)
		return fd;
	close(fd);
	return -1;
}

static bool
send_question(int fd, const struct address *at, const char *state,
    const char *target)
{
	char *path = xasprintf("%s/http.token", state), *text = NULL, *head;
	bool sent;

	if (at->kind == ADDRESS_TCP)
		text = file_read(path, TOKEN_LEN + 2, NULL, NULL);
	if (text != NULL)
		text[strcspn(text, "\r\n")] = '\0';
	head = xasprintf("GET %s HTTP/1.1\r\n"
	    "Host: localhost\r\nConnection: close\r\n%s%s%s\r\n",
	    target, text == NULL ? "" : "Authorization: Bearer ",
	    text == NULL ? "" : text, text == NULL ? "" : "\r\n");
	sent = file_write_all(fd, head, strlen(head)) == 0;
	sodium_memzero(head, strlen(head));
	free(head);
	if (text != NULL)
		sodium_memzero(text, strlen(text));
	free(text);
	free(path);
	return sent;
}

/* Goes through one piece: false when it is no answer, or too long. */
static bool
take_piece(struct http_reader *r, const uint8_t *p, size_t n,
    struct buffer *body)
{
	const uint8_t *data;
	const char *why;
	size_t len;
	long used;

	while (n > 0 && !r->done) {
		used = http_reader_feed(r, p, n, &data, &len, &why);
		if (used == -1 || buffer_put(body, data, len) == -1)
			return false;
		p += used;
		n -= (size_t)used;
	}
	return true;
}

/* Reads until the answer is there: its status, or 0. */
static int
hear_answer(int fd, struct http_reader *r, struct buffer *body)
{
	uint8_t *piece = xcalloc(1, PIECE);
	ssize_t n = 1;

	while (!r->done && n > 0) {
		n = read(fd, piece, PIECE);
		if (n > 0 && !take_piece(r, piece, (size_t)n, body))
			n = -1;
	}
	free(piece);
	return r->done ? r->answer.status : 0;
}

/* One question and its answer, with the body put into *body. */
static int
ask(const struct address *at, const char *state, const char *target,
    struct buffer *body)
{
	struct http_reader reader;
	int fd = connect_api(at), status = 0;

	if (fd == -1)
		return 0;
	http_reader_init(&reader, false);
	if (send_question(fd, at, state, target))
		status = hear_answer(fd, &reader, body);
	http_reader_clear(&reader);
	close(fd);
	return status;
}

struct json_t *
api_ask(const struct address *at, const char *state, const char *agent)
{
	char *target = xasprintf("/api/v1/agents%s%s", agent == NULL ? "" :
	    "/", agent == NULL ? "" : agent);
	struct buffer body;
	json_t *json = NULL;

	buffer_init(&body, ANSWER_MAX);
	if (ask(at, state, target, &body) == 200)
		json = json_loadb((const char *)buffer_head(&body), body.len,
		    0, NULL);
	buffer_clear(&body);
	free(target);
	return json;
}

int
api_health(const struct address *at, const char *state)
{
	struct buffer body;
	int status;

	buffer_init(&body, ANSWER_MAX);
	status = ask(at, state, "/healthz", &body);
	buffer_clear(&body);
	return status;
}
