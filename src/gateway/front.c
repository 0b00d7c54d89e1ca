/* SPDX-License-Identifier: ISC */
/* Where [tls] listens, and what is shown there: see front_private.h. */
#include "config.h"

#include <sys/stat.h>

#include <stdlib.h>
#include <string.h>

#include "orthrus/base/log.h"
#include "orthrus/conf/gateway.h"
#include "orthrus/monitor/ask.h"
#include "orthrus/transport/tls.h"
#include "orthrus/transport/listener.h"

#include "front_private.h"
#include "gateway.h"

#define BUSY_PAUSE_MS 50

struct front_port {
	struct front *front;
	struct listener *listener;
	bool shared;			/* [ssh] names it as well */
};

static void
on_front_accept(void *arg, int fd)
{
	struct front_port *p = arg;

	visitor_new(p->front, fd, p->shared);
	if (acceptor_is_busy(p->front->acceptor))
		listener_pause(p->listener, BUSY_PAUSE_MS);
}

static int
listen_at(struct front *f, const struct address *at, bool shared,
    struct error *e)
{
	struct front_port *p = &f->ports[f->nports];
	char text[ADDRESS_TEXT_MAX];

	p->front = f;
	p->shared = shared;
	p->listener = listener_new(f->base, at, on_front_accept, p, e);
	if (p->listener == NULL)
		return -1;
	f->nports++;
	listener_label(p->listener, "tls: ");
	if (at->kind == ADDRESS_UNIX)
		chmod(at->path, 0660);	/* its group may use it, too */
	log_info("tls: listening on %s%s", address_format(at, text),
	    shared ? ", as SSH does" : "");
	return 0;
}

/* --- the certificate -------------------------------------------------- */

static bool
sign_elsewhere(void *arg, unsigned digest, const uint8_t *p, size_t n,
    uint8_t signature[TLS_SIGNATURE_MAX], size_t *len)
{
	const struct front *f = arg;
	struct error e;

	return ask_web_sign(f->monitor, digest, p, n, signature,
	    TLS_SIGNATURE_MAX, len, &e) == 0;
}

static int
use_certificate(struct front *f, const char *pem, size_t n, struct error *e)
{
	const struct tls_signer by = { sign_elsewhere, f };

	if (f->tls != NULL)
		return tls_server_set_signed(f->tls, pem, n, &by, e);
	f->tls = tls_server_new_signed(pem, n, &by, e);
	return f->tls == NULL ? -1 : 0;
}

int
front_certify(struct front *f, struct error *e)
{
	char *pem;
	size_t n;
	int rc = ask_web_certificate(f->monitor, &f->generation, &pem, &n, e);

	if (rc != 1)
		return rc;
	if (pem == NULL) {
		tls_server_free(f->tls);
		f->tls = NULL;
		return 0;
	}
	rc = use_certificate(f, pem, n, e);
	free(pem);
	return rc;
}

/* --- life ------------------------------------------------------------- */

bool
front_is_shared(const struct gateway_config *c)
{
	size_t i;

	for (i = 0; i < c->ntls_listen; i++)
		if (address_equal(&c->tls_listen[i], &c->ssh_listen))
			return true;
	return false;
}

struct front *
front_new(struct event_base *base, struct acceptor *a, struct monitor *m,
    const struct gateway_config *c, struct error *e)
{
	struct front *f = xcalloc(1, sizeof(*f));
	size_t i;

	f->base = base;
	f->acceptor = a;
	f->monitor = m;
	LIST_INIT(&f->visitors);
	f->ports = xcalloc(c->ntls_listen + 1, sizeof(*f->ports));
	for (i = 0; i < c->ntls_listen; i++)
		if (listen_at(f, &c->tls_listen[i], address_equal(
		    &c->tls_listen[i], &c->ssh_listen), e) == -1)
			break;
	if (i == c->ntls_listen && front_certify(f, e) == 0)
		return f;
	front_free(f);
	return NULL;
}

void
front_close(struct front *f)
{
	while (f->nports > 0)
		listener_free(f->ports[--f->nports].listener);
}

void
front_free(struct front *f)
{
	struct visitor *v;

	if (f == NULL)
		return;
	front_close(f);
	while ((v = LIST_FIRST(&f->visitors)) != NULL)
		visitor_free(v);
	tls_server_free(f->tls);
	free(f->ports);
	free(f);
}

void
gateway_serve_api(struct gateway *g, const struct front_api *api, void *arg)
{
	g->front->api = api;
	g->front->arg = arg;
}
