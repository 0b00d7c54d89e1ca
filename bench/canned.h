/* SPDX-License-Identifier: ISC */
/* See canned.c. */
#ifndef ORTHRUS_BENCH_CANNED_H
#define ORTHRUS_BENCH_CANNED_H

struct endpoint;

/* Takes over text, which free(3) frees.  Freed by its close(). */
struct endpoint *canned_endpoint_new(char *text);

#endif
