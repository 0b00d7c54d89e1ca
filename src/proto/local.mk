# Sources of the pure parsers.
liborthrus_a_SOURCES += \
	src/proto/auth_key.c \
	src/proto/certificate.c \
	src/proto/certificate_write.c \
	src/proto/key_text.c \
	src/proto/server.c \
	src/proto/socks5.c \
	src/proto/spec.c \
	src/proto/wire.c
