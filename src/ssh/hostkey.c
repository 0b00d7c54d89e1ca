/* SPDX-License-Identifier: ISC */
/*
 * Decides whether a server is the one that the user meant: pinned
 * fingerprints, known_hosts files, or trust on first contact.
 */
#include "orthrus/ssh/hostkey.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libssh/libssh.h>

#include "orthrus/base/address.h"
#include "orthrus/base/file.h"
#include "orthrus/base/log.h"
#include "orthrus/base/mem.h"
#include "orthrus/proto/server.h"

#include "known_hosts.h"

#define SSH_PORT 22
#define KNOWN_HOSTS_MAX (16 * 1024 * 1024)
#define DIGEST_CHARS 43		/* base64 of 32 bytes, unpadded */

static const char base64_chars[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

bool
fingerprint_valid(const char *s)
{
	if (strncmp(s, "SHA256:", 7) != 0)
		return false;
	s += 7;
	return strlen(s) == DIGEST_CHARS &&
	    strspn(s, base64_chars) == DIGEST_CHARS;
}

/* The key that the server proved, as fingerprint and base64 blob. */
static int
read_server_key(ssh_session session, char fp[FINGERPRINT_MAX], char **blob,
    struct error *e)
{
	ssh_key key = NULL;
	unsigned char *hash = NULL;
	char *text = NULL;
	size_t n;
	int r = -1;

	fp[0] = '\0';
	if (ssh_get_server_publickey(session, &key) != SSH_OK ||
	    ssh_get_publickey_hash(key, SSH_PUBLICKEY_HASH_SHA256, &hash, &n)
	    != 0 || (text = ssh_get_fingerprint_hash(
	    SSH_PUBLICKEY_HASH_SHA256, hash, n)) == NULL) {
		error_set(e, EX_NOPERM, "the server showed no host key");
		goto out;
	}
	snprintf(fp, FINGERPRINT_MAX, "%s", text);
	if (ssh_key_type(key) != SSH_KEYTYPE_ED25519) {
		error_set(e, EX_NOPERM, "the server's host key is %s; only "
		    "ssh-ed25519 is accepted",
		    ssh_key_type_to_char(ssh_key_type(key)));
		goto out;
	}
	if (ssh_pki_export_pubkey_base64(key, blob) != SSH_OK) {
		error_set(e, EX_NOPERM, "cannot read the server's host key");
		goto out;
	}
	r = 0;
out:
	ssh_string_free_char(text);
	ssh_clean_pubkey_hash(&hash);
	ssh_key_free(key);
	return r;
}

static int
check_pins(const struct hostkey_policy *policy, const char *shown,
    const char *fp, struct error *e)
{
	size_t i;

	for (i = 0; i < policy->npins; i++)
		if (strcmp(policy->pins[i], fp) == 0)
			return 0;
	if (policy->enrolling)
		return error_set(e, EX_NOPERM, "the host key of %s is %s, but "
		    "the AUTH_KEY is for the gateway whose key is %s: nothing "
		    "was sent there", shown, fp, policy->pins[0]);
	return error_set(e, EX_NOPERM, "the host key of %s is %s, which is not "
	    "among the pinned ones (host_key): refused", shown, fp);
}

/*
 * Looks into one file.  As OpenSSH does, a key that is known for the host at
 * port 22 also counts at another port, but a different key at port 22 does not
 * speak against it.
 */
static enum known_host
check_known_hosts_file(const char *path, const char *host, uint16_t port,
    const char *blob, unsigned *line, bool *unreadable)
{
	enum known_host found;
	size_t len;
	char *text = file_read(path, KNOWN_HOSTS_MAX, &len, NULL);

	*line = 0;
	if (text == NULL) {
		if (errno != ENOENT && errno != ENOTDIR) {
			log_warn("cannot read %s: %s", path, strerror(errno));
			*unreadable = true;
		}
		return KNOWN_HOST_NONE;
	}
	found = known_hosts_lookup(text, len, host, port, blob, line);
	if (found == KNOWN_HOST_NONE && port != SSH_PORT) {
		found = known_hosts_lookup(text, len, host, SSH_PORT, blob,
		    line);
		if (found == KNOWN_HOST_CHANGED)
			found = KNOWN_HOST_NONE;
	}
	free(text);
	return found;
}

/* Appends a line for the host to the file. */
static int
append_key(int fd, const char *path, const char *shown, const char *blob)
{
	off_t end = lseek(fd, 0, SEEK_END);
	char last = '\n', *line;
	int r;

	if (end == 0 && file_give_to_owner(fd, path) == -1)
		return -1;
	/* Never continue a line that somebody left unfinished. */
	if (end > 0 && pread(fd, &last, 1, end - 1) != 1)
		return -1;
	line = xasprintf("%s%s ssh-ed25519 %s\n", last == '\n' ? "" : "\n",
	    shown, blob);
	r = file_write_all(fd, line, strlen(line));
	free(line);
	return r == 0 ? fsync(fd) : -1;
}

static int
remember_host_key(const char *path, const char *shown, const char *blob,
    struct error *e)
{
	int fd, r;

	/* Such a name would be read back as a pattern or a comment. */
	if (strpbrk(shown, "*?!|#@,") != NULL)
		return error_set(e, EX_NOPERM, "cannot remember a host of the "
		    "name %s; pin its key with --host-key", shown);
	if (file_make_parents(path, e) == -1) {
		if (e != NULL)
			e->code = EX_NOPERM;
		return -1;
	}
	fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY |
	    O_NONBLOCK, 0600);
	r = fd == -1 ? -1 : append_key(fd, path, shown, blob);
	if (r == -1)
		error_set(e, EX_NOPERM, "cannot remember the host key of %s "
		    "in %s: %s", shown, path, strerror(errno));
	if (fd != -1)
		close(fd);
	return r;
}

static int
decide_unknown_key(const struct hostkey_policy *policy, const char *shown,
    const char *fp, const char *blob, bool unreadable, struct error *e)
{
	if (!policy->accept_new)
		return error_set(e, EX_NOPERM, "the host key of %s is not "
		    "known: %s; when that is the right one, add "
		    "--host-key %s", shown, fp, fp);
	if (policy->nknown_hosts == 0)
		return error_set(e, EX_NOPERM, "there is no known_hosts file "
		    "to remember the host key of %s in: %s", shown, fp);
	if (unreadable)
		return error_set(e, EX_NOPERM, "the host key of %s, %s, is not "
		    "accepted as new because a known_hosts file could not be "
		    "read", shown, fp);
	if (remember_host_key(policy->known_hosts[0], shown, blob, e) == -1)
		return -1;
	log_warn("trusting the host key of %s from now on: %s", shown, fp);
	return 0;
}

/*
 * Whoever lists several servers means one gateway, or some that are alike: by
 * another port or transport it is the same machine, with the same key.
 */
static bool
is_known_elsewhere(const struct hostkey_policy *policy, const char *blob)
{
	const struct server *other;
	bool unreadable = false;
	unsigned line;
	size_t i, j;

	for (i = 0; i < policy->nservers; i++)
		for (j = 0; j < policy->nknown_hosts; j++) {
			other = &policy->servers[i];
			if (check_known_hosts_file(policy->known_hosts[j],
			    other->host, other->port, blob, &line,
			    &unreadable) == KNOWN_HOST_MATCH)
				return true;
		}
	return false;
}

static int
check_known_hosts(const struct hostkey_policy *policy, const char *host,
    uint16_t port, const char *shown, const char *fp, const char *blob,
    struct error *e)
{
	enum known_host found;
	const char *changed = NULL;
	unsigned line, changed_line = 0;
	bool match = false, unreadable = false;
	size_t i;

	/*
	 * All files are read, for a key that one of them revokes is not
	 * allowed by another.
	 */
	for (i = 0; i < policy->nknown_hosts; i++) {
		found = check_known_hosts_file(policy->known_hosts[i], host,
		    port, blob, &line, &unreadable);
		if (found == KNOWN_HOST_REVOKED)
			return error_set(e, EX_NOPERM, "the host key of %s, "
			    "%s, is revoked in %s:%u", shown, fp,
			    policy->known_hosts[i], line);
		if (found == KNOWN_HOST_MATCH)
			match = true;
		if (found == KNOWN_HOST_CHANGED && changed_line == 0) {
			changed = policy->known_hosts[i];
			changed_line = line;
		}
	}
	if (match)
		return 0;
	if (changed_line != 0)
		return error_set(e, EX_NOPERM, "the host key of %s has "
		    "changed: it is now %s, but %s:%u holds another one. "
		    "Somebody may be in between; if not, remove that line",
		    shown, fp, changed, changed_line);
	if (!unreadable && is_known_elsewhere(policy, blob))
		return 0;
	return decide_unknown_key(policy, shown, fp, blob, unreadable, e);
}

/*
 * Remembers the key that an AUTH_KEY has vouched for, so that it is known at
 * later logins, which have no AUTH_KEY.
 */
static int
remember_pinned_key(const struct hostkey_policy *policy, const char *host,
    uint16_t port, const char *shown, const char *blob, struct error *e)
{
	bool unreadable = false;
	unsigned line;
	size_t i;

	for (i = 0; i < policy->nknown_hosts; i++)
		if (check_known_hosts_file(policy->known_hosts[i], host, port,
		    blob, &line, &unreadable) == KNOWN_HOST_MATCH)
			return 0;
	return policy->nknown_hosts == 0 ? 0 :
	    remember_host_key(policy->known_hosts[0], shown, blob, e);
}

int
hostkey_check(struct ssh_session_struct *session, const char *host,
    uint16_t port, const struct hostkey_policy *policy,
    char fp[FINGERPRINT_MAX], struct error *e)
{
	char shown[ADDRESS_TEXT_MAX], *blob = NULL;
	int r;

	if (port == SSH_PORT)
		snprintf(shown, sizeof(shown), "%s", host);
	else
		snprintf(shown, sizeof(shown), "[%s]:%u", host,
		    (unsigned)port);
	if (read_server_key(session, fp, &blob, e) == -1)
		return -1;
	if (policy->npins > 0)
		r = check_pins(policy, shown, fp, e);
	else
		r = check_known_hosts(policy, host, port, shown, fp, blob, e);
	if (r == 0 && policy->enrolling)
		r = remember_pinned_key(policy, host, port, shown, blob, e);
	ssh_string_free_char(blob);
	return r;
}
