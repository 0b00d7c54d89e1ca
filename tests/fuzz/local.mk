# SPDX-License-Identifier: ISC
# Fuzzers.  With --enable-fuzzers each is a libFuzzer program, which never ends
# and so is no test; else each replays its corpus in "make check".
fuzzers =
if FUZZERS
noinst_PROGRAMS += $(fuzzers)
fuzz_main =
fuzz_ldflags = $(AM_LDFLAGS) $(FUZZER_LDFLAGS)
else
check_PROGRAMS += $(fuzzers)
fuzz_main = tests/fuzz/replay.c
fuzz_ldflags = $(AM_LDFLAGS)
TESTS += tests/fuzz/replay.sh
endif
dist_check_SCRIPTS += tests/fuzz/replay.sh

fuzzers += tests/fuzz/fuzz_server
tests_fuzz_fuzz_server_SOURCES = tests/fuzz/fuzz_server.c $(fuzz_main)
tests_fuzz_fuzz_server_LDFLAGS = $(fuzz_ldflags)

fuzzers += tests/fuzz/fuzz_allow
tests_fuzz_fuzz_allow_SOURCES = tests/fuzz/fuzz_allow.c $(fuzz_main)
tests_fuzz_fuzz_allow_LDFLAGS = $(fuzz_ldflags)

fuzzers += tests/fuzz/fuzz_dial_stdio
tests_fuzz_fuzz_dial_stdio_SOURCES = tests/fuzz/fuzz_dial_stdio.c $(fuzz_main)
tests_fuzz_fuzz_dial_stdio_LDFLAGS = $(fuzz_ldflags)

fuzzers += tests/fuzz/fuzz_egress
tests_fuzz_fuzz_egress_SOURCES = tests/fuzz/fuzz_egress.c $(fuzz_main)
tests_fuzz_fuzz_egress_LDFLAGS = $(fuzz_ldflags)

fuzzers += tests/fuzz/fuzz_socks5
tests_fuzz_fuzz_socks5_SOURCES = tests/fuzz/fuzz_socks5.c $(fuzz_main)
tests_fuzz_fuzz_socks5_LDFLAGS = $(fuzz_ldflags)

fuzzers += tests/fuzz/fuzz_spec
tests_fuzz_fuzz_spec_SOURCES = tests/fuzz/fuzz_spec.c $(fuzz_main)
tests_fuzz_fuzz_spec_LDFLAGS = $(fuzz_ldflags)

fuzzers += tests/fuzz/fuzz_ini
tests_fuzz_fuzz_ini_SOURCES = tests/fuzz/fuzz_ini.c $(fuzz_main)
tests_fuzz_fuzz_ini_LDFLAGS = $(fuzz_ldflags)

fuzzers += tests/fuzz/fuzz_known_hosts
tests_fuzz_fuzz_known_hosts_SOURCES = tests/fuzz/fuzz_known_hosts.c $(fuzz_main)
tests_fuzz_fuzz_known_hosts_LDFLAGS = $(fuzz_ldflags)

fuzzers += tests/fuzz/fuzz_muzzle_request
tests_fuzz_fuzz_muzzle_request_SOURCES = \
	tests/fuzz/fuzz_muzzle_request.c $(fuzz_main)
tests_fuzz_fuzz_muzzle_request_LDFLAGS = $(fuzz_ldflags)

fuzzers += tests/fuzz/fuzz_muzzle_answer
tests_fuzz_fuzz_muzzle_answer_SOURCES = \
	tests/fuzz/fuzz_muzzle_answer.c $(fuzz_main)
tests_fuzz_fuzz_muzzle_answer_LDFLAGS = $(fuzz_ldflags)

fuzzers += tests/fuzz/fuzz_muzzle_policy
tests_fuzz_fuzz_muzzle_policy_SOURCES = \
	tests/fuzz/fuzz_muzzle_policy.c $(fuzz_main)
tests_fuzz_fuzz_muzzle_policy_LDFLAGS = $(fuzz_ldflags)

fuzzers += tests/fuzz/fuzz_redact
tests_fuzz_fuzz_redact_SOURCES = tests/fuzz/fuzz_redact.c $(fuzz_main)
tests_fuzz_fuzz_redact_LDFLAGS = $(fuzz_ldflags)

fuzzers += tests/fuzz/fuzz_certificate
tests_fuzz_fuzz_certificate_SOURCES = tests/fuzz/fuzz_certificate.c $(fuzz_main)
tests_fuzz_fuzz_certificate_LDFLAGS = $(fuzz_ldflags)

fuzzers += tests/fuzz/fuzz_leash
tests_fuzz_fuzz_leash_SOURCES = tests/fuzz/fuzz_leash.c $(fuzz_main)
tests_fuzz_fuzz_leash_LDFLAGS = $(fuzz_ldflags)

fuzzers += tests/fuzz/fuzz_frames
tests_fuzz_fuzz_frames_SOURCES = tests/fuzz/fuzz_frames.c \
	tests/unit/memory_endpoint.c tests/unit/memory_endpoint.h $(fuzz_main)
tests_fuzz_fuzz_frames_LDFLAGS = $(fuzz_ldflags)

# Its own far end stands in for packet.c.
fuzzers += tests/fuzz/fuzz_mux
tests_fuzz_fuzz_mux_SOURCES = tests/fuzz/fuzz_mux.c tests/fuzz/mux_law.c \
	tests/fuzz/mux_law.h tests/unit/fake_peer.c tests/unit/fake_peer.h \
	tests/unit/memory_endpoint.c tests/unit/memory_endpoint.h $(fuzz_main)
tests_fuzz_fuzz_mux_LDFLAGS = $(fuzz_ldflags) -Wl,--wrap=clock_us

fuzzers += tests/fuzz/fuzz_mux_server
tests_fuzz_fuzz_mux_server_SOURCES = \
	tests/fuzz/fuzz_mux_server.c tests/fuzz/mux_law.c \
	tests/fuzz/mux_law.h tests/unit/fake_peer.c tests/unit/fake_peer.h \
	tests/unit/memory_endpoint.c tests/unit/memory_endpoint.h $(fuzz_main)
tests_fuzz_fuzz_mux_server_LDFLAGS = $(fuzz_ldflags) -Wl,--wrap=clock_us
