# SPDX-License-Identifier: ISC
# The registry: who is enrolled, in SQLite, and how it is described.
liborthrus_a_SOURCES += \
	src/registry/describe.c \
	src/registry/registry.c \
	src/registry/registry_certs.c \
	src/registry/registry_changes.c \
	src/registry/registry_peers.c \
	src/registry/registry_private.h \
	src/registry/registry_schema.c \
	src/registry/registry_sql.c
