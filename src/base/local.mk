# SPDX-License-Identifier: ISC
# Sources of the layer everything stands on.
liborthrus_a_SOURCES += \
	src/base/address.c \
	src/base/awake.c \
	src/base/bucket.c \
	src/base/budget.c \
	src/base/close_range.c \
	src/base/command.c \
	src/base/command_line.c \
	src/base/complete.c \
	src/base/error.c \
	src/base/file.c \
	src/base/hand.c \
	src/base/helper.c \
	src/base/libraries.c \
	src/base/log.c \
	src/base/loop.c \
	src/base/machine.c \
	src/base/loop_private.h \
	src/base/loop_watch.c \
	src/base/mem.c \
	src/base/near.c \
	src/base/notify.c \
	src/base/notify_private.h \
	src/base/os_private.h \
	src/base/printed.c \
	src/base/program.c \
	src/base/service.c \
	src/base/shown.c \
	src/base/span.c \
	src/base/terminal.c \
	src/base/text.c \
	src/base/well_known.c

# What each system does in its own way: see os.h.  A user is given up only by
# charon, which is for Linux.
if LINUX
liborthrus_a_SOURCES += \
	src/base/confine.c \
	src/base/confine_calls.c \
	src/base/confine_files.c \
	src/base/confine_private.h \
	src/base/os_at_once.c \
	src/base/os_groups_linux.c \
	src/base/os_linux.c \
	src/base/privileges.c
endif
if FREEBSD
liborthrus_a_SOURCES += \
	src/base/confine_bsd.c \
	src/base/os_at_once.c \
	src/base/os_bsd.c \
	src/base/os_freebsd.c
endif
if DARWIN
liborthrus_a_SOURCES += \
	src/base/confine_bsd.c \
	src/base/os_bsd.c \
	src/base/os_darwin.c
endif
