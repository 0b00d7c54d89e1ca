# SPDX-License-Identifier: ISC
# Transport: each kind yields a connected descriptor.
liborthrus_a_SOURCES += \
	src/transport/bind.c \
	src/transport/dial.c \
	src/transport/dial_service.c \
	src/transport/dial_service.h \
	src/transport/listener.c \
	src/transport/own.c \
	src/transport/resolve.c \
	src/transport/resolve.h
