/* SPDX-License-Identifier: ISC */
/* See shown.h. */
#include "config.h"

#include "orthrus/base/shown.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define MINUTE 60
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

const char *
shown_time(int64_t seconds, char text[SHOWN_TEXT_MAX])
{
	time_t t = (time_t)seconds;
	struct tm tm;

	if (localtime_r(&t, &tm) == NULL ||
	    strftime(text, SHOWN_TEXT_MAX, "%Y-%m-%d %H:%M", &tm) == 0)
		strcpy(text, "?");
	return text;
}

const char *
shown_age(int64_t seconds, int64_t now, char text[SHOWN_TEXT_MAX])
{
	static const struct {
		uint64_t below, seconds;
		const char *unit;
	} units[] = {
		{ 2 * MINUTE, 1, "s" }, { 2 * HOUR, MINUTE, "min" },
		{ 2 * DAY, HOUR, "h" }, { UINT64_MAX, DAY, "days" }
	};
	uint64_t age = now >= seconds ? (uint64_t)now - (uint64_t)seconds :
	    (uint64_t)seconds - (uint64_t)now;
	size_t i = 0;

	while (age >= units[i].below && units[i].below != UINT64_MAX)
		i++;
	snprintf(text, SHOWN_TEXT_MAX, "%s%llu %s%s", now < seconds ? "in " :
	    "", (unsigned long long)(age / units[i].seconds), units[i].unit,
	    now < seconds ? "" : " ago");
	return text;
}

const char *
shown_moment(int64_t seconds, int64_t now, char text[SHOWN_TEXT_MAX])
{
	char age[SHOWN_TEXT_MAX];
	size_t len = strlen(shown_time(seconds, text));

	snprintf(text + len, SHOWN_TEXT_MAX - len, " (%s)",
	    shown_age(seconds, now, age));
	return text;
}

const char *
shown_size(uint64_t bytes, char text[SHOWN_TEXT_MAX])
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB",
	    "PiB", "EiB" };
	double value = (double)bytes;
	size_t i;

	for (i = 0; value >= 1000 && i + 1 < sizeof(units) / sizeof(units[0]);
	    i++)
		value /= 1024;
	snprintf(text, SHOWN_TEXT_MAX, i > 0 && value < 9.95 ? "%.1f %s" :
	    "%.0f %s", value, units[i]);
	return text;
}
