# SPDX-License-Identifier: ISC
# How a program becomes a service, and goes again.
liborthrus_a_SOURCES += \
	src/setup/manifest.c \
	src/setup/setup.c \
	src/setup/setup_private.h \
	src/setup/systemd.c

# The units of contrib/, without what they say to who copies them by hand.
unit_texts = src/setup/unit_texts.c
nodist_liborthrus_a_SOURCES += $(unit_texts)
CLEANFILES += $(unit_texts)
units = contrib/orthrus.service contrib/orthrus-user.service \
	contrib/charon.service

src/setup/unit_texts.c: $(units) src/setup/local.mk
	$(AM_V_GEN)$(MKDIR_P) src/setup && { \
	echo '#include "orthrus/setup/setup.h"'; \
	for unit in orthrus orthrus-user charon; do \
		echo "const char setup_$${unit}_unit[] =" | tr - _; \
		sed -e '1,/^\[Unit\]/{/^#/d' -e '}' -e 's/[\\"]/\\&/g' \
		    -e 's/.*/"&\\n"/' $(srcdir)/contrib/$$unit.service; \
		echo ';'; \
	done; } >$@.new && mv $@.new $@
