# SPDX-License-Identifier: ISC
# The process that holds the keys and the registry, and how it is asked.
liborthrus_a_SOURCES += \
	src/monitor/answers.c \
	src/monitor/ask.c \
	src/monitor/ask_changes.c \
	src/monitor/ca.c \
	src/monitor/certify.c \
	src/monitor/guests.c \
	src/monitor/guests.h \
	src/monitor/judge.c \
	src/monitor/keeper.c \
	src/monitor/keeper.h \
	src/monitor/key_file.c \
	src/monitor/key_file.h \
	src/monitor/message.c \
	src/monitor/message.h \
	src/monitor/monitor.c \
	src/monitor/monitor_private.h \
	src/monitor/rows.c \
	src/monitor/sockets.c \
	src/monitor/state.c \
	src/monitor/state_check.c \
	src/monitor/state_check.h \
	src/monitor/web_certificate.c
