/* SPDX-License-Identifier: ISC */
/* See proxy_command.h. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "orthrus/proto/proxy_command.h"

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define HEX "0123456789ABCDEFabcdef"
/* What no shell reads as syntax, in quotes or without. */
#define HARMLESS LETTERS "0123456789._:-@+%"

/* --- names into it ------------------------------------------------ */

/* The word for %c, or NULL; what says what it is. */
static const char *
word_for(char c, const struct server *server, char port[8], const char **what)
{
	switch (c) {
	case '%':
		*what = "sign";
		return "%";
	case 'h':
	case 'n':
		*what = "host";
		return server->host;
	case 'p':
		*what = "port";
		snprintf(port, 8, "%u", (unsigned)server->port);
		return port;
	case 'r':
		*what = "user";
		return server->user;
	default:
		return NULL;
	}
}

bool
proxy_command_takes(const char *word)
{
	return word[0] != '\0' && word[0] != '-' &&
	    word[strspn(word, HARMLESS)] == '\0';
}

static int
put_word(const char *word, char *out, size_t *len, struct error *e)
{
	size_t n = strlen(word);

	if (*len + n >= PROXY_COMMAND_MAX)
		return error_set(e, EX_CONFIG, "the command is longer than %d "
		    "bytes", PROXY_COMMAND_MAX - 1);
	memcpy(out + *len, word, n + 1);
	*len += n;
	return 0;
}

int
proxy_command_expand(const char *text, const struct server *server,
    char out[PROXY_COMMAND_MAX], struct error *e)
{
	const char *word, *what = NULL;
	char port[8], one[2] = "";
	size_t len = 0;

	out[0] = '\0';
	for (; *text != '\0'; text++) {
		one[0] = *text;
		word = one;
		if (*text == '%') {
			word = word_for(*++text, server, port, &what);
			if (word == NULL)
				return error_set(e, EX_CONFIG, "\"%%%.1s\" in "
				    "a command: there are %%h (host), %%n (the "
				    "same), %%p (port), %%r (user) and %%%%",
				    text);
			if (!proxy_command_takes(word))
				return error_set(e, EX_CONFIG, "the %s of a "
				    "server holds what a shell could read as "
				    "more than a name, so that no command is "
				    "given it; leave %%%c out", what, *text);
		}
		if (put_word(word, out, &len, e) == -1)
			return -1;
	}
	return 0;
}

/* --- names out of what it says ------------------------------------ */

/*
 * True of four numbers with dots, or of hexadecimal ones with two colons, with
 * or without a zone.
 */
static bool
word_is_address(const char *s, size_t len)
{
	size_t i, dots = 0, colons = 0;

	for (i = 0; i < len && s[i] != '%'; i++) {
		dots += s[i] == '.';
		colons += s[i] == ':';
		if (strchr(HEX ".:", s[i]) == NULL)
			return false;
	}
	return colons >= 2 || dots == 3;
}

/* Of a name: those of other alphabets, too, in UTF-8. */
static bool
is_letter(char c)
{
	return isalpha((unsigned char)c) || (unsigned char)c >= 0x80;
}

static bool
is_letter_or_digit(char c)
{
	return is_letter(c) || isdigit((unsigned char)c);
}

/* True when there is a dot between two letters or digits, and a letter. */
static bool
word_is_name(const char *s, size_t len)
{
	bool dot = false, letter = false;
	size_t i;

	for (i = 0; i < len; i++) {
		letter |= is_letter(s[i]);
		dot |= s[i] == '.' && i > 0 && i + 1 < len &&
		    is_letter_or_digit(s[i - 1]) &&
		    is_letter_or_digit(s[i + 1]);
	}
	return dot && letter;
}

static bool
is_word_byte(char c)
{
	return is_letter_or_digit(c) || strchr(".:-_%", c) != NULL;
}

/* Length of s without the punctuation of a sentence at its end. */
static size_t
without_end(const char *s, size_t len)
{
	while (len > 0 && strchr(".:-_", s[len - 1]) != NULL)
		len--;
	return len;
}

/* True of the host, of an address, and of a name that stands in no path. */
static bool
part_is_destination(const char *s, size_t len, const char *host, bool in_path)
{
	return (len == strlen(host) && strncasecmp(s, host, len) == 0) ||
	    word_is_address(s, len) || (!in_path && word_is_name(s, len));
}

/* The same, or with ":PORT" behind, or with something and ':' in front. */
static bool
is_destination(const char *s, size_t len, const char *host, bool in_path)
{
	size_t i, begin = 0;

	if (part_is_destination(s, len, host, in_path))
		return true;
	for (i = 0; i <= len; i++) {
		if (i < len && s[i] != ':')
			continue;
		if (i > begin && part_is_destination(s + begin, i - begin, host,
		    in_path))
			return true;
		begin = i + 1;
	}
	return false;
}

/* Behind one '/' and not two. */
static bool
is_in_path(const char *line, const char *s)
{
	return s > line && s[-1] == '/' && !(s > line + 1 && s[-2] == '/');
}

void
proxy_command_mask(char *line, const char *host)
{
	char *in = line, *out = line;
	size_t len, n, stars;

	while (*in != '\0') {
		for (len = 0; in[len] != '\0' && is_word_byte(in[len]); len++)
			;
		if (len == 0) {
			*out++ = *in++;
			continue;
		}
		n = without_end(in, len);
		if (n > 0 && is_destination(in, n, host, is_in_path(line,
		    in))) {
			stars = n < 3 ? n : 3;
			memset(out, '*', stars);
			out += stars;
			in += n;
			len -= n;
		}
		memmove(out, in, len);
		out += len;
		in += len;
	}
	*out = '\0';
}
