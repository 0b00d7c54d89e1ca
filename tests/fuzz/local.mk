# SPDX-License-Identifier: ISC
# Fuzzers, two lines each.  With --enable-fuzzers each is a libFuzzer program,
# which never ends and so is no test; else each replays its corpus,
# tests/corpus/NAME for fuzz_NAME, in "make check".
fuzzers =
if FUZZERS
noinst_PROGRAMS += $(fuzzers)
fuzz_ldadd = $(FUZZER_LDFLAGS) $(LDADD)
else
check_PROGRAMS += $(fuzzers)
check_LIBRARIES += tests/fuzz/libreplay.a
tests_fuzz_libreplay_a_SOURCES = tests/fuzz/replay.c
fuzz_ldadd = tests/fuzz/libreplay.a $(LDADD)
TESTS += tests/fuzz/replay.sh
endif
dist_check_SCRIPTS += tests/fuzz/replay.sh

fuzzers += tests/fuzz/fuzz_server
tests_fuzz_fuzz_server_LDADD = $(fuzz_ldadd)

fuzzers += tests/fuzz/fuzz_resume_client
tests_fuzz_fuzz_resume_client_LDADD = $(fuzz_ldadd)

fuzzers += tests/fuzz/fuzz_resume_server
tests_fuzz_fuzz_resume_server_LDADD = $(fuzz_ldadd)

fuzzers += tests/fuzz/fuzz_allow
tests_fuzz_fuzz_allow_LDADD = $(fuzz_ldadd)

fuzzers += tests/fuzz/fuzz_dial_stdio
tests_fuzz_fuzz_dial_stdio_LDADD = $(fuzz_ldadd)
fuzzers += tests/fuzz/fuzz_first_bytes
tests_fuzz_fuzz_first_bytes_LDADD = $(fuzz_ldadd)

fuzzers += tests/fuzz/fuzz_egress
tests_fuzz_fuzz_egress_LDADD = $(fuzz_ldadd)

fuzzers += tests/fuzz/fuzz_proxy_url
tests_fuzz_fuzz_proxy_url_LDADD = $(fuzz_ldadd)

fuzzers += tests/fuzz/fuzz_proxy_talk
tests_fuzz_fuzz_proxy_talk_LDADD = $(fuzz_ldadd)

fuzzers += tests/fuzz/fuzz_proxy_command
tests_fuzz_fuzz_proxy_command_LDADD = $(fuzz_ldadd)

fuzzers += tests/fuzz/fuzz_socks5
tests_fuzz_fuzz_socks5_LDADD = $(fuzz_ldadd)

fuzzers += tests/fuzz/fuzz_wording
tests_fuzz_fuzz_wording_LDADD = $(fuzz_ldadd)

fuzzers += tests/fuzz/fuzz_spec
tests_fuzz_fuzz_spec_LDADD = $(fuzz_ldadd)

fuzzers += tests/fuzz/fuzz_ssh_config
tests_fuzz_fuzz_ssh_config_LDADD = $(fuzz_ldadd)

fuzzers += tests/fuzz/fuzz_ini
tests_fuzz_fuzz_ini_LDADD = $(fuzz_ldadd)

fuzzers += tests/fuzz/fuzz_known_hosts
tests_fuzz_fuzz_known_hosts_LDADD = $(fuzz_ldadd)

fuzzers += tests/fuzz/fuzz_muzzle_request
tests_fuzz_fuzz_muzzle_request_LDADD = $(fuzz_ldadd)

fuzzers += tests/fuzz/fuzz_muzzle_answer
tests_fuzz_fuzz_muzzle_answer_LDADD = $(fuzz_ldadd)

fuzzers += tests/fuzz/fuzz_muzzle_policy
tests_fuzz_fuzz_muzzle_policy_LDADD = $(fuzz_ldadd)

fuzzers += tests/fuzz/fuzz_muzzle_body
tests_fuzz_fuzz_muzzle_body_LDADD = $(fuzz_ldadd)

fuzzers += tests/fuzz/fuzz_muzzle_exchange
tests_fuzz_fuzz_muzzle_exchange_LDADD = $(fuzz_ldadd)

fuzzers += tests/fuzz/fuzz_redact
tests_fuzz_fuzz_redact_LDADD = $(fuzz_ldadd)

fuzzers += tests/fuzz/fuzz_redact_differential
tests_fuzz_fuzz_redact_differential_SOURCES = \
	tests/fuzz/fuzz_redact_differential.c tests/fuzz/redact_oracle.c \
	tests/fuzz/redact_oracle.h
tests_fuzz_fuzz_redact_differential_LDADD = $(fuzz_ldadd)

fuzzers += tests/fuzz/fuzz_certificate
tests_fuzz_fuzz_certificate_LDADD = $(fuzz_ldadd)

fuzzers += tests/fuzz/fuzz_leash
tests_fuzz_fuzz_leash_LDADD = $(fuzz_ldadd)

fuzzers += tests/fuzz/fuzz_frames
tests_fuzz_fuzz_frames_LDADD = $(fuzz_ldadd)

fuzzers += tests/fuzz/fuzz_command_line
tests_fuzz_fuzz_command_line_LDADD = $(fuzz_ldadd)

fuzzers += tests/fuzz/fuzz_describe
tests_fuzz_fuzz_describe_LDADD = $(fuzz_ldadd)

fuzzers += tests/fuzz/fuzz_facts
tests_fuzz_fuzz_facts_LDADD = $(fuzz_ldadd)

fuzzers += tests/fuzz/fuzz_gateway_ini
tests_fuzz_fuzz_gateway_ini_LDADD = $(fuzz_ldadd)

fuzzers += tests/fuzz/fuzz_http_reader
tests_fuzz_fuzz_http_reader_LDADD = $(fuzz_ldadd)

fuzzers += tests/fuzz/fuzz_http_server
tests_fuzz_fuzz_http_server_LDADD = $(fuzz_ldadd)

fuzzers += tests/fuzz/fuzz_key_text
tests_fuzz_fuzz_key_text_LDADD = $(fuzz_ldadd)

fuzzers += tests/fuzz/fuzz_login
tests_fuzz_fuzz_login_LDADD = $(fuzz_ldadd)

fuzzers += tests/fuzz/fuzz_options
tests_fuzz_fuzz_options_LDADD = $(fuzz_ldadd)

fuzzers += tests/fuzz/fuzz_control
tests_fuzz_fuzz_control_LDADD = $(fuzz_ldadd)

fuzzers += tests/fuzz/fuzz_status
tests_fuzz_fuzz_status_LDADD = $(fuzz_ldadd)

fuzzers += tests/fuzz/fuzz_text
tests_fuzz_fuzz_text_LDADD = $(fuzz_ldadd)

fuzzers += tests/fuzz/fuzz_upgrade
tests_fuzz_fuzz_upgrade_LDADD = $(fuzz_ldadd)

fuzzers += tests/fuzz/fuzz_websocket
tests_fuzz_fuzz_websocket_LDADD = $(fuzz_ldadd)
fuzzers += tests/fuzz/fuzz_web
tests_fuzz_fuzz_web_LDADD = $(fuzz_ldadd)

fuzzers += tests/fuzz/fuzz_wire
tests_fuzz_fuzz_wire_LDADD = $(fuzz_ldadd)

fuzzers += tests/fuzz/fuzz_krl
tests_fuzz_fuzz_krl_LDADD = $(fuzz_ldadd)

fuzzers += tests/fuzz/fuzz_message
tests_fuzz_fuzz_message_LDADD = $(fuzz_ldadd)

fuzzers += tests/fuzz/fuzz_userauth
tests_fuzz_fuzz_userauth_LDADD = $(fuzz_ldadd)

# Their own far end stands in for connection.c, packet.c and the clock.
law_sources = tests/fuzz/mux_acts.c tests/fuzz/mux_acts.h \
	tests/fuzz/mux_law.c tests/fuzz/mux_law.h $(peer_sources)

fuzzers += tests/fuzz/fuzz_mux
tests_fuzz_fuzz_mux_SOURCES = tests/fuzz/fuzz_mux.c $(law_sources)
tests_fuzz_fuzz_mux_LDFLAGS = $(peer_ldflags)
tests_fuzz_fuzz_mux_LDADD = $(fuzz_ldadd)

fuzzers += tests/fuzz/fuzz_mux_server
tests_fuzz_fuzz_mux_server_SOURCES = tests/fuzz/fuzz_mux_server.c \
	$(law_sources)
tests_fuzz_fuzz_mux_server_LDFLAGS = $(peer_ldflags)
tests_fuzz_fuzz_mux_server_LDADD = $(fuzz_ldadd)

fuzzers += tests/fuzz/fuzz_auth_agent
tests_fuzz_fuzz_auth_agent_LDADD = $(fuzz_ldadd)

fuzzers += tests/fuzz/fuzz_ask
tests_fuzz_fuzz_ask_LDADD = $(fuzz_ldadd)

fuzzers += tests/fuzz/fuzz_sums
tests_fuzz_fuzz_sums_LDADD = $(fuzz_ldadd)
