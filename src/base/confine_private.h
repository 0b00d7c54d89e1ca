/* SPDX-License-Identifier: ISC */
/* The two kinds of walls that confine.c puts up. */
#ifndef ORTHRUS_BASE_CONFINE_PRIVATE_H
#define ORTHRUS_BASE_CONFINE_PRIVATE_H

#include "orthrus/base/confine.h"

/*
 * The sanitizers look into their own process with calls that no list has, and
 * need a dumpable one.
 */
#if defined(__SANITIZE_ADDRESS__)
#define CONFINE_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CONFINE_SANITIZED 1
#endif
#endif
#ifndef CONFINE_SANITIZED
#define CONFINE_SANITIZED 0
#endif

/*
 * confine_files.c, Landlock: the version of its interface that this kernel
 * has, from 1; else -1 with errno.
 */
int files_version(void);
/* A set of rules that allows nothing yet, or -1 with errno. */
int files_rules_new(void);
/* Allows this below path, where it is: CONFINE_ flags. */
void files_allow(int rules, const char *path, unsigned access);
/* Holds from now on: 0, or -1 with errno. */
int files_confine(int rules);

/* confine_calls.c, seccomp: NULL when it is to be had, or why it is not. */
const char *calls_missing(void);
/* Only the calls of this list work from now on: 0, or -1 with errno. */
int calls_confine(enum confine_for what);

#endif
