/* One connection to the Docker engine, for one request after the other. */
#ifndef ORTHRUS_MUZZLE_ENGINE_H
#define ORTHRUS_MUZZLE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "orthrus/base/address.h"

struct dialer;
struct engine;
struct event_base;
struct muzzle_way;

struct engine_events {
	/* Bytes arrived; valid during the call.  May free the engine. */
	void (*data)(void *arg, const uint8_t *p, size_t n);
	/*
	 * It could not be reached or is gone, why in words; never from inside
	 * engine_new() or engine_send().  May free the engine.
	 */
	void (*lost)(void *arg, const char *why);
};

/* Begins to connect to at, or, when way is not NULL, that way. */
struct engine *engine_new(struct event_base *base, struct dialer *dialer,
    const struct address *at, const struct muzzle_way *way,
    const struct engine_events *events, void *arg);
/* Closes it; no event comes any more.  NULL is fine. */
void engine_free(struct engine *e);

/* Sends n bytes of a request, now or when connected. */
void engine_send(struct engine *e, const char *p, size_t n);
/* True when it is connected, and neither ended nor has it said anything. */
bool engine_is_quiet(const struct engine *e);
/* While paused nothing is read. */
void engine_pause(struct engine *e, bool paused);

#endif
