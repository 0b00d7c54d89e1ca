/* SPDX-License-Identifier: ISC */
/*
 * Any text on its way to a terminal, a log or a JSON string, in room of any
 * size: what comes out can harm none of them, and means what went in.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "orthrus/base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(bool ok)
{
	if (!ok)
		abort();
}

/* In memory of just that size: the sanitizer sees one byte beyond. */
static char *
escape(const char *s, size_t size, enum text_style style)
{
	char *out = malloc(size);
	size_t n;

	check(out != NULL);
	n = text_escape(out, size, s, style);
	check(n < size && strlen(out) == n && text_clean(out, n));
	return out;
}

/* The beginning of the whole, and the mark of a cut where that is shorter. */
static void
check_cut(const char *s, const char *whole, size_t size, enum text_style style)
{
	char *cut = escape(s, size, style);
	size_t n = strlen(cut);

	if (strlen(whole) < size)
		check(strcmp(cut, whole) == 0);
	else
		check(n >= 3 && strcmp(cut + n - 3, "...") == 0 &&
		    strncmp(cut, whole, n - 3) == 0);
	free(cut);
}

static void
check_plain(const char *s, size_t size)
{
	char *whole = escape(s, 6 * size + 4, TEXT_PLAIN);
	size_t room;

	if (text_clean(s, strlen(s)))
		check(strcmp(whole, s) == 0);
	else
		check(strlen(whole) > strlen(s));
	for (room = 4; room < 12; room++)
		check_cut(s, whole, room, TEXT_PLAIN);
	check_cut(s, whole, 4 + size, TEXT_PLAIN);
	free(whole);
}

/* As jansson reads it, it is what it was where that is UTF-8. */
static void
check_json(const char *s, size_t size)
{
	char *whole = escape(s, 6 * size + 4, TEXT_JSON);
	char *text = malloc(strlen(whole) + 3);
	json_t *read, *was = json_string(s);

	check(text != NULL);
	strcpy(stpcpy(stpcpy(text, "\""), whole), "\"");
	read = json_loads(text, JSON_DECODE_ANY, NULL);
	check(json_is_string(read));
	if (was != NULL)
		check(json_equal(read, was));
	check_cut(s, whole, 4 + size, TEXT_JSON);
	json_decref(read);
	json_decref(was);
	free(text);
	free(whole);
}

/* Words are what stands between commas, without the blanks around it. */
static void
check_words(char *s)
{
	char *rest = s, *word, *end = s + strlen(s);
	size_t commas = 0, words = 0;
	const char *p;

	for (p = s; *p != '\0'; p++)
		commas += *p == ',';
	while ((word = text_next_word(&rest)) != NULL) {
		words++;
		check(word >= s && word <= end && strchr(word, ',') == NULL);
		check(word[0] != ' ' && (word[0] == '\0' ||
		    word[strlen(word) - 1] != ' '));
	}
	check(words == commas + 1);
}

static void
check_times(const uint8_t *data, size_t size)
{
	char text[TIME_TEXT_MAX];
	int64_t t = 0;

	memcpy(&t, data, size < sizeof(t) ? size : sizeof(t));
	check(strlen(time_text(t, text)) < TIME_TEXT_MAX);
	check(strcmp(text, "?") == 0 || text[strlen(text) - 1] == 'Z');
}

/* What is read as a time is one that can be written and read again. */
static void
check_time_read(const char *s)
{
	const int64_t year_10000 = 253402300800;
	char text[TIME_TEXT_MAX];
	int64_t t, again;

	if (!time_read(s, &t) || t >= year_10000)
		return;
	check(time_read(time_text(t, text), &again) && again == t);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *s = malloc(size + 1);
	size_t i;

	check(s != NULL);
	if (size > 0)
		memcpy(s, data, size);
	s[size] = '\0';
	for (i = 0; i < size; i++)
		check(text_hex(data[i]) < 16);
	check_time_read(s);
	check(!text_ascii(s, size) || memchr(s, 0xc2, size) == NULL);
	check_plain(s, size);
	check_json(s, size);
	check_words(s);
	if (size > 0)
		check_times(data, size);
	free(s);
	return 0;
}
