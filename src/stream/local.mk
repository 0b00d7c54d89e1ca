# SPDX-License-Identifier: ISC
# Streams: an end that is there, joined with one that is awaited.
liborthrus_a_SOURCES += \
	src/stream/stream.c
