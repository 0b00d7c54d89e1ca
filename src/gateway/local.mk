# The gateway, charon: only where libssh is linked statically.
if LIBSSH_STATIC
gateway_sources = \
	src/gateway/ca.c \
	src/gateway/key_file.c \
	src/gateway/key_file.h \
	src/gateway/registry.c \
	src/gateway/registry_certs.c \
	src/gateway/registry_changes.c \
	src/gateway/registry_peers.c \
	src/gateway/registry_private.h \
	src/gateway/registry_schema.c \
	src/gateway/registry_sql.c \
	src/gateway/state.c
liborthrus_a_SOURCES += $(gateway_sources)
endif
