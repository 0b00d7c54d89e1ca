/* SPDX-License-Identifier: ISC */
/*
 * What people are told to download: from where, by [release] base_url, and how
 * they see that it is whole, by the checksums in [release] sums.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orthrus/base/file.h"
#include "orthrus/base/mem.h"

#include "snippet.h"

#define SUMS_MAX (1 << 20)	/* bytes of a list */
#define KINDS "amd64", "arm64", "armhf"

/* --- the list ----------------------------------------------------- */

static const struct sum *
find_sum(const struct release *r, const char *name)
{
	size_t i;

	for (i = 0; i < r->n; i++)
		if (strcmp(r->sums[i].name, name) == 0)
			return &r->sums[i];
	return NULL;
}

/* The same line twice harms nobody. */
static int
add_sum(struct release *r, const struct sum *sum, const char **why)
{
	const struct sum *known = find_sum(r, sum->name);

	if (known != NULL && strcmp(known->hex, sum->hex) != 0) {
		*why = "another checksum of a file that is there already";
		return -1;
	}
	if (known != NULL)
		return 0;
	r->sums = xreallocarray(r->sums, r->n + 1, sizeof(*r->sums));
	r->sums[r->n++] = *sum;
	return 0;
}

static int
read_sums(struct release *r, const char *text, size_t len, struct error *e)
{
	unsigned line = 0;
	const char *why = NULL;
	struct sum sum;
	int rc;

	while (len > 0) {
		line++;
		rc = sum_next(&text, &len, &sum, &why);
		if (rc == 1)
			rc = add_sum(r, &sum, &why);
		if (rc == -1)
			return error_set(e, EX_CONFIG, "%s:%u: %s; it is the "
			    "SHA256SUMS of a release, as sha256sum(1) writes "
			    "it", r->path, line, why);
	}
	return 0;
}

int
release_load(const struct gateway_config *c, struct release *r,
    struct error *e)
{
	char *text;
	size_t len;
	int rc;

	*r = (struct release){ .base_url = c->base_url };
	if (c->sums == NULL)
		return 0;
	if ((text = file_read(c->sums, SUMS_MAX, &len, NULL)) == NULL)
		return error_set(e, EX_CONFIG, "[release] sums: cannot read "
		    "%s: %s", c->sums, strerror(errno));
	r->path = xstrdup(c->sums);
	rc = read_sums(r, text, len, e);
	free(text);
	if (rc == -1)
		release_free(r);
	return rc;
}

void
release_free(struct release *r)
{
	free(r->path);
	free(r->sums);
	*r = (struct release){ .n = 0 };
}

/* --- what is said of it ------------------------------------------- */

/* The name of a snippet's artefact, for a kind of machine. */
static char *
artefact_name(const struct snippet *s, const char *kind)
{
	const char *at = strchr(s->artefact, '@');

	if (s->artefact[0] != '-')
		return xstrdup(s->artefact);
	if (at == NULL)
		return xasprintf("orthrus-%s%s", PACKAGE_VERSION, s->artefact);
	return xasprintf("orthrus-%s%.*s%s%s", PACKAGE_VERSION,
	    (int)(at - s->artefact), s->artefact, kind, at + 1);
}

/* Those kinds of machines that the list has it for; how many lines. */
static size_t
print_sums(const struct release *r, const struct snippet *s, bool prints)
{
	static const char *const kinds[] = { KINDS };
	size_t i, found = 0, n = strchr(s->artefact, '@') != NULL ?
	    sizeof(kinds) / sizeof(kinds[0]) : 1;
	const struct sum *sum;
	char *name;

	for (i = 0; i < n; i++) {
		name = artefact_name(s, kinds[i]);
		if ((sum = find_sum(r, name)) != NULL) {
			found++;
			if (prints)
				printf("#\t%s  %s\n", sum->hex, sum->name);
		}
		free(name);
	}
	return found;
}

/* The checksum is looked at by eye. */
static void
print_plain(const struct snippet *s)
{
	char *name = artefact_name(s, "ARCH");

	printf("# Needs %s of the release.  Whether a download\n"
	    "# is whole, \"sha256sum FILE\" shows: its SHA256SUMS has the "
	    "same line.\n#\n", name);
	free(name);
}

static void
print_fetch(const struct release *r, const struct snippet *s)
{
	char *name = artefact_name(s, "$a");

	if (strchr(s->artefact, '@') != NULL)
		printf("#\tcase $(uname -m) in x86_64) a=amd64;; "
		    "aarch64|arm64) a=arm64;;\n#\t*) a=armhf;; esac\n");
	printf("#\tf=%s\n", name);
	if (r->base_url != NULL)
		printf("#\tcurl -fLO \"%s/$f\"\n", r->base_url);
	free(name);
}

void
release_print(const struct release *r, const struct snippet *s)
{
	bool listed = print_sums(r, s, false) > 0;
	const char *tool = s->artefact[0] == '-' ? "sha256sum" :
	    "shasum -a 256";

	if (!listed && r->path != NULL) {
		char *name = artefact_name(s, "ARCH");

		fprintf(stderr, "charon snippet: warning: %s has no %s\n",
		    r->path, name);
		free(name);
	}
	if (!listed && r->base_url == NULL) {
		print_plain(s);
		return;
	}
	printf("# To have it%s:\n#\n", listed ? ", and to see that it is "
	    "whole" : "; SHA256SUMS of the release has the same sum");
	print_fetch(r, s);
	if (listed) {
		printf("#\tgrep \"  $f\\$\" <<'END' | %s -c - &&\n", tool);
		print_sums(r, s, true);
		printf("#\tEND\n#\t    %s\n#\n", s->then);
	} else
		printf("#\t%s \"$f\"\n#\t%s\n#\n", tool, s->then);
}
