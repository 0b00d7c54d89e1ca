/* SPDX-License-Identifier: ISC */
/*
 * The pure half of host key checking: finds a host's key in the text of an
 * OpenSSH known_hosts file, sshd(8).
 */
#include "known_hosts.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sodium.h>

#include "orthrus/base/address.h"
#include "orthrus/proto/certificate.h"

#define SSH_PORT 22
#define BLOB_MAX 4096		/* an RSA key of 16,384 bits has 2,071 bytes */
#define SHA1_LEN 20

struct field {
	const char *p;
	size_t n;
};

static bool
is_field_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static bool
field_is(struct field s, const char *text)
{
	return s.n == strlen(text) && memcmp(s.p, text, s.n) == 0;
}

/* Cuts the next word off *rest; empty at its end. */
static struct field
next_field(struct field *rest)
{
	struct field word;

	while (rest->n > 0 && is_field_space(*rest->p)) {
		rest->p++;
		rest->n--;
	}
	word.p = rest->p;
	word.n = 0;
	while (rest->n > 0 && !is_field_space(*rest->p)) {
		rest->p++;
		rest->n--;
		word.n++;
	}
	return word;
}

/* Cuts what stands before the next c (or all of it) off *rest. */
static struct field
next_part(struct field *rest, char c)
{
	struct field part = *rest;
	const char *at = memchr(rest->p, c, rest->n);

	if (at == NULL) {
		rest->p += rest->n;
		rest->n = 0;
	} else {
		part.n = (size_t)(at - rest->p);
		rest->p = at + 1;
		rest->n -= part.n + 1;
	}
	return part;
}

static size_t
base64_decode(struct field text, uint8_t *out, size_t max)
{
	size_t n;

	if (sodium_base642bin(out, max, text.p, text.n, NULL, &n, NULL,
	    sodium_base64_VARIANT_ORIGINAL) != 0)
		return 0;
	return n;
}

/*
 * Matches '*' and '?', without regard to case.  It goes back to the last '*'
 * only, so that no pattern takes exponential time.
 */
static bool
pattern_match(struct field pattern, const char *s)
{
	size_t p = 0, star = SIZE_MAX, i = 0, from = 0, len = strlen(s);
	char c;

	while (i < len) {
		c = p < pattern.n ? pattern.p[p] : '\0';
		if (p < pattern.n && c == '*') {
			star = p++;
			from = i;
		} else if (p < pattern.n && (c == '?' ||
		    strncasecmp(&c, s + i, 1) == 0)) {
			p++;
			i++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			i = ++from;
		} else
			return false;
	}
	while (p < pattern.n && pattern.p[p] == '*')
		p++;
	return p == pattern.n;
}

/* "|1|salt|hash", both base64, hash being HMAC-SHA1(salt, name). */
static bool
hashed_match(struct field field, const char *name)
{
	uint8_t salt[SHA1_LEN], hash[SHA1_LEN], mac[EVP_MAX_MD_SIZE];
	unsigned maclen = 0;
	struct field magic, part;

	next_part(&field, '|');		/* what stands before the first '|' */
	magic = next_part(&field, '|');
	if (!field_is(magic, "1"))
		return false;
	part = next_part(&field, '|');
	if (base64_decode(part, salt, sizeof(salt)) != sizeof(salt) ||
	    base64_decode(field, hash, sizeof(hash)) != sizeof(hash))
		return false;
	if (HMAC(EVP_sha1(), salt, (int)sizeof(salt), (const uint8_t *)name,
	    strlen(name), mac, &maclen) == NULL || maclen != sizeof(hash))
		return false;
	return memcmp(mac, hash, sizeof(hash)) == 0;
}

bool
known_hosts_pattern(const char *pattern, size_t n, const char *host)
{
	return pattern_match((struct field){ pattern, n }, host);
}

/* True when the first field of a line is about name. */
static bool
hosts_match(struct field hosts, const char *name)
{
	struct field pattern;
	bool found = false, negated;

	if (hosts.n > 0 && hosts.p[0] == '|')
		return hashed_match(hosts, name);
	while (hosts.n > 0) {
		pattern = next_part(&hosts, ',');
		negated = pattern.n > 0 && pattern.p[0] == '!';
		if (negated) {
			pattern.p++;
			pattern.n--;
		}
		if (pattern.n > 0 && pattern_match(pattern, name)) {
			if (negated)
				return false;
			found = true;
		}
	}
	return found;
}

/* A key's blob starts with its type as an SSH string. */
static bool
blob_has_type(const uint8_t *blob, size_t n, struct field type)
{
	return type.n > 0 && type.n < 256 && n > 4 + type.n &&
	    blob[0] == 0 && blob[1] == 0 && blob[2] == 0 &&
	    blob[3] == type.n && memcmp(blob + 4, type.p, type.n) == 0;
}

enum marker { MARK_NONE, MARK_AUTHORITY, MARK_REVOKED, MARK_UNKNOWN };

/* Cuts a line's marker off, where it has one. */
static enum marker
next_marker(struct field *line)
{
	struct field rest = *line, word = next_field(&rest);

	if (word.n == 0 || word.p[0] != '@')
		return MARK_NONE;
	*line = rest;
	return field_is(word, "@revoked") ? MARK_REVOKED :
	    field_is(word, "@cert-authority") ? MARK_AUTHORITY : MARK_UNKNOWN;
}

/* What is looked for. */
struct wanted {
	char name[HOST_MAX + 16];
	uint8_t blob[BLOB_MAX];
	size_t len;
	bool authority;
};

/* What a key says that is there for the host. */
static enum known_host
judge_known_key(enum marker marker, const struct wanted *want,
    struct field type, const uint8_t *blob, size_t n)
{
	bool same = n == want->len && memcmp(blob, want->blob, n) == 0;

	if (marker == MARK_REVOKED)
		return same ? KNOWN_HOST_REVOKED : KNOWN_HOST_NONE;
	if ((marker == MARK_AUTHORITY) != want->authority)
		return KNOWN_HOST_NONE;
	if (same)
		return KNOWN_HOST_MATCH;
	return want->authority || field_is(type, KEY_TYPE_NAME) ?
	    KNOWN_HOST_CHANGED : KNOWN_HOST_OTHER_TYPE;
}

static enum known_host
check_known_hosts_line(struct field line, const struct wanted *want)
{
	uint8_t blob[BLOB_MAX];
	struct field hosts, type;
	enum marker marker = next_marker(&line);
	size_t n;

	hosts = next_field(&line);
	if (hosts.n == 0 || (marker == MARK_NONE && hosts.p[0] == '#') ||
	    marker == MARK_UNKNOWN || !hosts_match(hosts, want->name))
		return KNOWN_HOST_NONE;
	type = next_field(&line);
	n = base64_decode(next_field(&line), blob, sizeof(blob));
	return !blob_has_type(blob, n, type) ? KNOWN_HOST_NONE :
	    judge_known_key(marker, want, type, blob, n);
}

/*
 * Writes the name as it stands in a file: lower case, "[host]:port" if not 22.
 */
static void
lookup_name(const char *host, uint16_t port, char *name, size_t size)
{
	if (port == SSH_PORT)
		snprintf(name, size, "%s", host);
	else
		snprintf(name, size, "[%s]:%u", host, (unsigned)port);
	for (; *name != '\0'; name++)
		if (*name >= 'A' && *name <= 'Z')
			*name = (char)(*name - 'A' + 'a');
}

/* The line that counts most; of those that count the same, the first. */
static enum known_host
look_through(const char *text, size_t len, const struct wanted *want,
    unsigned *line)
{
	enum known_host found, best = KNOWN_HOST_NONE;
	struct field rest = { text, len };
	unsigned number = 0;

	*line = 0;
	while (rest.n > 0 && best != KNOWN_HOST_REVOKED) {
		number++;
		found = check_known_hosts_line(next_part(&rest, '\n'), want);
		if (found > best) {
			best = found;
			*line = number;
		}
	}
	return best;
}

enum known_host
known_hosts_lookup(const char *text, size_t len, const char *host,
    uint16_t port, const char *key, unsigned *line)
{
	struct field digits = { key, strlen(key) };
	struct wanted want = { .authority = false };

	lookup_name(host, port, want.name, sizeof(want.name));
	want.len = base64_decode(digits, want.blob, sizeof(want.blob));
	return look_through(text, len, &want, line);
}

enum known_host
known_hosts_authority(const char *text, size_t len, const char *host,
    uint16_t port, const char *ca, unsigned *line)
{
	struct field digits = { ca, ca == NULL ? 0 : strlen(ca) };
	struct wanted want = { .authority = true };

	lookup_name(host, port, want.name, sizeof(want.name));
	if (digits.n > 0)
		want.len = base64_decode(digits, want.blob, sizeof(want.blob));
	return look_through(text, len, &want, line);
}
