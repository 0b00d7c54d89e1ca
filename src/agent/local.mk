# SPDX-License-Identifier: ISC
# Sources of the program's own layer.
liborthrus_a_SOURCES += \
	src/agent/agent_leash.c \
	src/agent/agent_leash.h \
	src/agent/apply.c \
	src/agent/at_gateway.c \
	src/agent/at_gateway.h \
	src/agent/borrow.c \
	src/agent/borrow.h \
	src/agent/check_cmd.c \
	src/agent/commands.h \
	src/agent/confined.c \
	src/agent/connect_cmd.c \
	src/agent/control.c \
	src/agent/control.h \
	src/agent/doctor.h \
	src/agent/doctor_cmd.c \
	src/agent/doctor_far.c \
	src/agent/doctor_here.c \
	src/agent/doctor_identity.c \
	src/agent/doctor_server.c \
	src/agent/enroll.c \
	src/agent/enroll.h \
	src/agent/enroll_cmd.c \
	src/agent/enroll_look.c \
	src/agent/findings.c \
	src/agent/findings.h \
	src/agent/host.c \
	src/agent/host.h \
	src/agent/keygen_cmd.c \
	src/agent/lend.c \
	src/agent/muzzle_cmd.c \
	src/agent/muzzle_proxy.c \
	src/agent/muzzle_proxy.h \
	src/agent/orthrus.h \
	src/agent/reload.c \
	src/agent/renewal.c \
	src/agent/renewal.h \
	src/agent/snapshot.c \
	src/agent/status.h \
	src/agent/status_ask.c \
	src/agent/status_cmd.c \
	src/agent/status_find.c \
	src/agent/status_find.h \
	src/agent/status_print.c \
	src/agent/stdio.c \
	src/agent/stdio.h
