/* SPDX-License-Identifier: ISC */
/* See libraries.h. */
#include "config.h"

#include "orthrus/base/libraries.h"

#include <stddef.h>

#include <event2/event.h>
#include <jansson.h>
#include <openssl/crypto.h>
#include <protobuf-c/protobuf-c.h>
#include <sodium.h>
#include <wslay/wslayver.h>
#include <zlib.h>

#ifdef HAVE_SECCOMP
#include <seccomp.h>
#endif
#ifdef __GLIBC__
#include <gnu/libc-version.h>
#endif

void
libraries_print(FILE *f, const char *more)
{
	const char *other = ORTHRUS_LINKED;
#ifdef HAVE_SECCOMP
	const struct scmp_version *seccomp = seccomp_version();
#endif

	fprintf(f, "OpenSSL %s\n", OpenSSL_version(OPENSSL_VERSION_STRING));
	fprintf(f, "libsodium %s\n", sodium_version_string());
	fprintf(f, "libevent %s\n", event_get_version());
	fprintf(f, "jansson %s\n", jansson_version_str());
	fprintf(f, "protobuf-c %s\n", protobuf_c_version());
	fprintf(f, "zlib %s\n", zlibVersion());
	fprintf(f, "inih %s\n", INIH_VERSION);
	fprintf(f, "wslay %s\n", WSLAY_VERSION);
#ifdef HAVE_SECCOMP
	if (seccomp != NULL)
		fprintf(f, "libseccomp %u.%u.%u\n", seccomp->major,
		    seccomp->minor, seccomp->micro);
#endif
	if (more != NULL)
		fprintf(f, "%s\n", more);
#ifdef __GLIBC__
	fprintf(f, "glibc %s\n", gnu_get_libc_version());
#endif
	if (*other != '\0')
		fprintf(f, "%s\n", other);
}
