/* SPDX-License-Identifier: ISC */
/* The one command that charon knows, and logins that name an agent. */
#include "orthrus/proto/dial_stdio.h"

#include <string.h>

#define WORD_MAX 160		/* "--host=unix://" and a socket's path */
#define HOST_OPTION "--host"
#define SCHEME "unix://"

struct words {
	const uint8_t *p, *end;
};

/* False when it has NAME_MAX_LEN bytes or more. */
static bool
copy_name(char out[NAME_MAX_LEN], const char *from, size_t len)
{
	if (len >= NAME_MAX_LEN)
		return false;
	memcpy(out, from, len);
	out[len] = '\0';
	return true;
}

/*
 * True for a character that stands for itself in every shell, outside of quotes
 * (quote is 0) or inside of them.
 */
static bool
is_plain_in_shell(uint8_t c, uint8_t quote)
{
	if (c <= ' ' || c >= 0x7f)
		return quote != 0 && c == ' ';
	if (quote == '\'')
		return true;
	if (quote == '"')
		return strchr("\"$`\\!", c) == NULL;
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || strchr("_./:=-", c) != NULL;
}

/*
 * Reads the next word without its quotes: false when there is none, or one that
 * cannot belong to our command.
 */
static bool
next_shell_word(struct words *w, char word[WORD_MAX])
{
	uint8_t quote = 0, c;
	size_t n = 0;

	while (w->p < w->end && *w->p == ' ')
		w->p++;
	for (; w->p < w->end && (quote != 0 || *w->p != ' '); w->p++) {
		c = *w->p;
		if (quote == 0 && (c == '\'' || c == '"'))
			quote = c;
		else if (quote != 0 && c == quote)
			quote = 0;
		else if (!is_plain_in_shell(c, quote) || n == WORD_MAX - 1)
			return false;
		else
			word[n++] = (char)c;
	}
	word[n] = '\0';
	return n > 0 && quote == 0;
}

static bool
next_is(struct words *w, const char *wanted)
{
	char word[WORD_MAX];

	return next_shell_word(w, word) && strcmp(word, wanted) == 0;
}

/* Reads "unix:///AGENT".  As at the end of any URL, one more slash is fine. */
static enum dial_stdio
read_host(const char *host, char agent[NAME_MAX_LEN])
{
	size_t n = strlen(SCHEME), len;

	if (strncmp(host, SCHEME, n) != 0)
		return DIAL_STDIO_OTHER;
	host += n;
	if (*host != '\0' && host[strspn(host, "/")] == '\0')
		return DIAL_STDIO_OK;
	if (*host++ != '/')
		return DIAL_STDIO_BAD_NAME;
	len = strcspn(host, "/");
	if (host[len] == '/' && host[len + 1] != '\0')
		return DIAL_STDIO_BAD_NAME;
	return copy_name(agent, host, len) && name_valid(agent) ?
	    DIAL_STDIO_OK : DIAL_STDIO_BAD_NAME;
}

enum dial_stdio
dial_stdio_read(const uint8_t *p, size_t len, char agent[NAME_MAX_LEN])
{
	struct words w = { p, p + len };
	enum dial_stdio found = DIAL_STDIO_OK;
	char word[WORD_MAX], name[NAME_MAX_LEN] = "";
	size_t n = strlen(HOST_OPTION);

	agent[0] = '\0';
	if (!next_is(&w, "docker") || !next_shell_word(&w, word))
		return DIAL_STDIO_OTHER;
	if (strncmp(word, HOST_OPTION, n) == 0) {
		if (word[n] == '=')
			found = read_host(word + n + 1, name);
		else if (word[n] == '\0' && next_shell_word(&w, word))
			found = read_host(word, name);
		else
			return DIAL_STDIO_OTHER;
		if (!next_shell_word(&w, word))
			return DIAL_STDIO_OTHER;
	}
	if (strcmp(word, "system") != 0 || !next_is(&w, "dial-stdio"))
		return DIAL_STDIO_OTHER;
	while (w.p < w.end && *w.p == ' ')
		w.p++;
	if (w.p < w.end)
		return DIAL_STDIO_OTHER;
	if (found == DIAL_STDIO_OK)
		strcpy(agent, name);
	return found;
}

bool
dial_stdio_user(const char *user, char name[NAME_MAX_LEN],
    char agent[NAME_MAX_LEN])
{
	size_t n = strcspn(user, "+");
	const char *behind = user[n] == '+' ? user + n + 1 : "";

	return copy_name(name, user, n) && name_valid(name) &&
	    copy_name(agent, behind, strlen(behind));
}
