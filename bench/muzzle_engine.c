/* SPDX-License-Identifier: ISC */
/*
 * A stand-in for a Docker engine that costs next to nothing: bench/muzzle
 * measures the filter alone with it.  Answers are fixed; all else is a 404.
 */

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REQUEST_MAX	16384
#define ROUTES_MAX	16
#define LENGTH_MAX	2048	/* dockerd sends more than this in chunks */

struct route {
	const char *path;	/* without a version */
	size_t path_len;
	char *answer;		/* as it is sent */
	size_t answer_len;
	size_t head_len;	/* all that HEAD is answered with */
};

struct peer {
	int fd;
	size_t len;
	char request[REQUEST_MAX + 1];
};

static struct route routes[ROUTES_MAX];
static size_t nroutes;

static const char not_found[] = "HTTP/1.1 404 Not Found\r\n"
    "Content-Type: application/json\r\nContent-Length: 38\r\n\r\n"
    "{\"message\":\"the stand-in has no such\"}";

static void usage(void) __attribute__((noreturn));

static void
usage(void)
{
	fputs("usage: muzzle_engine SOCKET PATH=FILE...\n"
	    "\n"
	    "Answers GET and HEAD of PATH, with or without a version, "
	    "with that file.\n",
	    stderr);
	exit(64);
}

static char *
file_text(const char *name, size_t *len)
{
	struct stat st;
	char *text;
	FILE *f;

	if ((f = fopen(name, "r")) == NULL || fstat(fileno(f), &st) == -1)
		err(1, "%s", name);
	*len = (size_t)st.st_size;
	if ((text = malloc(*len + 1)) == NULL)
		err(1, "malloc");
	if (fread(text, 1, *len, f) != *len)
		errx(1, "%s: cannot be read", name);
	text[*len] = '\0';
	fclose(f);
	return text;
}

/* The head is as dockerd's, and so is what it does with longer bodies. */
static void
add_route(char *arg)
{
	struct route *r = &routes[nroutes++];
	char *body, *file = strchr(arg, '='), framing[64];
	int json, chunked, n;
	size_t len;

	if (file == NULL || nroutes > ROUTES_MAX)
		usage();
	*file++ = '\0';
	r->path = arg;
	r->path_len = strlen(arg);
	body = file_text(file, &len);
	json = body[0] == '{' || body[0] == '[';
	chunked = len > LENGTH_MAX;
	if (chunked)
		snprintf(framing, sizeof(framing),
		    "Transfer-Encoding: chunked\r\n\r\n%zx", len);
	else
		snprintf(framing, sizeof(framing), "Content-Length: %zu\r\n",
		    len);
	n = asprintf(&r->answer, "HTTP/1.1 200 OK\r\n"
	    "Api-Version: 1.41\r\nContent-Type: %s\r\n"
	    "Docker-Experimental: false\r\nOstype: linux\r\n"
	    "Server: stand-in (linux)\r\n"
	    "Date: Sat, 21 Nov 2026 12:00:00 GMT\r\n%s\r\n%s%s",
	    json ? "application/json" : "text/plain; charset=utf-8",
	    framing, body, chunked ? "\r\n0\r\n\r\n" : "");
	if (n == -1)
		err(1, "asprintf");
	r->answer_len = (size_t)n;
	r->head_len = (size_t)(strstr(r->answer, "\r\n\r\n") + 4 -
	    r->answer);
	free(body);
}

/* "GET /v1.41/PATH?anything HTTP/1.1" */
static const struct route *
find_route(const char *request)
{
	const char *path = strchr(request, ' ');
	size_t i, len;

	if (path == NULL)
		return NULL;
	path++;
	if (strncmp(path, "/v1.", 4) == 0)
		path += 4 + strcspn(path + 4, "/ ");
	len = strcspn(path, "? \r");
	for (i = 0; i < nroutes; i++) {
		if (routes[i].path_len == len &&
		    memcmp(routes[i].path, path, len) == 0)
			return &routes[i];
	}
	return NULL;
}

static int
answer(int fd, const char *request)
{
	const struct route *r = find_route(request);
	const char *p = not_found;
	size_t n = sizeof(not_found) - 1;
	ssize_t sent;

	if (r != NULL) {
		p = r->answer;
		n = strncmp(request, "HEAD ", 5) == 0 ? r->head_len :
		    r->answer_len;
	}
	while (n > 0) {
		if ((sent = send(fd, p, n, 0)) == -1)
			return -1;
		p += sent;
		n -= (size_t)sent;
	}
	return 0;
}

/* Answers what is complete; -1 when the connection is over. */
static int
serve(struct peer *p)
{
	char *end;
	int over;
	ssize_t n;

	n = recv(p->fd, p->request + p->len, REQUEST_MAX - p->len,
	    MSG_DONTWAIT);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		return -1;
	p->len += (size_t)n;
	p->request[p->len] = '\0';
	while ((end = strstr(p->request, "\r\n\r\n")) != NULL) {
		*end = '\0';
		over = strcasestr(p->request, "\r\nConnection: close") != NULL;
		if (answer(p->fd, p->request) == -1 || over)
			return -1;
		end += 4;
		p->len -= (size_t)(end - p->request);
		memmove(p->request, end, p->len + 1);
	}
	return 0;
}

static int
listen_at(const char *path)
{
	struct sockaddr_un where = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(where.sun_path))
		usage();
	strcpy(where.sun_path, path);
	if ((fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) == -1 ||
	    bind(fd, (struct sockaddr *)&where, sizeof(where)) == -1 ||
	    listen(fd, 4096) == -1)
		err(1, "%s", path);
	return fd;
}

static void
welcome(int epoll, int listener)
{
	struct epoll_event ev = { .events = EPOLLIN };
	struct peer *p;
	int fd;

	if ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) == -1)
		return;
	if ((p = malloc(sizeof(*p))) == NULL)
		err(1, "malloc");
	p->fd = fd;
	p->len = 0;
	ev.data.ptr = p;
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev) == -1)
		err(1, "epoll_ctl");
}

int
main(int argc, char **argv)
{
	struct epoll_event events[64], ev = { .events = EPOLLIN };
	struct peer *p;
	int epoll, i, listener, n;

	if (argc < 3)
		usage();
	signal(SIGPIPE, SIG_IGN);
	for (i = 2; i < argc; i++)
		add_route(argv[i]);
	listener = listen_at(argv[1]);
	if ((epoll = epoll_create1(EPOLL_CLOEXEC)) == -1 ||
	    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &ev) == -1)
		err(1, "epoll");
	for (;;) {
		n = epoll_wait(epoll, events, 64, -1);
		for (i = 0; i < n; i++) {
			if ((p = events[i].data.ptr) == NULL)
				welcome(epoll, listener);
			else if (serve(p) == -1) {
				close(p->fd);
				free(p);
			}
		}
	}
}
