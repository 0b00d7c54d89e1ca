# SPDX-License-Identifier: ISC
# The gateway that runs.
liborthrus_a_SOURCES += \
	src/gateway/agent.c \
	src/gateway/agents.c \
	src/gateway/chores.c \
	src/gateway/copies.c \
	src/gateway/docker_stdio.c \
	src/gateway/egress.c \
	src/gateway/endpoint.c \
	src/gateway/enroll.c \
	src/gateway/front.c \
	src/gateway/front_private.h \
	src/gateway/gateway.h \
	src/gateway/leash.c \
	src/gateway/listens.c \
	src/gateway/login.c \
	src/gateway/principal.c \
	src/gateway/refused.c \
	src/gateway/route.c \
	src/gateway/serve.c \
	src/gateway/session.c \
	src/gateway/session_events.c \
	src/gateway/stream.c \
	src/gateway/tell.c \
	src/gateway/view.c \
	src/gateway/visitor.c \
	src/gateway/visitor_web.c \
	src/gateway/walls.c
