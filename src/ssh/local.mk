# SSH: the only layer that includes libssh.
liborthrus_a_SOURCES += \
	include/orthrus/ssh/hostkey.h \
	include/orthrus/ssh/identity.h \
	include/orthrus/ssh/selftest.h \
	src/ssh/hostkey.c \
	src/ssh/identity.c \
	src/ssh/known_hosts.c \
	src/ssh/selftest.c \
	src/ssh/selftest_run.h \
	src/ssh/channel.c \
	src/ssh/link.c \
	src/ssh/mux.c \
	src/ssh/mux_private.h \
	src/ssh/packet.c \
	src/ssh/packet.h \
	src/ssh/session.c
