# Sources of the pure parsers.
liborthrus_a_SOURCES += \
	src/proto/allow.c \
	src/proto/egress.c \
	src/proto/server.c \
	src/proto/socks5.c \
	src/proto/spec.c \
	src/proto/wire.c
