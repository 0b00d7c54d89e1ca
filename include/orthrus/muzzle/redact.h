/* SPDX-License-Identifier: ISC */
/*
 * Takes secrets out of a Docker engine's JSON: environments, the options of
 * volumes, passwords in URLs, wherever in the document they stand.
 *
 * A filter in one pass: bytes go in as they arrive and come out with "***" for
 * each secret, and all else as it was, to the blank.  It needs no more memory
 * for a large document than for a small one: 8 KiB for what is open, and
 * 32 KiB for a string that arrives in parts.
 */
#ifndef ORTHRUS_MUZZLE_REDACT_H
#define ORTHRUS_MUZZLE_REDACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "orthrus/base/mem.h"

/* Arrays and objects within each other; what is deeper is not passed on. */
#define REDACT_DEPTH_MAX 2048

struct redactor;

/*
 * For one document, or with many for a stream of them, one after the other, as
 * an engine's events are: none is also fine, and so are the marks of RFC 7464
 * between them.  reveal lists variables that stay readable, see names.h, and
 * stays the caller's until redactor_free().
 */
struct redactor *redactor_new(const char *reveal, bool many);
void redactor_free(struct redactor *r);		/* NULL: nothing */

/*
 * Goes through n bytes and appends to out what may be seen by now: all of it
 * but a string or the end of one that has to be seen whole, so of a document
 * that has ended all.  0, or -1 when
 * this is no JSON (RFC 8259) or nested too deep, and when out is full; what is
 * in out then is not the whole document and must not pass for it.
 *
 * By the name of a member, in any object:
 *	"Env"		of each "NAME=value" the value, but for names in
 *			reveal; one without '=' stays; what is neither a string
 *			nor a list of strings is masked all through
 *	"CreateCommand"	(podman) of each argument what follows its '='
 *	"Options"	all but "type" and "device", for drivers have a
 *			"password" beside "o"; a device with '@', ',' or '=' as
 *			well; in a list what follows a '='.  A network's stay:
 *			"com.docker.network..." and a few that are known
 *	"DriverOpts"	the same
 *	"LogConfig"	in its "Config", however deep, what has token, url,
 *			key, pass, secret, credential, auth or dsn in its name
 *	"ProcessConfig"	(of an exec) in its "env", however written, as in
 *			"Env"; in its "arguments" as in "CreateCommand"
 *	"HttpProxy", "HttpsProxy"	what stands before the '@'
 * By its look, in any string, for it may be in "CreatedBy", "Cmd", "Args",
 * "Command", "OnBuild", "Error", a label or a mount:
 *	"ENV NAME=value ...", "ARG NAME=value ...", alone or behind "#(nop)",
 *			"ONBUILD": all behind the first name, because values
 *			stand there without their quotes
 *	"|N NAME=value ... /bin/sh -c ...", build arguments: all between the
 *			first name and the command; also as a list of strings
 *	"exec_create: COMMAND", "exec_start: ...", as events say it: all behind
 *			the first '=', for "env NAME=value" has lost its quotes
 *	"mount ..., data: OPTIONS: reason": a volume that could not be mounted
 *	"scheme://USER:PASSWORD@": user and password; of http and https also a
 *			user alone, which is a token
 * A member that stands twice in an object is masked twice, a string with bytes
 * that are no UTF-8 or with \u0000 like any other, a number of any size passes.
 *
 * In a string of more than 32 KiB all behind the first secret is masked, and
 * all of an instruction or a URL of which so much does not show where its
 * secret begins.
 *
 * Other labels, command lines, and what a container itself writes stay as they
 * are.
 */
int redactor_feed(struct redactor *r, const uint8_t *p, size_t n,
    struct buffer *out);
/* Was that the whole document, the last one?  0, or -1: something is missing. */
int redactor_end(const struct redactor *r);

#endif
