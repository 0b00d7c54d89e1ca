# SPDX-License-Identifier: ISC
# The relay: moves payload between two endpoints, knows no SSH.
liborthrus_a_SOURCES += \
	src/relay/frames.c \
	src/relay/relay.c \
	src/relay/socket.c \
	src/relay/stdio.c
