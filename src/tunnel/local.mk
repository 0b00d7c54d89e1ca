# SPDX-License-Identifier: ISC
# Tunnels: what is forwarded, and each forwarded stream.
liborthrus_a_SOURCES += \
	include/orthrus/tunnel/tunnel.h \
	src/tunnel/reach.c \
	src/tunnel/remote.c \
	src/tunnel/remote_socks.c \
	src/tunnel/single.c \
	src/tunnel/socks.c \
	src/tunnel/stream.c \
	src/tunnel/tunnel.c \
	src/tunnel/tunnel_private.h \
	src/tunnel/tunnels.c
