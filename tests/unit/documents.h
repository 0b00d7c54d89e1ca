/* SPDX-License-Identifier: ISC */
/*
 * Answers as a Docker engine gives them, one of each route and version of the
 * API, made of docker_shapes.txt, with a secret in every string: alone where
 * its place in the document says that it is one, else where its look does.
 */
#ifndef ORTHRUS_TESTS_DOCUMENTS_H
#define ORTHRUS_TESTS_DOCUMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct document {
	char name[80];		/* "1.41 GET_/containers/json" */
	char *text;		/* JSON, an object or an array */
	size_t len;
	unsigned secrets;	/* strings that have one */
};

/*
 * Makes document i, counted from 0; false when there are no more.  Each seed
 * has other secrets in other strings.  For document_free().
 */
bool document_make(size_t i, unsigned seed, struct document *d);
void document_free(struct document *d);

/*
 * Is there a byte of a secret in the n bytes at p?  They alone are not ASCII,
 * as they are, or as \uXXXX of the Cyrillic block.
 */
bool document_tells(const uint8_t *p, size_t n);

/* Without what stands in strings, all numbers the same: for free(). */
char *document_bones(const uint8_t *p, size_t n);

#endif
