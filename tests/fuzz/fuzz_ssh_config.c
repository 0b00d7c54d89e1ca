/* SPDX-License-Identifier: ISC */
/*
 * The first line of any text as a host, the rest as ssh_config(5) for it: each
 * word lies in the text and ends there, lines only grow, nothing is told of a
 * block that is for another host, and what "Host *" says is always taken.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "orthrus/base/text.h"
#include "orthrus/proto/ssh_config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(bool ok)
{
	if (!ok)
		abort();
}

struct seen {
	const struct ssh_config_state *state;
	const char *text, *end;
	unsigned line, values;
	bool last;		/* the line that we have added was taken */
};

static void
check_word(const struct seen *s, const char *word)
{
	check(word >= s->text && word < s->end);
	check(memchr(word, '\0', (size_t)(s->end - word) + 1) != NULL);
	check(text_clean(word, strlen(word)));
}

static void
on_fuzz_value(void *arg, unsigned line, enum ssh_config_key key, char **words,
    size_t n)
{
	struct seen *s = arg;
	size_t i;

	check(s->state->active && line >= s->line && key < SSH_CONFIG_KEYS);
	check(n >= 1 && n <= SSH_CONFIG_WORDS_MAX && words[0][0] != '\0');
	check(key != SSH_PROXY_COMMAND || n == 1);
	for (i = 0; i < n; i++)
		check_word(s, words[i]);
	s->line = line;
	s->values++;
	s->last = key == SSH_PORT && strcmp(words[0], "4711") == 0;
}

static void
on_fuzz_untaken(void *arg, unsigned line, const char *keyword)
{
	struct seen *s = arg;

	check(line >= s->line);
	check_word(s, keyword);
	s->line = line;
}

static void
on_fuzz_bad(void *arg, unsigned line, const char *why)
{
	struct seen *s = arg;

	check(line >= s->line && text_clean(why, strlen(why)));
	s->line = line;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct ssh_config_events events = { on_fuzz_value,
	    on_fuzz_untaken, on_fuzz_bad };
	static const char last[] = "\nHost=\"*\"\n\tport = 4711 # all";
	char *text = malloc(size + sizeof(last)), *rest, alias[HOST_MAX];
	struct ssh_config_state state = { .alias = alias, .active = true };
	struct seen s = { .state = &state };
	size_t len;

	check(text != NULL);
	if (size > 0)
		memcpy(text, data, size);
	strcpy(text + size, last);
	len = strcspn(text, "\n");
	rest = text + len;
	memset(alias, 0, sizeof(alias));
	memcpy(alias, text, len < sizeof(alias) ? len : sizeof(alias) - 1);
	s.text = rest;
	s.end = text + size + sizeof(last) - 1;
	ssh_config_read(rest, (size_t)(s.end - rest), &state, &events, &s);
	check(state.active && s.last && s.values > 0);
	check(ssh_pattern_match(alias, "*"));
	free(text);
	return 0;
}
