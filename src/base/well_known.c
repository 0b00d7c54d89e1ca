/* SPDX-License-Identifier: ISC */
/* See well_known.h. */
#include <arpa/inet.h>
#include <netdb.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "orthrus/base/address.h"
#include "orthrus/base/mem.h"
#include "orthrus/base/well_known.h"

#define SERVICE_MAX 32		/* with NUL; those of IANA have 15 letters */
#define REMEMBERED_MAX 16

static struct remembered {
	char name[SERVICE_MAX];
	uint16_t port;
} remembered[REMEMBERED_MAX];
static size_t nremembered;

static bool
recall_service(const char *name, uint16_t *port)
{
	size_t i;

	for (i = 0; i < nremembered; i++) {
		if (strcmp(remembered[i].name, name) == 0) {
			*port = remembered[i].port;
			return true;
		}
	}
	return false;
}

static int
find_service(const char *name, uint16_t *port)
{
	const struct servent *service;

	if (recall_service(name, port))
		return 0;
	service = getservbyname(name, "tcp");
	if (service == NULL || service->s_port == 0)
		return -1;
	*port = ntohs((uint16_t)service->s_port);
	if (nremembered < REMEMBERED_MAX) {
		strcpy(remembered[nremembered].name, name);
		remembered[nremembered++].port = *port;
	}
	return 0;
}

int
port_word_parse(const char *s, size_t len, bool zero_ok, uint16_t *port)
{
	char name[SERVICE_MAX];
	size_t i, letters = 0;

	if (port_parse(s, len, zero_ok, port) == 0)
		return 0;
	if (len >= sizeof(name))
		return -1;
	for (i = 0; i < len; i++) {
		letters += (s[i] >= 'a' && s[i] <= 'z') ||
		    (s[i] >= 'A' && s[i] <= 'Z');
		if ((unsigned char)s[i] <= ' ' ||
		    (unsigned char)s[i] >= 0x7f)
			return -1;
	}
	if (letters == 0)
		return -1;
	memcpy(name, s, len);
	name[len] = '\0';
	return find_service(name, port);
}

char *
home_directory(void)
{
	const char *home = getenv("HOME");
	const struct passwd *pw;

	if (home == NULL || home[0] != '/') {
		pw = getpwuid(geteuid());
		home = pw != NULL && pw->pw_dir[0] == '/' ? pw->pw_dir : "";
	}
	return xstrdup(strcmp(home, "/") == 0 ? "" : home);
}

char *
home_expand(const char *path)
{
	char *home, *whole;

	if (strncmp(path, "~/", 2) != 0)
		return xstrdup(path);
	home = home_directory();
	whole = xasprintf("%s%s", home, path + 1);
	free(home);
	return whole;
}
