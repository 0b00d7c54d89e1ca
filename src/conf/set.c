/* SPDX-License-Identifier: ISC */
/* From the text of a setting to its field in the configuration. */
#include <stdlib.h>
#include <string.h>

#include "conf.h"
#include "orthrus/base/mem.h"
#include "orthrus/base/well_known.h"
#include "orthrus/muzzle/names.h"

#define FINGERPRINT "SHA256:"
#define FINGERPRINT_LEN 43	/* base64 of 32 bytes without padding */
#define USERNAME_MAX 255	/* RFC 1929 */

#define BASE64 "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" \
	"0123456789+/"

static void *
field_of(void *c, const struct setting *s)
{
	return (char *)c + s->kw->offset;
}

void
value_replace(char **p, char *value)
{
	free(*p);
	*p = value;
}

void
setting_show_address(struct setting *s, const struct address *a)
{
	char text[ADDRESS_TEXT_MAX];

	value_replace(&s->value, xstrdup(address_format(a, text)));
}

static void
append_string(char ***v, size_t *n, const char *value)
{
	*v = xreallocarray(*v, *n + 1, sizeof(**v));
	(*v)[(*n)++] = xstrdup(value);
}

int
set_text(void *c, struct setting *s, struct error *e)
{
	if (strlen(s->value) > USERNAME_MAX)
		return error_set(e, EX_CONFIG, "has %zu bytes; at most %d "
		    "are possible", strlen(s->value), USERNAME_MAX);
	value_replace(field_of(c, s), xstrdup(s->value));
	return 0;
}

/*
 * Puts the home directory in the place of "~/", from wherever the value comes.
 */
static int
expand_path(struct setting *s, struct error *e)
{
	if (s->value[strlen(s->value) - 1] == '/')
		return error_set(e, EX_CONFIG, "\"%s\" is a directory; write "
		    "the path of a file", s->value);
	value_replace(&s->value, home_expand(s->value));
	return 0;
}

int
set_path(void *c, struct setting *s, struct error *e)
{
	if (expand_path(s, e) == -1)
		return -1;
	value_replace(field_of(c, s), xstrdup(s->value));
	return 0;
}

int
set_yes(void *c, struct setting *s, struct error *e)
{
	static const char *const words[] = { "no", "false", "off", "0",
	    "yes", "true", "on", "1" };
	bool *yes = field_of(c, s);
	size_t i;

	for (i = 0; i < 8; i++) {
		if (strcmp(s->value, words[i]) == 0) {
			*yes = i >= 4;
			value_replace(&s->value, xstrdup(*yes ? "yes" : "no"));
			return 0;
		}
	}
	return error_set(e, EX_CONFIG, "\"%s\": expected yes or no", s->value);
}

int
set_milliseconds(void *c, struct setting *s, struct error *e)
{
	return duration_parse(s->value, field_of(c, s), e);
}

int
set_name(void *config, struct setting *s, struct error *e)
{
	struct config *c = config;

	if (!name_valid(s->value))
		return error_set(e, EX_CONFIG, "\"%s\": a name has 1 to 63 of "
		    "a-z, 0-9 and -, and no - at either end%s", s->value,
		    s->origin != FROM_DEFAULT ? "" :
		    "; this host's name has not, so give one with --name");
	strcpy(c->name, s->value);
	return 0;
}

int
set_server(void *config, struct setting *s, struct error *e)
{
	struct config *c = config;
	char text[SERVER_TEXT_MAX];
	struct server server;

	if (server_parse(s->value, &server, e) == -1)
		return -1;
	c->servers = xreallocarray(c->servers, c->nservers + 1,
	    sizeof(*c->servers));
	c->servers[c->nservers++] = server;
	value_replace(&s->value, xstrdup(server_format(&server, text)));
	return 0;
}

/* A user is valid when it can stand before the '@' of a server. */
int
set_user(void *c, struct setting *s, struct error *e)
{
	struct server server;
	char *text = xasprintf("%s@host", s->value);
	int r = server_parse(text, &server, NULL);

	(void)c;
	free(text);
	if (r == -1 || strcmp(server.user, s->value) != 0)
		return error_set(e, EX_CONFIG, "\"%s\" is not a user name: "
		    "expected 1 to %d bytes without spaces, ':', '/', ',' and "
		    "brackets", s->value, USER_MAX - 1);
	return 0;
}

static void
clear_list(char **v, size_t *n)
{
	while (*n > 0)
		free(v[--*n]);
}

int
set_known_hosts(void *config, struct setting *s, struct error *e)
{
	struct config *c = config;

	if (expand_path(s, e) == -1)
		return -1;
	if (s->origin < FROM_SSH_CONFIG)	/* others may have several */
		clear_list(c->known_hosts, &c->nknown_hosts);
	append_string(&c->known_hosts, &c->nknown_hosts, s->value);
	return 0;
}

int
set_host_key(void *config, struct setting *s, struct error *e)
{
	struct config *c = config;
	const char *hash = s->value + strlen(FINGERPRINT);

	if (strncmp(s->value, FINGERPRINT, strlen(FINGERPRINT)) != 0 ||
	    strlen(hash) != FINGERPRINT_LEN ||
	    strspn(hash, BASE64) != FINGERPRINT_LEN)
		return error_set(e, EX_CONFIG, "\"%s\" is not a fingerprint: "
		    "expected SHA256: and %d letters, as \"ssh-keygen -lf "
		    "ssh_host_ed25519_key.pub\" prints on the server",
		    s->value, FINGERPRINT_LEN);
	append_string(&c->host_keys, &c->nhost_keys, s->value);
	return 0;
}

int
set_socks5(void *config, struct setting *s, struct error *e)
{
	struct config *c = config;
	struct address listen = { .kind = ADDRESS_NONE };

	c->socks5 = strcmp(s->value, "off") != 0;
	c->socks5_default = s->origin == FROM_DEFAULT;
	if (c->socks5) {
		if (address_parse(s->value, false, &listen, e) == -1)
			return -1;
		setting_show_address(s, &listen);
	}
	c->socks5_listen = listen;
	return 0;
}

/* A forward that no section names is called L1, L2 ..., R1 ... or E1 ... */
void
forward_add(struct forward_conf **v, size_t *n, char letter,
    struct setting *s, const struct forward_spec *spec, const char *canonical)
{
	struct forward_conf f;
	size_t i, number = 1;

	memset(&f, 0, sizeof(f));
	f.spec = *spec;
	if (s->label == NULL) {
		for (i = 0; i < *n; i++)
			number += (*v)[i].name[0] == letter;
		s->label = xasprintf("%c%zu", letter, number);
	}
	strncpy(f.name, s->label, sizeof(f.name) - 1);
	strncpy(f.words, s->value, sizeof(f.words) - 1);
	value_replace(&s->value, xstrdup(canonical));
	*v = xreallocarray(*v, *n + 1, sizeof(**v));
	(*v)[(*n)++] = f;
}

static int
set_forward(struct forward_conf **v, size_t *n, char letter,
    struct setting *s, struct error *e)
{
	struct forward_spec spec;
	char text[SPEC_TEXT_MAX];

	if (forward_spec_parse(s->value, letter == 'R', &spec, e) == -1)
		return -1;
	forward_add(v, n, letter, s, &spec, forward_spec_format(&spec, text));
	return 0;
}

int
set_local(void *config, struct setting *s, struct error *e)
{
	struct config *c = config;

	return set_forward(&c->local, &c->nlocal, 'L', s, e);
}

int
set_remote(void *config, struct setting *s, struct error *e)
{
	struct config *c = config;

	return set_forward(&c->remote, &c->nremote, 'R', s, e);
}

int
set_docker_socket(void *config, struct setting *s, struct error *e)
{
	struct config *c = config;
	struct address a;

	if (address_parse(s->value, false, &a, e) == -1)
		return -1;
	if (a.kind != ADDRESS_UNIX)
		return error_set(e, EX_CONFIG, "\"%s\" is not the path of a "
		    "socket, such as /var/run/docker.sock", s->value);
	value_replace(&c->docker_socket, xstrdup(a.path));
	setting_show_address(s, &a);
	return 0;
}

/* "~" is a directory here, and the socket is to be at the server. */
static int
refuse_home(const struct setting *s, struct error *e)
{
	if (s->value[0] != '~' && strncmp(s->value, "unix:~", 6) != 0)
		return 0;
	return error_set(e, EX_CONFIG, "\"%s\": the socket is at the server, "
	    "whose home directory is not known here; write its whole path",
	    s->value);
}

/*
 * "auto" is the agent's own endpoint at a gateway, elsewhere a port on the
 * server's loopback that the server chooses.
 */
int
set_docker_remote(void *config, struct setting *s, struct error *e)
{
	struct config *c = config;
	bool automatic = strcmp(s->value, "auto") == 0;
	struct address a;

	if (refuse_home(s, e) == -1)
		return -1;
	if (address_parse(automatic ? "0" : s->value, true, &a, e) == -1)
		return -1;
	if (!address_is_local(&a))
		return error_set(e, EX_CONFIG, "\"%s\": expected auto, a Unix "
		    "path or a loopback port: everyone who reaches it may "
		    "read what the filter lets through", s->value);
	c->docker_auto = automatic;
	c->docker_remote = a;
	if (!automatic)
		setting_show_address(s, &a);
	return 0;
}

int
set_docker_allow(void *config, struct setting *s, struct error *e)
{
	struct config *c = config;

	return policy_action(s->value, &c->docker_policy.actions, e);
}

int
set_docker_redact(void *config, struct setting *s, struct error *e)
{
	struct config *c = config;

	c->docker_policy.redact = strcmp(s->value, "env") == 0;
	if (c->docker_policy.redact || strcmp(s->value, "none") == 0)
		return 0;
	return error_set(e, EX_CONFIG, "\"%s\": expected env or none",
	    s->value);
}

int
set_docker_host(void *config, struct setting *s, struct error *e)
{
	struct config *c = config;
	int rc = names_add_host(&c->docker_hosts, s->value, e);

	c->docker_policy.hosts = c->docker_hosts;
	return rc;
}

int
set_docker_reveal(void *config, struct setting *s, struct error *e)
{
	struct config *c = config;
	int rc = names_add_variable(&c->docker_reveal, s->value, e);

	c->docker_policy.reveal = c->docker_reveal;
	return rc;
}

int
set_docker_registry(void *config, struct setting *s, struct error *e)
{
	struct config *c = config;
	int rc = names_add_registry(&c->docker_registries, s->value, e);

	c->docker_policy.registries = c->docker_registries;
	return rc;
}

/*
 * Takes what "%h:%p" and "[%h]:%p" become in a ProxyCommand of ssh_config(5),
 * too: an IPv6 address without brackets, and a name in them.
 */
static char *
stdio_address(const char *text)
{
	const char *colon = strrchr(text, ':');
	int len = colon == NULL ? 0 : (int)(colon - text);

	if (text[0] == '[' && len > 1 && text[len - 1] == ']' &&
	    memchr(text, ':', (size_t)len) == NULL)
		return xasprintf("%.*s%s", len - 2, text + 1, colon);
	if (text[0] != '[' && len > 0 && strncmp(text, "unix:", 5) != 0 &&
	    memchr(text, ':', (size_t)len) != NULL)
		return xasprintf("[%.*s]%s", len, text, colon);
	return xstrdup(text);
}

int
set_stdio(void *config, struct setting *s, struct error *e)
{
	struct config *c = config;
	char *text = stdio_address(s->value);
	struct address a;
	int rc = refuse_home(s, e) == -1 ? -1 : address_parse(text, false, &a,
	    e);

	free(text);
	if (rc == -1)
		return -1;
	if (a.kind == ADDRESS_TCP && strcmp(a.host, "*") == 0)
		return error_set(e, EX_CONFIG, "\"%s\" is no place to connect "
		    "to; write HOST:PORT", s->value);
	c->stdio = a;
	setting_show_address(s, &a);
	return 0;
}

int
set_control(void *config, struct setting *s, struct error *e)
{
	struct config *c = config;
	struct address a;

	if (address_parse(s->value, false, &a, e) == -1)
		return -1;
	if (!address_is_local(&a))
		return error_set(e, EX_CONFIG, "\"%s\": the status socket must "
		    "be a Unix socket or a loopback port", s->value);
	c->control = a;
	setting_show_address(s, &a);
	return 0;
}

int
set_level(void *c, struct setting *s, struct error *e)
{
	static const char *const words[] = { [LEVEL_ERROR] = "error",
	    [LEVEL_WARN] = "warn", [LEVEL_INFO] = "info",
	    [LEVEL_DEBUG] = "debug" };
	enum log_level *level = field_of(c, s);
	int i;

	for (i = LEVEL_ERROR; i <= LEVEL_DEBUG; i++) {
		if (strcmp(s->value, words[i]) == 0) {
			*level = (enum log_level)i;
			return 0;
		}
	}
	return error_set(e, EX_CONFIG,
	    "\"%s\": expected error, warn, info or debug", s->value);
}

int
set_format(void *c, struct setting *s, struct error *e)
{
	bool json = strcmp(s->value, "json") == 0;
	enum log_format *format = field_of(c, s);

	if (!json && strcmp(s->value, "text") != 0)
		return error_set(e, EX_CONFIG, "\"%s\": expected text or json",
		    s->value);
	*format = json ? LOG_JSON : LOG_TEXT;
	return 0;
}
