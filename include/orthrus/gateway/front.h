/* SPDX-License-Identifier: ISC */
/*
 * The port that tells SSH, TLS and HTTP apart, for who answers HTTP to those
 * that show that they may ask.  Everybody else finds a web server without any
 * page there.
 */
#ifndef ORTHRUS_GATEWAY_FRONT_H
#define ORTHRUS_GATEWAY_FRONT_H

#include <stdbool.h>

struct gateway;
struct http_request;
struct transport;

struct front_api {
	/* Does this request, which came by TLS, show that it may? */
	bool (*may)(void *arg, const struct http_request *r);
	/*
	 * From this request on, which has not been read yet, the connection is
	 * the callee's.
	 */
	void (*take)(void *arg, struct transport *t);
};

/* api is kept, not copied; NULL: nobody may from now on. */
void gateway_serve_api(struct gateway *g, const struct front_api *api,
    void *arg);

#endif
