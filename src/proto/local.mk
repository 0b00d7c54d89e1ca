# SPDX-License-Identifier: ISC
# Sources of the pure parsers.
liborthrus_a_SOURCES += \
	src/proto/allow.c \
	src/proto/auth_agent.c \
	src/proto/auth_key.c \
	src/proto/certificate.c \
	src/proto/certificate_write.c \
	src/proto/dial_stdio.c \
	src/proto/first_bytes.c \
	src/proto/egress.c \
	src/proto/key_text.c \
	src/proto/krl.c \
	src/proto/leash.c \
	src/proto/leash_encode.c \
	src/proto/possession.c \
	src/proto/private_key.c \
	src/proto/private_kind.c \
	src/proto/private_kind.h \
	src/proto/proxies.c \
	src/proto/proxy_command.c \
	src/proto/proxy_http.c \
	src/proto/proxy_socks.c \
	src/proto/proxy_talk.c \
	src/proto/proxy_url.c \
	src/proto/resume.c \
	src/proto/server.c \
	src/proto/socks5.c \
	src/proto/spec.c \
	src/proto/sums.c \
	src/proto/ssh_config.c \
	src/proto/upgrade_client.c \
	src/proto/upgrade_head.c \
	src/proto/upgrade_head.h \
	src/proto/upgrade_server.c \
	src/proto/userauth.c \
	src/proto/websocket_frames.c \
	src/proto/websocket_head.c \
	src/proto/wire.c

# The leash's messages, made where the build is from proto/leash.proto; -I. is
# always there, so that they are found as proto/leash.pb-c.h.
leash_pb = proto/leash.pb-c.c proto/leash.pb-c.h
nodist_liborthrus_a_SOURCES = $(leash_pb)
EXTRA_DIST += proto/leash.proto
BUILT_SOURCES += $(leash_pb)
CLEANFILES += $(leash_pb)

# One run makes both; whoever removed only the second gets it back.
proto/leash.pb-c.c: $(srcdir)/proto/leash.proto
	$(AM_V_GEN)$(PROTOC_C) --proto_path=$(srcdir) --c_out=. \
	    $(srcdir)/proto/leash.proto && touch proto/leash.pb-c.h
proto/leash.pb-c.h: proto/leash.pb-c.c
	@test -e $@ || { rm -f $< && \
	    $(MAKE) $(AM_MAKEFLAGS) proto/leash.pb-c.c; }

# Before anything has recorded what includes it.
src/proto/leash.$(OBJEXT) src/proto/leash_encode.$(OBJEXT): \
	proto/leash.pb-c.h
