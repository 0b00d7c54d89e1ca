/* SPDX-License-Identifier: ISC */
/* See own.h: one question of routing, and its answer. */
#include "orthrus/transport/own.h"

#include <sys/socket.h>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#define ANSWER_MAX 4096

struct question {
	struct nlmsghdr head;
	struct rtmsg route;
	struct rtattr to;		/* RTA_DST */
	uint8_t address[16];
};

/* IPv4 in IPv6 (::ffff:0:0/96) is IPv4 to the kernel, too. */
static bool
put_address(struct question *q, const struct sockaddr *sa)
{
	struct sockaddr_in6 in6;
	struct sockaddr_in in;

	if (sa->sa_family == AF_INET) {
		memcpy(&in, sa, sizeof(in));
		memcpy(q->address, &in.sin_addr, 4);
	} else if (sa->sa_family == AF_INET6) {
		memcpy(&in6, sa, sizeof(in6));
		memcpy(q->address, &in6.sin6_addr, 16);
		if (IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr))
			memmove(q->address, q->address + 12, 4);
		else
			q->route.rtm_family = AF_INET6;
	} else
		return false;
	return true;
}

static bool
make_question(struct question *q, const struct sockaddr *sa)
{
	size_t len;

	memset(q, 0, sizeof(*q));
	q->route.rtm_family = AF_INET;
	if (!put_address(q, sa))
		return false;
	len = q->route.rtm_family == AF_INET ? 4 : 16;
	q->route.rtm_dst_len = (unsigned char)(len * 8);
	q->to.rta_type = RTA_DST;
	q->to.rta_len = (unsigned short)RTA_LENGTH(len);
	q->head.nlmsg_type = RTM_GETROUTE;
	q->head.nlmsg_flags = NLM_F_REQUEST;
	q->head.nlmsg_len = (uint32_t)(offsetof(struct question, address) +
	    len);
	return true;
}

/* The answer's first message: how many bytes, or 0. */
static size_t
ask_kernel(const struct question *q, void *answer, size_t size)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	ssize_t n = -1;

	if (fd == -1)
		return 0;
	if (sendto(fd, q, q->head.nlmsg_len, 0, (struct sockaddr *)&kernel,
	    sizeof(kernel)) == (ssize_t)q->head.nlmsg_len)
		n = recv(fd, answer, size, MSG_DONTWAIT);
	close(fd);
	return n < (ssize_t)sizeof(struct nlmsghdr) ? 0 : (size_t)n;
}

/* Whoever has no route cannot be connected to, and so is not ourselves. */
static bool
says_elsewhere(const struct nlmsghdr *head, size_t n)
{
	const struct nlmsgerr *err = NLMSG_DATA(head);
	const struct rtmsg *route = NLMSG_DATA(head);

	if (head->nlmsg_type == NLMSG_ERROR)
		return n >= NLMSG_LENGTH(sizeof(*err)) &&
		    (err->error == -ENETUNREACH || err->error == -EHOSTUNREACH);
	return head->nlmsg_type == RTM_NEWROUTE &&
	    n >= NLMSG_LENGTH(sizeof(*route)) &&
	    route->rtm_type != RTN_LOCAL && route->rtm_type != RTN_BROADCAST &&
	    route->rtm_type != RTN_ANYCAST && route->rtm_type != RTN_MULTICAST;
}

bool
address_is_own(const struct sockaddr *sa)
{
	_Alignas(struct nlmsghdr) char answer[ANSWER_MAX];
	struct question q;
	size_t n;

	if (!make_question(&q, sa))
		return true;
	n = ask_kernel(&q, answer, sizeof(answer));
	return n == 0 || !says_elsewhere((struct nlmsghdr *)answer, n);
}
