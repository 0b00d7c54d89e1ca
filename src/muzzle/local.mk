# SPDX-License-Identifier: ISC
# The Muzzle: the Docker socket's filter.
liborthrus_a_SOURCES += \
	src/muzzle/advice.c \
	src/muzzle/advice.h \
	src/muzzle/answer.c \
	src/muzzle/answer.h \
	src/muzzle/body.c \
	src/muzzle/exchange.c \
	src/muzzle/facts.c \
	src/muzzle/filter.c \
	src/muzzle/json_text.c \
	src/muzzle/json_text.h \
	src/muzzle/muzzle.c \
	src/muzzle/muzzle_private.h \
	src/muzzle/names.c \
	src/muzzle/outcomes.c \
	src/muzzle/parameters.c \
	src/muzzle/parameters.h \
	src/muzzle/policy.c \
	src/muzzle/probe.c \
	src/muzzle/redact.c \
	src/muzzle/redact_rules.c \
	src/muzzle/redact_rules.h \
	src/muzzle/secrets.c \
	src/muzzle/secrets.h \
	src/muzzle/swarm.c \
	src/muzzle/target.c \
	src/muzzle/target.h \
	src/muzzle/way.c
