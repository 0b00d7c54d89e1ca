# SPDX-License-Identifier: ISC
# Sources of the program's own layer.
liborthrus_a_SOURCES += \
	src/agent/orthrus.h \
	src/agent/apply.c \
	src/agent/check.c \
	src/agent/commands.h \
	src/agent/connect.c \
	src/agent/control.c \
	src/agent/control.h \
	src/agent/enroll.c \
	src/agent/enroll.h \
	src/agent/enroll_cmd.c \
	src/agent/enroll_look.c \
	src/agent/gateway.c \
	src/agent/gateway.h \
	src/agent/host.c \
	src/agent/host.h \
	src/agent/keygen.c \
	src/agent/leash.c \
	src/agent/leash.h \
	src/agent/muzzle_cmd.c \
	src/agent/reload.c \
	src/agent/renewal.c \
	src/agent/renewal.h \
	src/agent/snapshot.c \
	src/agent/status.c \
	src/agent/status.h \
	src/agent/status_ask.c \
	src/agent/status_print.c
