/* SPDX-License-Identifier: ISC */
/*
 * sd_notify(3)'s protocol, without libsystemd: datagrams to $NOTIFY_SOCKET,
 * from the main process.  All of it does nothing when systemd did not ask.
 */
#ifndef ORTHRUS_BASE_NOTIFY_H
#define ORTHRUS_BASE_NOTIFY_H

/*
 * Sends state, e.g. "READY=1\nSTATUS=connected".  A socket path that starts
 * with '@' is an abstract one.  Never blocks; failures are ignored.
 */
void notify_send(const char *state);

/* For a process that may make no socket later: keeps one for notify_send(). */
void notify_keep(void);

/* As notify_send() for RELOADING=1 with the MONOTONIC_USEC that it needs. */
void notify_reloading(void);

#endif
