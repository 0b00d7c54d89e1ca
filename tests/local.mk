# SPDX-License-Identifier: ISC
# Tests that are scripts, and what all tests link and find in their environment.

# Every test program links this, if it does not say otherwise.
LDADD = tests/unit/libfixtures.a $(ORTHRUS_LIBS) $(CMOCKA_LIBS)

TEST_EXTENSIONS = .sh
AM_TESTS_ENVIRONMENT = \
	ORTHRUS='$(abs_builddir)/orthrus'; export ORTHRUS; \
	top_srcdir='$(abs_top_srcdir)'; export top_srcdir; \
	top_builddir='$(abs_top_builddir)'; export top_builddir; \
	: "$${ORTHRUS_SKIP_INTEGRATION:=$(ORTHRUS_SKIP_INTEGRATION)}"; \
	export ORTHRUS_SKIP_INTEGRATION;

dist_check_SCRIPTS = tests/layers.sh tests/layers_test.sh tests/listed.sh \
	tests/lint-man.sh tests/integration.sh
TESTS += tests/layers.sh tests/layers_test.sh tests/listed.sh \
	tests/lint-man.sh tests/integration.sh

# They start processes and watch the clock: alone, after all others.
tests/integration.log: $(filter-out tests/integration.log,$(TEST_LOGS))
