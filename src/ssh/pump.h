/*
 * Gives one session its turns once the key exchange is done: reads when the
 * descriptor is ready, sends what a turn has gathered, and knows when the peer
 * was last heard.
 */
#ifndef ORTHRUS_SSH_PUMP_H
#define ORTHRUS_SSH_PUMP_H

#include <stdbool.h>
#include <stdint.h>

struct event_base;
struct mux;
struct pump;

/*
 * fd and mux stay the caller's.  lost is called when the session is over, with
 * errno or libssh's text saying why; it may call pump_stop(), not pump_free().
 */
struct pump *pump_new(struct event_base *base, int fd, struct mux *mux,
    void (*lost)(void *arg), void *arg);
/* No more turns; then or later, from the loop, it may be freed. */
void pump_stop(struct pump *p);
void pump_free(struct pump *p);

/* From here on the mux has the descriptor's traffic. */
void pump_start(struct pump *p);
/* There is something to send: soon, behind the events of this turn. */
void pump_output(struct pump *p);
/* Reads at once what has arrived: true unless the session is over. */
bool pump_turn(struct pump *p);

/* When anything last arrived, in ms of the monotonic clock. */
uint64_t pump_heard_at(const struct pump *p);

/* What both sides of a session set on their sockets. */
void pump_socket_options(int fd, unsigned dead_ms);
/*
 * OpenSSH leaves Nagle's algorithm on for forwarded traffic and during the
 * login: it keeps a small message back until we acknowledge the one before,
 * which Linux puts off for 40 ms.  After each read.
 */
void pump_acknowledge(int fd);

#endif
