/* SPDX-License-Identifier: ISC */
/*
 * What a program that runs until it is told to stop hears from its system:
 * signals, and the watchdog of systemd.
 */
#ifndef ORTHRUS_BASE_SERVICE_H
#define ORTHRUS_BASE_SERVICE_H

struct event_base;
struct service;

struct service_events {
	/* SIGTERM or SIGINT has come, as sig says, and may come again. */
	void (*stop)(void *arg, int sig);
	/* SIGHUP has come.  With NULL it ends the program, as by default. */
	void (*reload)(void *arg);
};

/*
 * Calls events from the loop; ignores SIGPIPE, so that a write fails instead;
 * raises the limit of open files as far as it may go, for each stream takes
 * some; begins the watch over the loop (loop.h); and keeps the watchdog content, where there is one.
 */
struct service *service_new(struct event_base *base,
    const struct service_events *events, void *arg);
/* NULL is fine. */
void service_free(struct service *s);

#endif
