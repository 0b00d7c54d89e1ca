# SSH: the only layer that includes libssh.
liborthrus_a_SOURCES += \
	include/orthrus/ssh/hostkey.h \
	include/orthrus/ssh/identity.h \
	include/orthrus/ssh/selftest.h \
	include/orthrus/ssh/successor.h \
	src/ssh/hostkey.c \
	src/ssh/identity.c \
	src/ssh/known_hosts.c \
	src/ssh/pump.c \
	src/ssh/pump.h \
	src/ssh/selftest.c \
	src/ssh/selftest_run.h \
	src/ssh/link.c \
	src/ssh/session.c \
	src/ssh/successor.c

# The channel manager: our own over whole packets, or over libssh's channels.
if LIBSSH_STATIC
liborthrus_a_SOURCES += \
	src/ssh/acceptor.c \
	src/ssh/ask.c \
	src/ssh/channel.c \
	src/ssh/inbound.c \
	src/ssh/inbound_private.h \
	src/ssh/login.c \
	src/ssh/mux.c \
	src/ssh/mux_private.h \
	src/ssh/open.c \
	src/ssh/output.c \
	src/ssh/pace.c \
	src/ssh/pace.h \
	src/ssh/packet.c \
	src/ssh/packet.h \
	src/ssh/requests.c
else
liborthrus_a_SOURCES += \
	src/ssh/channel_public.c \
	src/ssh/mux_public.c \
	src/ssh/mux_public.h \
	src/ssh/open_public.c
endif
