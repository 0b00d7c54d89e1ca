/* SPDX-License-Identifier: ISC */
/*
 * The load generator of bench/muzzle: the same HTTP request again and again
 * over a Unix socket, one under way on each of so many connections; prints one
 * JSON object.
 */

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "load.h"

#define ANSWER_MAX	(256 * 1024)
#define PATIENCE_MS	10000
#define CONNECTIONS_MAX	1024

struct client {
	int fd;
	double began;		/* of the request under way */
	size_t len;
	char *answer;		/* so far; a NUL follows */
};

struct run {
	struct load load;	/* its processes, times and count */
	struct sockaddr_un where;
	char request[8192];
	size_t request_len;
	int renew;		/* a connection for each request */
	int epoll;
	struct client *clients;	/* load.count of them */
	double counts_from;	/* earlier answers warm up only */
	float *us;		/* what each counted answer took */
	size_t done, room;
	size_t bytes;		/* of an answer */
};

static void usage(void) __attribute__((noreturn));

static void
usage(void)
{
	fputs("usage: muzzle_load -u SOCKET [-n CONNECTIONS] [-r] [-p PID]...\n"
	    "    [-w SECONDS] [-s SECONDS] TARGET\n"
	    "\n"
	    "  -r  a new connection for each request\n"
	    "  -p  a process whose CPU time is measured\n"
	    "  -w  how long to run before the measurement, and -s during it\n",
	    stderr);
	exit(64);
}

/* The value of a header of a complete head, or NULL. */
static const char *
header(const char *head, const char *end, const char *name)
{
	size_t len = strlen(name);
	const char *p;

	for (p = strstr(head, "\r\n"); p != NULL && p < end;
	    p = strstr(p, "\r\n")) {
		p += 2;
		if (strncasecmp(p, name, len) == 0 && p[len] == ':')
			return p + len + 1 + strspn(p + len + 1, " ");
	}
	return NULL;
}

/* Where the chunks that begin at p end, or NULL when some are to come. */
static const char *
chunks_end(const char *p, const char *end)
{
	unsigned long size;
	char *after;

	while (p < end) {
		size = strtoul(p, &after, 16);
		if (after + 2 > end)
			return NULL;
		if (after == p || strncmp(after, "\r\n", 2) != 0)
			fatal("a chunk without a size");
		if (size > (unsigned long)(end - after))
			return NULL;
		p = after + 2 + size + 2;
		if (size == 0)
			return p <= end ? p : NULL;
	}
	return NULL;
}

/* Whether the n bytes at p are a whole answer; ends for anything but a 200. */
static int
is_whole(const char *p, size_t n)
{
	const char *body, *value, *end = p + n;

	if ((body = strstr(p, "\r\n\r\n")) == NULL)
		return 0;
	if (strncmp(p, "HTTP/1.1 200 ", 13) != 0)
		fatal("answered \"%.*s\"", (int)strcspn(p, "\r"), p);
	body += 4;
	if ((value = header(p, body, "Content-Length")) != NULL)
		body += strtoul(value, NULL, 10);
	else if ((value = header(p, body, "Transfer-Encoding")) != NULL)
		body = chunks_end(body, end);
	else
		fatal("an answer without a length");
	if (body != NULL && body < end)
		fatal("more than an answer");
	return body == end;
}

static void
ask(struct run *r, struct client *c)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };

	c->began = now();
	c->len = 0;
	if (c->fd == -1) {
		c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (c->fd == -1)
			err(1, "socket");
		if (connect(c->fd, (struct sockaddr *)&r->where,
		    sizeof(r->where)) == -1)
			err(1, "connect %s", r->where.sun_path);
		if (epoll_ctl(r->epoll, EPOLL_CTL_ADD, c->fd, &ev) == -1)
			err(1, "epoll_ctl");
	}
	if (send(c->fd, r->request, r->request_len, 0) !=
	    (ssize_t)r->request_len)
		err(1, "send");
}

static void
count(struct run *r, double began, double when)
{
	if (began < r->counts_from)
		return;
	if (r->done == r->room) {
		r->room = r->room == 0 ? 65536 : r->room * 2;
		r->us = realloc(r->us, r->room * sizeof(*r->us));
		if (r->us == NULL)
			err(1, "realloc");
	}
	r->us[r->done++] = (float)((when - began) * 1e6);
}

static void
readable(struct run *r, struct client *c)
{
	ssize_t n;

	n = recv(c->fd, c->answer + c->len, ANSWER_MAX - c->len, MSG_DONTWAIT);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n == -1)
		err(1, "recv");
	if (n == 0)
		fatal(c->len == ANSWER_MAX ? "an answer too long" :
		    "closed before the answer's end");
	c->len += (size_t)n;
	c->answer[c->len] = '\0';
	if (!is_whole(c->answer, c->len))
		return;
	count(r, c->began, now());
	r->bytes = c->len;
	if (r->renew) {
		close(c->fd);
		c->fd = -1;
	}
	ask(r, c);
}

static void
turn(struct run *r)
{
	struct epoll_event events[64];
	int i, n;

	n = epoll_wait(r->epoll, events, 64, PATIENCE_MS);
	if (n == 0)
		fatal("no answer within %d s", PATIENCE_MS / 1000);
	if (n == -1 && errno != EINTR)
		err(1, "epoll_wait");
	for (i = 0; i < n; i++)
		readable(r, events[i].data.ptr);
}

static int
by_value(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

static double
percentile(const struct run *r, unsigned percent)
{
	return (double)r->us[(r->done - 1) * percent / 100];
}

static void
start(struct run *r)
{
	struct client *c;
	long i;

	if ((r->epoll = epoll_create1(EPOLL_CLOEXEC)) == -1)
		err(1, "epoll_create1");
	r->clients = calloc((size_t)r->load.count, sizeof(*r->clients));
	if (r->clients == NULL)
		err(1, "calloc");
	r->counts_from = now() + r->load.warmup;
	for (i = 0; i < r->load.count; i++) {
		c = &r->clients[i];
		c->fd = -1;
		if ((c->answer = malloc(ANSWER_MAX + 1)) == NULL)
			err(1, "malloc");
		ask(r, c);
	}
}

static void
measure(struct run *r)
{
	double began, cpu, took;

	while ((began = now()) < r->counts_from)
		turn(r);
	cpu = cpu_seconds(&r->load);
	while ((took = now() - began) < r->load.seconds)
		turn(r);
	cpu = cpu_seconds(&r->load) - cpu;
	if (r->done == 0)
		fatal("no answer in %g s", r->load.seconds);
	qsort(r->us, r->done, sizeof(*r->us), by_value);
	printf("{\"done\": %zu, \"per_second\": %.1f, \"p50_us\": %.1f, "
	    "\"p99_us\": %.1f, \"cpu_us\": %.2f, \"bytes\": %zu}\n", r->done,
	    (double)r->done / took, percentile(r, 50), percentile(r, 99),
	    cpu * 1e6 / (double)r->done, r->bytes);
}

static void
parse(struct run *r, int argc, char **argv)
{
	struct load *l = &r->load;
	int ch, n;

	while ((ch = getopt(argc, argv, "n:p:rs:u:w:")) != -1) {
		switch (ch) {
		case 'n':
			l->count = atol(optarg);
			break;
		case 'p':
			if (l->npids == LOAD_PIDS || atoi(optarg) <= 1)
				usage();
			l->pids[l->npids++] = atoi(optarg);
			break;
		case 'r':
			r->renew = 1;
			break;
		case 's':
			l->seconds = atof(optarg);
			break;
		case 'u':
			if (strlen(optarg) >= sizeof(r->where.sun_path))
				usage();
			strcpy(r->where.sun_path, optarg);
			break;
		case 'w':
			l->warmup = atof(optarg);
			break;
		default:
			usage();
		}
	}
	if (argc - optind != 1 || r->where.sun_path[0] == '\0' ||
	    l->count < 1 || l->count > CONNECTIONS_MAX)
		usage();
	n = snprintf(r->request, sizeof(r->request), "GET %s HTTP/1.1\r\n"
	    "Host: docker\r\nUser-Agent: Docker-Client/20.10.24 (linux)\r\n"
	    "\r\n", argv[optind]);
	if (n < 0 || (size_t)n >= sizeof(r->request))
		usage();
	r->request_len = (size_t)n;
}

int
main(int argc, char **argv)
{
	static struct run r = {
		.load = { .seconds = 2, .warmup = 0.5, .count = 1 },
		.where = { .sun_family = AF_UNIX }
	};

	parse(&r, argc, argv);
	signal(SIGPIPE, SIG_IGN);
	start(&r);
	measure(&r);
	return 0;
}
