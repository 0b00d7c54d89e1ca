# SPDX-License-Identifier: ISC
# Transport: each kind yields bytes to and from the other end.
liborthrus_a_SOURCES += \
	src/transport/bind.c \
	src/transport/command.c \
	src/transport/command_private.h \
	src/transport/command_service.c \
	src/transport/dial.c \
	src/transport/dial_elsewhere.c \
	src/transport/dial_private.h \
	src/transport/dial_service.c \
	src/transport/dial_service.h \
	src/transport/endpoint.c \
	src/transport/handshake.c \
	src/transport/listener.c \
	src/transport/open.c \
	src/transport/proxy.c \
	src/transport/resolve.c \
	src/transport/resolve.h \
	src/transport/tls.c \
	src/transport/tls_certificate.c \
	src/transport/tls_client.c \
	src/transport/tls_elsewhere.c \
	src/transport/tls_handshake.c \
	src/transport/tls_private.h \
	src/transport/tls_server.c \
	src/transport/tls_sign.c \
	src/transport/transport.c \
	src/transport/websocket.c \
	src/transport/websocket_client.c \
	src/transport/websocket_private.h \
	src/transport/websocket_server.c

# Only charon asks which addresses are its own.
if LINUX
liborthrus_a_SOURCES += src/transport/own.c
endif
