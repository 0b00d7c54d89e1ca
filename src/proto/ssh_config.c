/* SPDX-License-Identifier: ISC */
/* See ssh_config.h. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "orthrus/base/text.h"
#include "orthrus/proto/ssh_config.h"

#define BLANKS " \t\r\f\v"
#define LINE_MAX_LEN 4096

static const struct {
	const char *word;
	enum ssh_config_key key;
} keywords[] = {
	{ "HostName", SSH_HOST_NAME },
	{ "Port", SSH_PORT },
	{ "User", SSH_USER },
	{ "IdentityFile", SSH_IDENTITY_FILE },
	{ "CertificateFile", SSH_CERTIFICATE_FILE },
	{ "UserKnownHostsFile", SSH_KNOWN_HOSTS },
	{ "ProxyCommand", SSH_PROXY_COMMAND },
	{ "ProxyJump", SSH_PROXY_JUMP },
	{ "Include", SSH_INCLUDE },
};

struct reader {
	struct ssh_config_state *state;
	const struct ssh_config_events *events;
	void *arg;
	unsigned line;
};

/* --- patterns ----------------------------------------------------- */

/* Goes back to the last '*' only, so that the work is bounded. */
bool
ssh_pattern_match(const char *text, const char *pattern)
{
	const char *star = NULL, *from = NULL;

	while (*text != '\0') {
		if (*pattern == '*') {
			star = pattern++;
			from = text;
		} else if (*pattern == '?' || *pattern == *text) {
			pattern++;
			text++;
		} else if (star != NULL) {
			pattern = star + 1;
			text = ++from;
		} else
			return false;
	}
	return pattern[strspn(pattern, "*")] == '\0';
}

/*
 * True when one of n patterns matches and none of those with a '!' in front
 * does.
 */
static bool
patterns_match(const char *text, char **patterns, size_t n)
{
	bool any = false, not;
	size_t i;

	for (i = 0; i < n; i++) {
		not = patterns[i][0] == '!';
		if (!ssh_pattern_match(text, patterns[i] + not))
			continue;
		if (not)
			return false;
		any = true;
	}
	return any;
}

/* The same of a list with commas, whatever its case. */
static bool
list_matches(const char *text, char *list)
{
	char *patterns[SSH_CONFIG_WORDS_MAX], lower[HOST_MAX];
	size_t i, n = 0;

	for (i = 0; text[i] != '\0' && i < sizeof(lower) - 1; i++)
		lower[i] = (char)tolower((unsigned char)text[i]);
	lower[i] = '\0';
	for (i = 0; list[i] != '\0'; i++)
		list[i] = (char)tolower((unsigned char)list[i]);
	while (list != NULL && n < SSH_CONFIG_WORDS_MAX)
		patterns[n++] = strsep(&list, ",");
	return patterns_match(lower, patterns, n);
}

/* --- words -------------------------------------------------------- */

/*
 * Takes one word off *p, in its place: quotes go, a backslash before a quote, a
 * blank outside of quotes, or another backslash too.  NULL: no closing quote.
 */
static char *
take_word(char **p)
{
	char *in = *p, *out = in, *word = in, quote = '\0';

	for (; *in != '\0'; in++) {
		if (in[0] == '\\' && (in[1] == '"' || in[1] == '\'' ||
		    in[1] == '\\' || (quote == '\0' && in[1] == ' ')))
			*out++ = *++in;
		else if (quote == '\0' && (*in == '"' || *in == '\''))
			quote = *in;
		else if (quote != '\0' && *in == quote)
			quote = '\0';
		else if (quote == '\0' && strchr(" \t", *in) != NULL)
			break;
		else
			*out++ = *in;
	}
	if (quote != '\0')
		return NULL;
	*p = *in == '\0' ? in : in + 1;
	*out = '\0';
	return word;
}

/* Splits the rest of a line, up to a comment: how many words, or -1. */
static int
split_words(char *p, char *words[SSH_CONFIG_WORDS_MAX])
{
	int n = 0;

	for (;;) {
		p += strspn(p, " \t");
		if (*p == '\0' || *p == '#')
			return n;
		if (n == SSH_CONFIG_WORDS_MAX)
			return -1;
		if ((words[n++] = take_word(&p)) == NULL)
			return -1;
	}
}

/*
 * Cuts the keyword off a line that is neither blank nor a comment, in quotes or
 * not, with one '=' behind it or none.
 */
static char *
take_keyword(char **rest)
{
	char *word = *rest, *p;

	if (*word == '"') {
		p = strchr(++word, '"');
		if (p == NULL)
			return NULL;
		*p++ = '\0';
	} else {
		p = word + strcspn(word, BLANKS "=");
		if (*p != '\0' && *p != '=')
			*p++ = '\0';
	}
	p += strspn(p, BLANKS);
	if (*p == '=') {
		*p++ = '\0';
		p += strspn(p, BLANKS);
	}
	*rest = p;
	return word;
}

/* --- lines -------------------------------------------------------- */

static void
bad_line(const struct reader *r, const char *why)
{
	r->events->bad(r->arg, r->line, why);
}

/*
 * True when all criteria of "Match" are met; *known is false where one is not
 * known here.
 */
static bool
match_is_met(const struct reader *r, char **words, size_t n, bool *known)
{
	const struct ssh_config_state *st = r->state;
	const char *host = st->hostname[0] != '\0' ? st->hostname : st->alias;
	bool met = true;
	size_t i;

	*known = n > 0;
	for (i = 0; i < n; i += 2) {
		if (strcasecmp(words[i], "all") == 0 && n == 1)
			return true;
		if (i + 1 == n || (strcasecmp(words[i], "host") != 0 &&
		    strcasecmp(words[i], "originalhost") != 0)) {
			*known = false;
			return false;
		}
		met &= list_matches(strcasecmp(words[i], "host") == 0 ? host :
		    st->alias, words[i + 1]);
	}
	return met;
}

static void
read_block(const struct reader *r, const char *keyword, char **words, size_t n)
{
	struct ssh_config_state *st = r->state;
	bool known;

	if (strcasecmp(keyword, "Host") == 0) {
		st->active = patterns_match(st->alias, words, n);
		return;
	}
	st->active = match_is_met(r, words, n, &known);
	if (!known)
		r->events->untaken(r->arg, r->line, keyword);
}

static bool
find_key(const char *keyword, enum ssh_config_key *key)
{
	size_t i;

	for (i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++) {
		if (strcasecmp(keywords[i].word, keyword) == 0) {
			*key = keywords[i].key;
			return true;
		}
	}
	return false;
}

static void
read_value(const struct reader *r, const char *keyword, char *rest)
{
	char *words[SSH_CONFIG_WORDS_MAX];
	bool block = strcasecmp(keyword, "Host") == 0 ||
	    strcasecmp(keyword, "Match") == 0;
	enum ssh_config_key key = SSH_CONFIG_KEYS;
	int n;

	if (!block && (!r->state->active ||
	    strcasecmp(keyword, "ForwardAgent") == 0))
		return;
	if (!block && !find_key(keyword, &key)) {
		r->events->untaken(r->arg, r->line, keyword);
		return;
	}
	words[0] = rest;
	n = key == SSH_PROXY_COMMAND ? *rest != '\0' :
	    split_words(rest, words);
	if (n == -1)
		bad_line(r, "a quote without its end, or too many words");
	else if (n == 0 || words[0][0] == '\0')
		bad_line(r, "a keyword without a value");
	else if (block)
		read_block(r, keyword, words, (size_t)n);
	else
		r->events->value(r->arg, r->line, key, words, (size_t)n);
}

static void
read_line(const struct reader *r, char *line)
{
	size_t len = strlen(line);
	char *keyword;

	if (len > LINE_MAX_LEN) {
		bad_line(r, "the line is longer than 4096 bytes");
		return;
	}
	while (len > 0 && strchr(BLANKS, line[len - 1]) != NULL)
		line[--len] = '\0';
	line += strspn(line, BLANKS);
	if (*line == '\0' || *line == '#')
		return;
	for (len = 0; line[len] != '\0'; len++) {
		if (line[len] == '\t')
			line[len] = ' ';
	}
	if (!text_clean(line, len)) {
		bad_line(r, "not UTF-8 text without control characters");
		return;
	}
	if ((keyword = take_keyword(&line)) == NULL || *keyword == '\0')
		bad_line(r, "no keyword");
	else
		read_value(r, keyword, line);
}

void
ssh_config_read(char *text, size_t len, struct ssh_config_state *state,
    const struct ssh_config_events *events, void *arg)
{
	struct reader r = { state, events, arg, 0 };
	char *line = text, *end;

	while (line < text + len) {
		end = memchr(line, '\n', (size_t)(text + len - line));
		if (end == NULL)
			end = text + len;
		r.line++;
		*end = '\0';	/* behind the text, too, there is room */
		if (strlen(line) != (size_t)(end - line))
			bad_line(&r, "a NUL byte");
		else
			read_line(&r, line);
		line = end + 1;
	}
}
