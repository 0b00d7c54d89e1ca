/* SPDX-License-Identifier: ISC */
/*
 * The load generator of bench/run: starts a target, reaches it through a
 * tunnel that somebody else started, measures, and prints one JSON object.
 */

#include <sys/mman.h>
#include <sys/resource.h>

#include <arpa/inet.h>
#include <err.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "load.h"

static void usage(void) __attribute__((noreturn));

static void
usage(void)
{
	fputs("usage: load -t ADDRESS:PORT [-c ADDRESS:PORT [-x]] [-p PID]...\n"
	    "    [-k SIGNAL:PID]... [-n COUNT] [-w SECONDS] [-s SECONDS] TEST\n"
	    "\n"
	    "  -t  where the target is to listen\n"
	    "  -c  the tunnel that leads there; -x if it is a SOCKS5 server\n"
	    "  -p  a process whose CPU time and memory are measured\n"
	    "  -k  a signal to send when \"first\" begins\n"
	    "  -n  how many streams, connections or channels\n"
	    "  -w  how long to run before the measurement, and -s during it\n"
	    "\n"
	    "TEST: up down latency-up latency-down connects idle first\n",
	    stderr);
	exit(64);
}

static void
parse_address(const char *text, struct sockaddr_in *out)
{
	char host[INET_ADDRSTRLEN];
	const char *colon = strrchr(text, ':');

	memset(out, 0, sizeof(*out));
	out->sin_family = AF_INET;
	if (colon == NULL || (size_t)(colon - text) >= sizeof(host))
		usage();
	memcpy(host, text, (size_t)(colon - text));
	host[colon - text] = '\0';
	out->sin_port = htons((uint16_t)atoi(colon + 1));
	if (inet_pton(AF_INET, host, &out->sin_addr) != 1)
		usage();
}

static void
add_pid(struct load *l, const char *text)
{
	if (l->npids == LOAD_PIDS || atoi(text) <= 1)
		usage();
	l->pids[l->npids++] = atoi(text);
}

static void
add_signal(struct load *l, const char *text)
{
	int sig, pid;

	if (l->nsignals == LOAD_PIDS ||
	    sscanf(text, "%d:%d", &sig, &pid) != 2 || pid <= 1)
		usage();
	l->signals[l->nsignals].sig = sig;
	l->signals[l->nsignals++].pid = pid;
}

static void
parse(struct load *l, int argc, char **argv)
{
	int ch;

	while ((ch = getopt(argc, argv, "c:k:n:p:s:t:w:x")) != -1) {
		switch (ch) {
		case 'c':
			parse_address(optarg, &l->via);
			break;
		case 'k':
			add_signal(l, optarg);
			break;
		case 'n':
			l->count = atol(optarg);
			break;
		case 'p':
			add_pid(l, optarg);
			break;
		case 's':
			l->seconds = atof(optarg);
			break;
		case 't':
			parse_address(optarg, &l->target);
			break;
		case 'w':
			l->warmup = atof(optarg);
			break;
		case 'x':
			l->socks = 1;
			break;
		default:
			usage();
		}
	}
	if (argc - optind != 1 || l->target.sin_family == 0)
		usage();
	if (l->via.sin_family == 0)
		l->via = l->target;
}

static void
run(const struct load *l, const char *test)
{
	if (strcmp(test, "up") == 0)
		test_bulk(l, ROLE_SINK);
	else if (strcmp(test, "down") == 0)
		test_bulk(l, ROLE_SOURCE);
	else if (strcmp(test, "latency-up") == 0)
		test_latency(l, ROLE_SINK);
	else if (strcmp(test, "latency-down") == 0)
		test_latency(l, ROLE_SOURCE);
	else if (strcmp(test, "connects") == 0)
		test_connects(l);
	else if (strcmp(test, "idle") == 0)
		test_idle(l);
	else if (strcmp(test, "first") == 0)
		test_first(l);
	else
		usage();
}

int
main(int argc, char **argv)
{
	struct load l = { .seconds = 2, .warmup = 0.5, .count = 1 };
	struct rlimit files;

	parse(&l, argc, argv);
	signal(SIGPIPE, SIG_IGN);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	l.sunk = mmap(NULL, sizeof(*l.sunk), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (l.sunk == MAP_FAILED)
		err(1, "mmap");
	target_start(&l);
	run(&l, argv[optind]);
	target_stop();
	fflush(stdout);
	/* Not exit(): threads are still at work. */
	_exit(0);
}
