/* SPDX-License-Identifier: ISC */
/* What is written to standard error meanwhile, for tests of the log. */
#ifndef ORTHRUS_TESTS_CAPTURED_H
#define ORTHRUS_TESTS_CAPTURED_H

#include <stddef.h>

/* Standard error goes to memory from here on. */
void capture_start(void);
/* What has come since, up to 64 KiB. */
const char *captured_text(void);
/* How often text is in it. */
size_t captured_count(const char *text);
/* Standard error is itself again; what has come. */
const char *capture_end(void);

#endif
