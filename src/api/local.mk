# SPDX-License-Identifier: ISC
# charon's HTTP API.
liborthrus_a_SOURCES += \
	src/api/agents.c \
	src/api/api.c \
	src/api/list.c \
	src/api/metrics.c \
	src/api/private.h \
	src/api/prometheus.c \
	src/api/prometheus.h \
	src/api/token.c
