/* SPDX-License-Identifier: ISC */
/*
 * What the parts of the load generator share: the target process, the ways
 * to reach it, and the measurements.
 */

#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <netinet/in.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

#define LOAD_PIDS	8

/* The first byte of a connection tells the target what it is for. */
enum role {
	ROLE_ECHO = 'E',	/* everything comes back, this byte too */
	ROLE_SINK = 'S',	/* the target reads and forgets */
	ROLE_SOURCE = 'D'	/* the target sends until it is closed */
};

struct load {
	struct sockaddr_in target;	/* where our target process listens */
	struct sockaddr_in via;		/* where the tunnel listens */
	int socks;			/* via speaks SOCKS5 */
	pid_t pids[LOAD_PIDS];		/* whose CPU and memory to measure */
	int npids;
	struct {
		pid_t pid;
		int sig;
	} signals[LOAD_PIDS];		/* what "first" sends at the start */
	int nsignals;
	double seconds, warmup;
	long count;
	_Atomic uint64_t *sunk;		/* bytes that sinks got, all processes */
};

/* load_net.c: fatal() does not return; try_dial() gives -1. */
void	 fatal(const char *, ...)
	    __attribute__((format(printf, 1, 2), noreturn));
double	 now(void);
void	 nap(double);
int	 listen_on(const struct sockaddr_in *);
int	 try_dial(const struct load *, enum role, double timeout);
int	 dial(const struct load *, enum role);
size_t	 socks_request(const struct load *, unsigned char *);
int	 read_full(int, void *, size_t);
void	 no_delay(int);

/* load_proc.c: sums over the processes under measurement. */
double	 cpu_seconds(const struct load *);
long	 pss_kib(const struct load *);

/* load_target.c */
void	 target_start(const struct load *);
void	 target_stop(void);
void	 sink_forever(int, _Atomic uint64_t *);
void	 source_forever(int);
void	 in_thread(void *(*)(void *), void *);

/* load_tests.c and load_connects.c: each prints one JSON object. */
void	 test_bulk(const struct load *, enum role);
void	 test_latency(const struct load *, enum role);
void	 test_idle(const struct load *);
void	 test_first(const struct load *);
void	 test_connects(const struct load *);

#endif
