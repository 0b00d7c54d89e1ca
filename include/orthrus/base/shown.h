/* SPDX-License-Identifier: ISC */
/*
 * Times, ages and sizes as people read them: in their own time zone, rounded.
 * What programs read has time_text() of text.h, and integers.
 */
#ifndef ORTHRUS_BASE_SHOWN_H
#define ORTHRUS_BASE_SHOWN_H

#include <stdint.h>

#define SHOWN_TEXT_MAX 64

/* UNIX seconds as "2026-11-27 19:03", or "?" where no calendar goes. */
const char *shown_time(int64_t seconds, char text[SHOWN_TEXT_MAX]);

/* A time seen from now: "12 s ago", "3 h ago", "in 6 days". */
const char *shown_age(int64_t seconds, int64_t now, char text[SHOWN_TEXT_MAX]);

/* Both: "2026-11-27 19:03 (12 min ago)". */
const char *shown_moment(int64_t seconds, int64_t now,
    char text[SHOWN_TEXT_MAX]);

/* A number of bytes: "312 B", "1.2 GiB". */
const char *shown_size(uint64_t bytes, char text[SHOWN_TEXT_MAX]);

#endif
