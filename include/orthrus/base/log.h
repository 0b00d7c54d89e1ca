/* SPDX-License-Identifier: ISC */
/*
 * Logging to standard error, as text or JSON lines.  Callers never pass a
 * destination host, port, path, payload, key or password of a stream: the
 * log says what happened to the tunnel, not where anyone went.
 */
#ifndef ORTHRUS_BASE_LOG_H
#define ORTHRUS_BASE_LOG_H

enum log_level { LEVEL_ERROR, LEVEL_WARN, LEVEL_INFO, LEVEL_DEBUG };
enum log_format { LOG_TEXT, LOG_JSON };

/* Sets level and format for the process; the default is info and text. */
void log_setup(enum log_level level, enum log_format format);

/*
 * One line each; control characters are escaped, invalid UTF-8 in JSON is
 * replaced.  In text format a line is "LEVEL: message" when standard error
 * is the journal (JOURNAL_STREAM matches it; the sd-daemon(3) prefix <N> is
 * used) and "TIME LEVEL message" otherwise.  errno is preserved.
 */
void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
