/* SPDX-License-Identifier: ISC */
/*
 * Standard input and output as an endpoint: see stdio.h.  Every read and write
 * asks poll(2) first, as the descriptors may block.
 */
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <event2/event.h>

#include "orthrus/base/loop.h"
#include "orthrus/base/mem.h"
#include "orthrus/relay/relay.h"
#include "orthrus/relay/stdio.h"

#define INPUT_MAX (64 * 1024)	/* what a pipe holds */

struct stdio {
	struct endpoint ep;	/* first */
	int in, out;		/* out is -1 once it has been closed */
	bool out_is_socket;
	size_t out_max;		/* bytes that one write cannot block for */
	struct event *readable, *writable;
	struct event *broken;	/* ends the relay, from outside of its calls */
	bool ended;		/* stdio_end_input() */
	bool at_end;		/* the input has come to its end */
	size_t off, len;	/* of bytes: read and not taken yet */
	int error;
	const char *failed;	/* which of the two */
	uint8_t bytes[INPUT_MAX];
};

static bool
is_ready(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	return poll(&p, 1, 0) > 0;
}

/* Notes a failure that is one, and returns -1. */
static int
stdio_failed(struct stdio *s, const char *which)
{
	if (errno == EINTR)
		errno = EAGAIN;
	if (errno != EAGAIN && s->error == 0) {
		s->error = errno;
		s->failed = which;
		event_active(s->broken, EV_TIMEOUT, 0);
	}
	return -1;
}

static ssize_t
stdio_peek(struct endpoint *ep, const uint8_t **p, size_t max)
{
	struct stdio *s = (struct stdio *)ep;
	ssize_t n;

	if (s->ended)
		return 0;
	if (s->len == 0) {
		if (!is_ready(s->in, POLLIN)) {
			errno = EAGAIN;
			return -1;
		}
		n = read(s->in, s->bytes, sizeof(s->bytes));
		s->at_end = n == 0;
		if (n <= 0)
			return n == 0 ? 0 : stdio_failed(s, "standard input");
		s->off = 0;
		s->len = (size_t)n;
	}
	*p = s->bytes + s->off;
	return (ssize_t)(s->len < max ? s->len : max);
}

static void
stdio_consume(struct endpoint *ep, size_t n)
{
	struct stdio *s = (struct stdio *)ep;

	s->off += n;
	s->len -= n;
}

static size_t
stdio_room(struct endpoint *ep)
{
	(void)ep;
	return SIZE_MAX;
}

/* A socket has a way to say that this one write must not block. */
static ssize_t
write_once(const struct stdio *s, const uint8_t *p, size_t n)
{
	if (s->out_is_socket)
		return send(s->out, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	return write(s->out, p, n < s->out_max ? n : s->out_max);
}

static ssize_t
stdio_write(struct endpoint *ep, const uint8_t *p, size_t n)
{
	struct stdio *s = (struct stdio *)ep;
	size_t done = 0;
	ssize_t w;

	while (done < n && is_ready(s->out, POLLOUT)) {
		w = write_once(s, p + done, n - done);
		if (w == -1) {
			if (stdio_failed(s, "standard output"), done == 0)
				return -1;
			break;
		}
		done += (size_t)w;
	}
	if (done == 0) {
		errno = EAGAIN;
		return -1;
	}
	return (ssize_t)done;
}

static int
stdio_finish(struct endpoint *ep)
{
	struct stdio *s = (struct stdio *)ep;
	int out = s->out;

	event_del(s->writable);
	s->out = -1;
	if (s->out_is_socket)	/* standard input may be the same one */
		shutdown(out, SHUT_WR);
	/* Some file systems tell only now that there was no room. */
	if (close(out) == 0 || errno == EINTR)
		return 0;
	return stdio_failed(s, "standard output");
}

static void
stdio_watch(struct endpoint *ep, bool readable, bool writable)
{
	struct stdio *s = (struct stdio *)ep;

	if (readable)
		event_add(s->readable, NULL);
	else
		event_del(s->readable);
	if (writable)
		event_add(s->writable, NULL);
	else
		event_del(s->writable);
	/* What was read before causes no event of the descriptor. */
	if (readable && (s->len > 0 || s->ended))
		event_active(s->readable, EV_READ, 0);
}

static void
stdio_close(struct endpoint *ep, bool aborted)
{
	struct stdio *s = (struct stdio *)ep;

	(void)aborted;		/* the exit status of the program says it */
	event_del(s->readable);
	event_del(s->writable);
}

static void
on_stdio_readable(evutil_socket_t fd, short what, void *arg)
{
	struct stdio *s = arg;

	(void)fd;
	(void)what;
	loop_doing(LOOP_STREAM);
	if (s->ep.relay != NULL)
		relay_readable(&s->ep);
}

static void
on_stdio_writable(evutil_socket_t fd, short what, void *arg)
{
	struct stdio *s = arg;

	(void)fd;
	(void)what;
	loop_doing(LOOP_STREAM);
	if (s->ep.relay != NULL)
		relay_writable(&s->ep);
}

/*
 * With nobody at standard output there is no use in reading on, although the
 * far end might be there still.
 */
static void
on_stdio_broken(evutil_socket_t fd, short what, void *arg)
{
	struct stdio *s = arg;

	(void)fd;
	(void)what;
	if (s->ep.relay != NULL)
		relay_abort(s->ep.relay);
}

/*
 * What poll(2) calls writable takes as much as a pipe takes in one piece; a
 * file takes all.
 */
static void
look_at_output(struct stdio *s)
{
	struct stat st;

	s->out_max = PIPE_BUF;
	if (fstat(s->out, &st) == -1)
		return;
	s->out_is_socket = S_ISSOCK(st.st_mode);
	if (S_ISREG(st.st_mode))
		s->out_max = SIZE_MAX;
}

struct stdio *
stdio_new(struct event_base *base, int in, int out)
{
	static const struct endpoint_ops ops = {
		stdio_peek, stdio_consume, stdio_room, stdio_write,
		stdio_finish, stdio_watch, stdio_close, NULL
	};
	struct stdio *s = xcalloc(1, sizeof(*s));

	s->ep.ops = &ops;
	s->in = in;
	s->out = out;
	look_at_output(s);
	s->readable = event_new(base, in, EV_READ | EV_PERSIST,
	    on_stdio_readable, s);
	s->writable = event_new(base, out, EV_WRITE | EV_PERSIST,
	    on_stdio_writable, s);
	s->broken = evtimer_new(base, on_stdio_broken, s);
	return s;
}

void
stdio_free(struct stdio *s)
{
	if (s == NULL)
		return;
	event_free(s->readable);
	event_free(s->writable);
	event_free(s->broken);
	close(s->in);
	if (s->out != -1)
		close(s->out);
	free(s);
}

struct endpoint *
stdio_endpoint(struct stdio *s)
{
	return &s->ep;
}

void
stdio_end_input(struct stdio *s)
{
	s->ended = true;
	event_active(s->readable, EV_READ, 0);
}

int
stdio_error(const struct stdio *s, const char **which)
{
	*which = s->failed;
	return s->error;
}

bool
stdio_holds_input(const struct stdio *s)
{
	int unread = 0;

	if (s->len > 0)
		return true;
	return !s->at_end && ioctl(s->in, FIONREAD, &unread) == 0 &&
	    unread != 0;
}
