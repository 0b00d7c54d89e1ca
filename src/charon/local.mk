# SPDX-License-Identifier: ISC
# The program charon: its commands.
liborthrus_a_SOURCES += \
	src/charon/agent_cmd.c \
	src/charon/agent_list.c \
	src/charon/agent_live.c \
	src/charon/agent_port.c \
	src/charon/agent_script.c \
	src/charon/agent_show.c \
	src/charon/check_cmd.c \
	src/charon/cli.c \
	src/charon/cli.h \
	src/charon/client_cmd.c \
	src/charon/commands.h \
	src/charon/complete_cmd.c \
	src/charon/fingerprint_cmd.c \
	src/charon/install_cmd.c \
	src/charon/listing.c \
	src/charon/listing.h \
	src/charon/release.c \
	src/charon/serve_cmd.c \
	src/charon/snippet.h \
	src/charon/snippet_cmd.c \
	src/charon/snippet_offer.c \
	src/charon/snippet_texts.c \
	src/charon/status_cmd.c \
	src/charon/table.c
