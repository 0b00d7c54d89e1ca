/* SPDX-License-Identifier: ISC */
/* What the files of charon's table share. */
#ifndef ORTHRUS_CONF_GATEWAY_PRIVATE_H
#define ORTHRUS_CONF_GATEWAY_PRIVATE_H

#include "conf.h"
#include "orthrus/conf/gateway.h"

extern const struct program program_charon;
void clear_gateway(void *config);	/* its .clear */

/* Setters (gateway_set.c). */
int set_account(void *, struct setting *, struct error *);
int set_directory(void *, struct setting *, struct error *);
int set_key_file(void *, struct setting *, struct error *);
int set_ssh_listen(void *, struct setting *, struct error *);
int set_tls_listen(void *, struct setting *, struct error *);
int set_http_listen(void *, struct setting *, struct error *);
int set_interval(void *, struct setting *, struct error *);
int set_seconds(void *, struct setting *, struct error *);
int set_count(void *, struct setting *, struct error *);
int set_count_or_off(void *, struct setting *, struct error *);
int set_penalty(void *, struct setting *, struct error *);
int set_resume(void *, struct setting *, struct error *);
int set_resume_memory(void *, struct setting *, struct error *);
int set_memory(void *, struct setting *, struct error *);
int set_base_url(void *, struct setting *, struct error *);
int set_egress(void *, struct setting *, struct error *);

#endif
