# Sources of the program's own layer.
liborthrus_a_SOURCES += \
	src/agent/agent.h \
	src/agent/apply.c \
	src/agent/check.c \
	src/agent/connect.c \
	src/agent/control.c \
	src/agent/help.c \
	src/agent/keygen.c \
	src/agent/muzzle_cmd.c \
	src/agent/reload.c \
	src/agent/snapshot.c \
	src/agent/status.c \
	src/agent/status.h \
	src/agent/status_ask.c \
	src/agent/status_print.c
