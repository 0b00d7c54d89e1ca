# SPDX-License-Identifier: ISC
# HTTP/1.1: messages, the side that is asked, and the side that asks.
liborthrus_a_SOURCES += \
	src/http/caller.c \
	src/http/conn.c \
	src/http/conn.h \
	src/http/conn_endpoint.c \
	src/http/conn_requests.c \
	src/http/get.c \
	src/http/message.c \
	src/http/reader.c \
	src/http/reply.c \
	src/http/server.c \
	src/http/upstream.c \
	src/http/web.c \
	src/http/write.c
