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

/*
 * What a line in JSON has besides its message, for programs that read it; the
 * text format shows none of it.  What is NULL, "" or 0 is left out.
 */
struct log_fields {
	const char *event;	/* one of the table in orthrus(1), charon(8) */
	const char *agent;	/* a name */
	const char *client;	/* the same */
	const char *peer;	/* the address of whoever dialled us or of the
				   server; never where a stream goes */
	const char *reason;	/* why, in words */
	int code;		/* an exit code of sysexits(3) */
};
#define LOG_FIELDS(...) (&(const struct log_fields){ __VA_ARGS__ })

void log_event(enum log_level level, const struct log_fields *fields,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/*
 * The agent of all events that name neither agent nor client: this process's
 * own.  Copied; "" is nobody.
 */
void log_own_name(const char *agent);

#endif
