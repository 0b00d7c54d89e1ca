/* SPDX-License-Identifier: ISC */
/* Logging to standard error: one line, one write(2). */
#include <sys/stat.h>

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "orthrus/base/log.h"
#include "orthrus/base/text.h"

#define RAW_MAX 4096
#define LINE_MAX_LEN 4096	/* below PIPE_BUF's 4096 with the newline, so
				   that lines of threads do not mix */
#define NOW_TEXT_MAX 32
#define FIELD_MAX 512			/* of a field, escaped */
#define TAIL_MAX (5 * (FIELD_MAX + 16) + 32)
#define OWN_NAME_MAX 256

static const struct {
	const char *name;
	int priority;		/* syslog(3)'s, for the journal */
} levels[] = {
	[LEVEL_ERROR] = { "error", 3 },
	[LEVEL_WARN] = { "warn", 4 },
	[LEVEL_INFO] = { "info", 6 },
	[LEVEL_DEBUG] = { "debug", 7 },
};

static enum log_level max_level = LEVEL_INFO;
static enum log_format format = LOG_TEXT;
static char own_name[OWN_NAME_MAX];
static const struct log_fields no_fields;
static int journal = -1;	/* is standard error the journal? -1: unknown */

/* systemd sets JOURNAL_STREAM to "DEVICE:INODE" of the stream it made. */
static bool
stderr_is_journal(void)
{
	const char *s = getenv("JOURNAL_STREAM");
	char mine[64];
	struct stat st;

	if (s == NULL || fstat(STDERR_FILENO, &st) == -1)
		return false;
	snprintf(mine, sizeof(mine), "%ju:%ju", (uintmax_t)st.st_dev,
	    (uintmax_t)st.st_ino);
	return strcmp(s, mine) == 0;
}

void
log_setup(enum log_level level, enum log_format new_format)
{
	max_level = level;
	format = new_format;
	journal = stderr_is_journal();
}

static void
now_text(char text[NOW_TEXT_MAX])
{
	struct timespec now;
	struct tm tm;
	size_t n;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	n = strftime(text, NOW_TEXT_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + n, NOW_TEXT_MAX - n, ".%03dZ",
	    (int)(now.tv_nsec / 1000000));
}

/* Writes everything in front of the message. */
static size_t
put_line_head(char *line, size_t size, enum log_level level)
{
	char now[NOW_TEXT_MAX];
	int n;

	now_text(now);
	if (format == LOG_JSON)
		n = snprintf(line, size,
		    "{\"time\":\"%s\",\"level\":\"%s\",\"message\":\"", now,
		    levels[level].name);
	else if (journal)
		n = snprintf(line, size, "<%d>%s: ", levels[level].priority,
		    levels[level].name);
	else
		n = snprintf(line, size, "%s %s ", now, levels[level].name);
	return n < 0 ? 0 : (size_t)n;
}

/* A log that cannot be written must not stop the tunnel: the rest is lost. */
static void
write_log_line(const char *line, size_t len)
{
	ssize_t n;

	while (len > 0) {
		n = write(STDERR_FILENO, line, len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		line += n;
		len -= (size_t)n;
	}
}

/* Appends ,"KEY":"VALUE"; a value that is too long is cut. */
static size_t
put_field(char *out, size_t size, const char *key, const char *value)
{
	char text[FIELD_MAX];

	if (value == NULL || value[0] == '\0')
		return 0;
	text_escape(text, sizeof(text), value, TEXT_JSON);
	return (size_t)snprintf(out, size, ",\"%s\":\"%s\"", key, text);
}

/* What follows the message of a line in JSON. */
static size_t
put_line_tail(char *tail, size_t size, const struct log_fields *f)
{
	bool own = f->event != NULL && f->agent == NULL && f->client == NULL;
	const char *const fields[][2] = {
		{ "event", f->event }, { "agent", own ? own_name : f->agent },
		{ "client", f->client }, { "peer", f->peer },
		{ "reason", f->reason }
	};
	size_t i, n = 1;

	tail[0] = '"';
	for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		n += put_field(tail + n, size - n, fields[i][0], fields[i][1]);
	if (f->code != 0)
		n += (size_t)snprintf(tail + n, size - n, ",\"code\":%d",
		    f->code);
	memcpy(tail + n, "}\n", 3);
	return n + 2;
}

__attribute__((format(printf, 3, 0)))
static void
log_line(enum log_level level, const struct log_fields *fields,
    const char *fmt, va_list ap)
{
	char raw[RAW_MAX], line[LINE_MAX_LEN], tail[TAIL_MAX] = "\n";
	int saved = errno;
	size_t n, more = 1;

	if (level > max_level)
		return;
	if (journal == -1)
		journal = stderr_is_journal();
	if (vsnprintf(raw, sizeof(raw), fmt, ap) < 0)
		raw[0] = '\0';
	if (format == LOG_JSON)
		more = put_line_tail(tail, sizeof(tail), fields);
	n = put_line_head(line, sizeof(line), level);
	n += text_escape(line + n, sizeof(line) - n - more, raw,
	    format == LOG_JSON ? TEXT_JSON : TEXT_PLAIN);
	memcpy(line + n, tail, more);
	write_log_line(line, n + more);
	errno = saved;
}

void
log_event(enum log_level level, const struct log_fields *fields,
    const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_line(level, fields, fmt, ap);
	va_end(ap);
}

void
log_own_name(const char *agent)
{
	snprintf(own_name, sizeof(own_name), "%s", agent);
}

void
log_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_line(LEVEL_ERROR, &no_fields, fmt, ap);
	va_end(ap);
}

void
log_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_line(LEVEL_WARN, &no_fields, fmt, ap);
	va_end(ap);
}

void
log_info(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_line(LEVEL_INFO, &no_fields, fmt, ap);
	va_end(ap);
}

void
log_debug(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_line(LEVEL_DEBUG, &no_fields, fmt, ap);
	va_end(ap);
}
