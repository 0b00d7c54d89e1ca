/* SPDX-License-Identifier: ISC */
/* See hand.h: SCM_RIGHTS of unix(7). */
#include "orthrus/base/hand.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "orthrus/base/os.h"

union control {
	struct cmsghdr head;
	char space[CMSG_SPACE(sizeof(int))];
};

ssize_t
hand_send(int socket, const void *p, size_t n, int fd, int flags)
{
	union control control = { .head = { .cmsg_len = CMSG_LEN(sizeof(int)),
	    .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS } };
	struct iovec iov = { (void *)(uintptr_t)p, n };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t sent;

	if (fd != -1) {
		memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control.space);
	}
	do
		sent = sendmsg(socket, &msg, flags | MSG_NOSIGNAL);
	while (sent == -1 && errno == EINTR);
	return sent;
}

ssize_t
hand_receive(int socket, void *p, size_t size, int *fd, int flags)
{
	struct iovec iov = { p, size };
	struct cmsghdr *c;
	union control control;
	struct msghdr msg;
	ssize_t n;

	*fd = -1;
	do {
		msg = (struct msghdr){ .msg_iov = &iov, .msg_iovlen = 1,
		    .msg_control = &control,
		    .msg_controllen = sizeof(control.space) };
		n = os_recvmsg(socket, &msg, flags | MSG_TRUNC);
	} while (n == -1 && errno == EINTR);
	c = n == -1 ? NULL : CMSG_FIRSTHDR(&msg);
	if (c != NULL && c->cmsg_level == SOL_SOCKET &&
	    c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(fd, CMSG_DATA(c), sizeof(*fd));
	return n;
}
