/* SPDX-License-Identifier: ISC */
/*
 * Prometheus' text format, version 0.0.4: families of samples, written to a
 * buffer.
 */
#ifndef ORTHRUS_API_PROMETHEUS_H
#define ORTHRUS_API_PROMETHEUS_H

#include <stddef.h>
#include <stdint.h>

#define PROMETHEUS_TYPE "text/plain; version=0.0.4; charset=utf-8"

struct buffer;

enum prometheus_kind { PROMETHEUS_GAUGE, PROMETHEUS_COUNTER };

/* What follows up to the next call is of this family. */
void prometheus_family(struct buffer *out, const char *name,
    enum prometheus_kind kind, const char *help);

/*
 * One sample; labels are n pairs of a name and a value, which may be any text
 * in UTF-8.
 */
void prometheus_sample(struct buffer *out, const char *name,
    const char *const (*labels)[2], size_t n, uint64_t value);

/* The same of ms milliseconds, in seconds. */
void prometheus_seconds(struct buffer *out, const char *name,
    const char *const (*labels)[2], size_t n, uint64_t ms);

/* The same of a finite number, to six digits. */
void prometheus_real(struct buffer *out, const char *name,
    const char *const (*labels)[2], size_t n, double value);

#endif
