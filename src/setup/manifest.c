/* SPDX-License-Identifier: ISC */
/*
 * The manifest: a line for each file that was written, "f SHA256 PATH", and for
 * each directory that was made, "d - PATH", in the order in which they were.
 */
#include "config.h"

#include "setup_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "orthrus/base/file.h"
#include "orthrus/base/mem.h"

#define MANIFEST_MAX (64 * 1024)
#define FILE_MAX (1024 * 1024)

void
digest_text(const void *p, size_t n, char digest[DIGEST_TEXT])
{
	uint8_t hash[crypto_hash_sha256_BYTES];

	crypto_hash_sha256(hash, p, n);
	sodium_bin2hex(digest, DIGEST_TEXT, hash, sizeof(hash));
}

void
digest_file(const char *path, char digest[DIGEST_TEXT])
{
	size_t n;
	char *text = file_read(path, FILE_MAX, &n, NULL);

	digest[0] = '\0';
	if (text == NULL)
		return;
	digest_text(text, n, digest);
	sodium_memzero(text, n);	/* it may be the secret */
	free(text);
}

struct entry *
manifest_find(const struct setup *s, const char *path)
{
	size_t i;

	for (i = 0; i < s->nentries; i++)
		if (strcmp(s->entries[i].path, path) == 0)
			return &s->entries[i];
	return NULL;
}

void
manifest_note(struct setup *s, const char *path, const char *digest)
{
	struct entry *e = manifest_find(s, path);

	if (e == NULL) {
		s->entries = xreallocarray(s->entries, s->nentries + 1,
		    sizeof(*s->entries));
		e = &s->entries[s->nentries++];
		e->path = xstrdup(path);
	}
	memset(e->digest, 0, sizeof(e->digest));
	if (digest != NULL)
		memcpy(e->digest, digest, DIGEST_TEXT);
}

/* One line without its end: true when it is one of a manifest. */
static bool
take_line(struct setup *s, char *line)
{
	char *digest = line + 2, *path;

	if (line[0] == '\0' || line[1] != ' ' ||
	    (path = strchr(digest, ' ')) == NULL)
		return false;
	*path++ = '\0';
	if (path[0] != '/')
		return false;
	if (line[0] == 'd' && strcmp(digest, "-") == 0)
		manifest_note(s, path, NULL);
	else if (line[0] == 'f' && strlen(digest) == DIGEST_TEXT - 1)
		manifest_note(s, path, digest);
	else
		return false;
	return true;
}

int
manifest_read(struct setup *s, struct error *e)
{
	char *text = file_read(s->manifest, MANIFEST_MAX, NULL, NULL), *line,
	    *rest = text;
	int r = 0;

	if (text == NULL)
		return errno == ENOENT ? 0 : error_set(e, EX_CONFIG, "cannot "
		    "read %s: %s", s->manifest, strerror(errno));
	while (r == 0 && (line = strsep(&rest, "\n")) != NULL)
		if (*line != '\0' && *line != '#' && !take_line(s, line))
			r = error_set(e, EX_CONFIG, "%s: this is not as \"%s "
			    "install\" has written it", s->manifest,
			    s->program);
	free(text);
	return r;
}

int
manifest_save(const struct setup *s, struct error *e)
{
	char *text = xasprintf("# What \"%s install\" has written here; \"%s "
	    "uninstall\" takes it away.\n", s->program, s->program), *more;
	const struct entry *entry;
	size_t i;
	int r;

	for (i = 0; i < s->nentries; i++) {
		entry = &s->entries[i];
		more = xasprintf("%s%c %s %s\n", text,
		    entry->digest[0] == '\0' ? 'd' : 'f',
		    entry->digest[0] == '\0' ? "-" : entry->digest,
		    entry->path);
		free(text);
		text = more;
	}
	r = file_replace(s->manifest, 0644, text, strlen(text), e);
	free(text);
	return r;
}
