# The gateway, charon: only where libssh is linked statically.
if LIBSSH_STATIC
gateway_sources =
liborthrus_a_SOURCES += $(gateway_sources)
endif
