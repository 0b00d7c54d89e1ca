/* SPDX-License-Identifier: ISC */
/*
 * Any bytes as charon.ini: a configuration comes out exactly when nothing was
 * reported, each report is one line of text, and what comes out makes sense.
 */
#include <sys/mman.h>
#include <sys/stat.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "orthrus/base/text.h"
#include "orthrus/conf/gateway.h"

#define CHECK(ok) do { if (!(ok)) abort(); } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
count(void *arg, const char *line)
{
	CHECK(line[0] != '\0' && text_clean(line, strlen(line)));
	++*(unsigned *)arg;
}

static void
check_config(const struct gateway_config *c)
{
	size_t i;

	CHECK(c->state[0] == '/' && c->runtime[0] == '/');
	CHECK(c->host_key != NULL && c->host_key[0] != '\0');
	CHECK(c->ssh_listen.kind == ADDRESS_TCP);
	CHECK(c->http_listen.kind != ADDRESS_TCP ||
	    address_is_local(&c->http_listen));
	CHECK((c->certificate == NULL) == (c->key == NULL));
	for (i = 0; i < c->ntls_listen; i++)
		CHECK(c->certificate != NULL ||
		    address_is_local(&c->tls_listen[i]));
	CHECK(c->resume <= 3600000 && c->resume_memory >= 4 << 20);
	CHECK(c->heartbeat > 0 && c->heartbeat < c->timeout);
	CHECK(c->renew_before < c->certificate_lifetime);
	for (i = 0; i < c->negress; i++)
		CHECK(c->egress[i].low >= 1 &&
		    c->egress[i].low <= c->egress[i].high);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[64], command[] = "check", option[] = "--config";
	char *argv[] = { command, option, path, NULL };
	static bool cleared;
	struct gateway_config *c;
	unsigned reported = 0;
	int code = 0, fd;

	if (!cleared)
		cleared = clearenv() == 0;
	if (size > 64 * 1024)
		return 0;
	fd = memfd_create("fuzz", MFD_CLOEXEC);
	CHECK(fd != -1 && fchmod(fd, 0600) == 0);
	CHECK(write(fd, data, size) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	c = gateway_config_load(3, argv, count, &reported, &code);
	CHECK((c == NULL) == (reported > 0));
	if (c == NULL)
		CHECK(code == EX_CONFIG);
	else
		check_config(c);
	gateway_config_free(c);
	close(fd);
	return 0;
}
