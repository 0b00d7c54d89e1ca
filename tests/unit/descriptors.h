/* SPDX-License-Identifier: ISC */
/* Counts descriptors, so that a test sees one that was left open. */
#ifndef ORTHRUS_TESTS_DESCRIPTORS_H
#define ORTHRUS_TESTS_DESCRIPTORS_H

/* How many this process has open, and a constant more. */
unsigned open_descriptors(void);

#endif
