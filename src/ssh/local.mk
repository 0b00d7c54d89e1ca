# SPDX-License-Identifier: ISC
# SSH: the only layer that includes libssh.
liborthrus_a_SOURCES += \
	src/ssh/acceptor.c \
	src/ssh/algorithms.c \
	src/ssh/algorithms.h \
	src/ssh/channel.c \
	src/ssh/channel_endpoint.c \
	src/ssh/channel_messages.c \
	src/ssh/connection.c \
	src/ssh/connection.h \
	src/ssh/dispatch.c \
	src/ssh/global_requests.c \
	src/ssh/hostkey.c \
	src/ssh/identity.c \
	src/ssh/inbound.c \
	src/ssh/inbound_private.h \
	src/ssh/input.c \
	src/ssh/input.h \
	src/ssh/keygen.c \
	src/ssh/keygen.h \
	src/ssh/known_hosts.c \
	src/ssh/known_hosts.h \
	src/ssh/landing.c \
	src/ssh/link.c \
	src/ssh/login.c \
	src/ssh/mux.c \
	src/ssh/mux_private.h \
	src/ssh/open.c \
	src/ssh/outbound.c \
	src/ssh/output.c \
	src/ssh/output.h \
	src/ssh/pace.c \
	src/ssh/pace.h \
	src/ssh/pack.c \
	src/ssh/pack.h \
	src/ssh/packet.c \
	src/ssh/packet.h \
	src/ssh/round_trip.c \
	src/ssh/round_trip.h \
	src/ssh/selftest.c \
	src/ssh/selftest.h \
	src/ssh/session_channel.c \
	src/ssh/successor.c \
	src/ssh/turns.c \
	src/ssh/window.c \
	src/ssh/window.h
