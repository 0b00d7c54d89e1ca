/* SPDX-License-Identifier: ISC */
/*
 * Any text as a forward specification and as an address: what is taken reads
 * back as itself, what is refused changes nothing and says why in one line.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "orthrus/proto/spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(bool ok)
{
	if (!ok)
		abort();
}

static void
check_error(const struct error *e)
{
	const char *p;

	check(e->code == EX_USAGE && e->text[0] != '\0');
	check(memchr(e->text, '\0', sizeof(e->text)) != NULL);
	for (p = e->text; *p != '\0'; p++)
		check((unsigned char)*p >= ' ' && *p != 0x7f);
}

/* Equal to the letter, where address_equal() is lenient. */
static bool
identical(const struct address *a, const struct address *b)
{
	return address_equal(a, b) && strcmp(a->host, b->host) == 0 &&
	    strcmp(a->path, b->path) == 0;
}

static void
check_listen(const struct address *a, bool remote)
{
	check(a->kind == ADDRESS_UNIX ? a->path[0] == '/' :
	    a->kind == ADDRESS_TCP && (remote || a->port != 0));
	if (a->kind == ADDRESS_TCP && strcmp(a->host, "*") != 0)
		check(host_valid(a->host, strlen(a->host)));
}

static void
check_to(const struct address *a, bool remote)
{
	if (remote && a->kind == ADDRESS_NONE)		/* SOCKS */
		return;
	check(a->kind == ADDRESS_UNIX ? a->path[0] == '/' :
	    a->kind == ADDRESS_TCP && a->port != 0 &&
	    host_valid(a->host, strlen(a->host)));
}

static bool
fuzz_spec(const char *s, bool remote, struct forward_spec *spec)
{
	struct forward_spec again, untouched;
	char text[SPEC_TEXT_MAX], twice[SPEC_TEXT_MAX];
	struct error e;

	memset(spec, 0x5a, sizeof(*spec));
	memcpy(&untouched, spec, sizeof(*spec));
	if (forward_spec_parse(s, remote, spec, &e) == -1) {
		check_error(&e);
		check(memcmp(spec, &untouched, sizeof(*spec)) == 0);
		return false;
	}
	check_listen(&spec->listen, remote);
	check_to(&spec->to, remote);
	forward_spec_format(spec, text);
	check(forward_spec_parse(text, remote, &again, &e) == 0);
	check(identical(&spec->listen, &again.listen));
	check(identical(&spec->to, &again.to));
	check(strcmp(forward_spec_format(&again, twice), text) == 0);
	return true;
}

static void
fuzz_address(const char *s, bool zero_ok)
{
	struct address a, again, untouched;
	char text[ADDRESS_TEXT_MAX], twice[ADDRESS_TEXT_MAX];
	struct error e;

	memset(&a, 0x5a, sizeof(a));
	memcpy(&untouched, &a, sizeof(a));
	if (address_parse(s, zero_ok, &a, &e) == -1) {
		check_error(&e);
		check(memcmp(&a, &untouched, sizeof(a)) == 0);
		return;
	}
	check(a.kind == ADDRESS_UNIX || a.port != 0 || zero_ok);
	address_format(&a, text);
	check(address_parse(text, zero_ok, &again, &e) == 0);
	check(identical(&a, &again));
	check(address_is_local(&a) == address_is_local(&again));
	check(strcmp(address_format(&again, twice), text) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct forward_spec local, remote;
	char *s = malloc(size + 1);
	bool taken;

	check(s != NULL);
	if (size > 0)
		memcpy(s, data, size);
	s[size] = '\0';
	s[strcspn(s, "\n")] = '\0';	/* corpus files end as text does */
	taken = fuzz_spec(s, true, &remote);
	/* Of "~/x" the side that it is on decides. */
	if (fuzz_spec(s, false, &local))
		check(strchr(s, '~') != NULL ||
		    (taken && forward_spec_equal(&local, &remote)));
	else
		check(!taken || strchr(s, '~') != NULL ||
		    remote.to.kind == ADDRESS_NONE ||
		    (remote.listen.kind == ADDRESS_TCP &&
		    remote.listen.port == 0));
	fuzz_address(s, true);
	fuzz_address(s, false);
	free(s);
	return 0;
}
