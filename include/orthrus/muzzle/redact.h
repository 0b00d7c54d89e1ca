/* SPDX-License-Identifier: ISC */
/*
 * Takes secrets out of a Docker engine's JSON: environments and the options
 * of volumes, wherever in the document they stand.
 */
#ifndef ORTHRUS_MUZZLE_REDACT_H
#define ORTHRUS_MUZZLE_REDACT_H

#include <stddef.h>
#include <stdint.h>

/* A document that is longer is not looked at, nor passed on. */
#define REDACT_MAX (8 * 1024 * 1024)

/*
 * Returns the document of n bytes at p anew, without its secrets, as a string
 * of *len bytes that the caller frees; NULL when it is not JSON (RFC 8259,
 * nothing behind it, no name twice in an object, nothing nested deeper than
 * jansson goes) or longer than REDACT_MAX.
 *
 * By the name of a member, in any object:
 *	"Env"		of each "NAME=value" the value becomes "***", but for
 *			names in reveal (names.h); one without '=' stays; what is neither a string nor a list
 *			of strings is masked all through
 *	"CreateCommand"	(podman) of each argument what follows its '='
 *	"Options"	all but "type" and "device", for drivers have a
 *			"password" beside "o"; a device with '@', ',' or '=' as
 *			well; in a list what follows a '='
 *	"DriverOpts"	the same
 *	"LogConfig"	in its "Config" what has token, url, key, pass, secret
 *			or credential in its name
 *	"HttpProxy", "HttpsProxy"	what stands before the '@'
 * By its look, in any string, for it may be in "CreatedBy", "Cmd", "Args",
 * "Command", "OnBuild" or "Error":
 *	"ENV NAME=value ...", "ARG NAME=value ...", alone or behind "#(nop)",
 *			"ONBUILD": all behind the first name, because values
 *			stand there without their quotes
 *	"|N NAME=value ... /bin/sh -c ...", build arguments: all between the
 *			first name and the command; also as a list of strings
 *	"mount ..., data: OPTIONS: reason": a volume that could not be mounted
 *
 * Labels, command lines, and what a container itself writes stay as they are.
 */
char *redact_json(const uint8_t *p, size_t n, const char *reveal,
    size_t *len);

#endif
