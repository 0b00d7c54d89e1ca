/* SPDX-License-Identifier: ISC */
/*
 * The bearer token of the HTTP API on TCP: whoever can read its file is meant
 * to use the API.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <sodium.h>

#include "orthrus/base/file.h"
#include "orthrus/base/log.h"
#include "orthrus/base/mem.h"

#include "api_private.h"

#define SCHEME "Bearer "
#define FILE_MAX 256		/* a token, and an editor's line end */

static int
make_token(const char *path, char token[TOKEN_LEN + 1], struct error *e)
{
	uint8_t secret[32];
	char line[TOKEN_LEN + 2];
	int rc;

	randombytes_buf(secret, sizeof(secret));
	sodium_bin2base64(token, TOKEN_LEN + 1, secret, sizeof(secret),
	    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	memcpy(line, token, TOKEN_LEN);
	memcpy(line + TOKEN_LEN, "\n", 2);
	rc = file_replace(path, 0600, line, TOKEN_LEN + 1, e);
	sodium_memzero(secret, sizeof(secret));
	sodium_memzero(line, sizeof(line));
	if (rc == 0)
		log_info("http: made the token for clients, %s", path);
	return rc;
}

static int
check_token(const char *path, char *text, size_t len, const struct stat *st,
    char token[TOKEN_LEN + 1], struct error *e)
{
	if (file_check_private("http token", path, st, e) == -1)
		return -1;
	while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
		len--;
	if (len != TOKEN_LEN || strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789-_") != len)
		return error_set(e, EX_CONFIG, "%s: not a token of %d "
		    "characters of base64url; remove the file and a new one "
		    "is made", path, TOKEN_LEN);
	memcpy(token, text, len);
	token[len] = '\0';
	return 0;
}

int
token_load(const char *directory, char token[TOKEN_LEN + 1],
    struct error *e)
{
	char *path = xasprintf("%s/http.token", directory), *text;
	struct stat st;
	size_t len;
	int rc;

	text = file_read(path, FILE_MAX, &len, &st);
	if (text != NULL) {
		rc = check_token(path, text, len, &st, token, e);
		sodium_memzero(text, len);
		free(text);
	} else if (errno == ENOENT)
		rc = make_token(path, token, e);
	else
		rc = error_set(e, EX_CONFIG, "cannot read the http token %s: "
		    "%s", path, strerror(errno));
	free(path);
	return rc;
}

bool
token_matches(const char *token, const char *value, size_t len)
{
	size_t n = strlen(SCHEME);

	return len == n + TOKEN_LEN && strncasecmp(value, SCHEME, n) == 0 &&
	    sodium_memcmp(value + n, token, TOKEN_LEN) == 0;
}
