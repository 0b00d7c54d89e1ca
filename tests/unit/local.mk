# Unit tests, one program for each module, in the order of the layers.
if CMOCKA
unit_tests =
check_PROGRAMS += $(unit_tests)
TESTS += $(unit_tests)
unit_cppflags = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
unit_ldadd = $(ORTHRUS_LIBS) $(CMOCKA_LIBS)

unit_tests += tests/unit/test_error
tests_unit_test_error_SOURCES = tests/unit/test_error.c
tests_unit_test_error_CPPFLAGS = $(unit_cppflags)
tests_unit_test_error_LDADD = $(unit_ldadd)

unit_tests += tests/unit/test_log
tests_unit_test_log_SOURCES = tests/unit/test_log.c
tests_unit_test_log_CPPFLAGS = $(unit_cppflags)
tests_unit_test_log_LDADD = $(unit_ldadd)

unit_tests += tests/unit/test_mem
tests_unit_test_mem_SOURCES = tests/unit/test_mem.c
tests_unit_test_mem_CPPFLAGS = $(unit_cppflags)
tests_unit_test_mem_LDADD = $(unit_ldadd)

unit_tests += tests/unit/test_address
tests_unit_test_address_SOURCES = tests/unit/test_address.c
tests_unit_test_address_CPPFLAGS = $(unit_cppflags)
tests_unit_test_address_LDADD = $(unit_ldadd)

unit_tests += tests/unit/test_server
tests_unit_test_server_SOURCES = tests/unit/test_server.c
tests_unit_test_server_CPPFLAGS = $(unit_cppflags)
tests_unit_test_server_LDADD = $(unit_ldadd)

unit_tests += tests/unit/test_socks5
tests_unit_test_socks5_SOURCES = tests/unit/test_socks5.c
tests_unit_test_socks5_CPPFLAGS = $(unit_cppflags)
tests_unit_test_socks5_LDADD = $(unit_ldadd)

unit_tests += tests/unit/test_spec
tests_unit_test_spec_SOURCES = tests/unit/test_spec.c
tests_unit_test_spec_CPPFLAGS = $(unit_cppflags)
tests_unit_test_spec_LDADD = $(unit_ldadd)

unit_tests += tests/unit/test_config
tests_unit_test_config_SOURCES = tests/unit/test_config.c
tests_unit_test_config_CPPFLAGS = $(unit_cppflags)
tests_unit_test_config_LDADD = $(unit_ldadd)

unit_tests += tests/unit/test_dial
tests_unit_test_dial_SOURCES = tests/unit/test_dial.c
tests_unit_test_dial_CPPFLAGS = $(unit_cppflags)
tests_unit_test_dial_LDADD = $(unit_ldadd)
tests_unit_test_dial_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=getaddrinfo

unit_tests += tests/unit/test_hostkey
tests_unit_test_hostkey_SOURCES = tests/unit/test_hostkey.c
tests_unit_test_hostkey_CPPFLAGS = $(unit_cppflags)
tests_unit_test_hostkey_LDADD = $(unit_ldadd)

unit_tests += tests/unit/test_identity
tests_unit_test_identity_SOURCES = tests/unit/test_identity.c
tests_unit_test_identity_CPPFLAGS = $(unit_cppflags)
tests_unit_test_identity_LDADD = $(unit_ldadd)

unit_tests += tests/unit/test_selftest
tests_unit_test_selftest_SOURCES = tests/unit/test_selftest.c
tests_unit_test_selftest_CPPFLAGS = $(unit_cppflags)
tests_unit_test_selftest_LDADD = $(unit_ldadd)

unit_tests += tests/unit/test_notify
tests_unit_test_notify_SOURCES = tests/unit/test_notify.c
tests_unit_test_notify_CPPFLAGS = $(unit_cppflags)
tests_unit_test_notify_LDADD = $(unit_ldadd)

unit_tests += tests/unit/test_control
tests_unit_test_control_SOURCES = tests/unit/test_control.c
tests_unit_test_control_CPPFLAGS = $(unit_cppflags)
tests_unit_test_control_LDADD = $(unit_ldadd)

endif
