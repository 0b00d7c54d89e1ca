# SPDX-License-Identifier: ISC
# charon's HTTP API.
liborthrus_a_SOURCES += \
	src/api/agent_metrics.c \
	src/api/agents.c \
	src/api/api.c \
	src/api/api_private.h \
	src/api/ask.c \
	src/api/list.c \
	src/api/metrics.c \
	src/api/prometheus.c \
	src/api/prometheus.h \
	src/api/token.c
