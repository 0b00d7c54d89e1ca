# SPDX-License-Identifier: ISC
# Unit tests, one program for each module, in the order of the layers.
if CMOCKA
unit_tests =
check_PROGRAMS += $(unit_tests)
TESTS += $(unit_tests)
# cmocka 2 warns of names that are the only ones that cmocka 1 has.
unit_cppflags = $(AM_CPPFLAGS) -DCMOCKA_DISABLE_DEPRECATION_WARNINGS \
	$(CMOCKA_CFLAGS)
unit_ldadd = $(ORTHRUS_LIBS) $(CMOCKA_LIBS)

unit_tests += tests/unit/test_error
tests_unit_test_error_SOURCES = tests/unit/test_error.c
tests_unit_test_error_CPPFLAGS = $(unit_cppflags)
tests_unit_test_error_LDADD = $(unit_ldadd)

unit_tests += tests/unit/test_bucket
tests_unit_test_bucket_SOURCES = tests/unit/test_bucket.c
tests_unit_test_bucket_CPPFLAGS = $(unit_cppflags)
tests_unit_test_bucket_LDADD = $(unit_ldadd)

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

unit_tests += tests/unit/test_allow
tests_unit_test_allow_SOURCES = tests/unit/test_allow.c
tests_unit_test_allow_CPPFLAGS = $(unit_cppflags)
tests_unit_test_allow_LDADD = $(unit_ldadd)

unit_tests += tests/unit/test_dial_stdio
tests_unit_test_dial_stdio_SOURCES = tests/unit/test_dial_stdio.c
tests_unit_test_dial_stdio_CPPFLAGS = $(unit_cppflags)
tests_unit_test_dial_stdio_LDADD = $(unit_ldadd)

unit_tests += tests/unit/test_egress
tests_unit_test_egress_SOURCES = tests/unit/test_egress.c
tests_unit_test_egress_CPPFLAGS = $(unit_cppflags)
tests_unit_test_egress_LDADD = $(unit_ldadd)

unit_tests += tests/unit/test_auth_key
tests_unit_test_auth_key_SOURCES = tests/unit/test_auth_key.c
tests_unit_test_auth_key_CPPFLAGS = $(unit_cppflags)
tests_unit_test_auth_key_LDADD = $(unit_ldadd)

unit_tests += tests/unit/test_key_text
tests_unit_test_key_text_SOURCES = tests/unit/test_key_text.c
tests_unit_test_key_text_CPPFLAGS = $(unit_cppflags)
tests_unit_test_key_text_LDADD = $(unit_ldadd)

unit_tests += tests/unit/test_certificate
tests_unit_test_certificate_SOURCES = tests/unit/test_certificate.c
tests_unit_test_certificate_CPPFLAGS = $(unit_cppflags)
tests_unit_test_certificate_LDADD = $(unit_ldadd)

unit_tests += tests/unit/test_leash
tests_unit_test_leash_SOURCES = tests/unit/test_leash.c
tests_unit_test_leash_CPPFLAGS = $(unit_cppflags)
tests_unit_test_leash_LDADD = $(unit_ldadd)

unit_tests += tests/unit/test_config
tests_unit_test_config_SOURCES = tests/unit/test_config.c
tests_unit_test_config_CPPFLAGS = $(unit_cppflags)
tests_unit_test_config_LDADD = $(unit_ldadd)

unit_tests += tests/unit/test_gateway_config
tests_unit_test_gateway_config_SOURCES = tests/unit/test_gateway_config.c
tests_unit_test_gateway_config_CPPFLAGS = $(unit_cppflags)
tests_unit_test_gateway_config_LDADD = $(unit_ldadd)

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

unit_tests += tests/unit/test_successor
tests_unit_test_successor_SOURCES = tests/unit/test_successor.c
tests_unit_test_successor_CPPFLAGS = $(unit_cppflags)
tests_unit_test_successor_LDADD = $(unit_ldadd)

unit_tests += tests/unit/test_renewal
tests_unit_test_renewal_SOURCES = tests/unit/test_renewal.c
tests_unit_test_renewal_CPPFLAGS = $(unit_cppflags)
tests_unit_test_renewal_LDADD = $(unit_ldadd)

unit_tests += tests/unit/test_leash_client
tests_unit_test_leash_client_SOURCES = tests/unit/test_leash_client.c \
	src/agent/leash.c
tests_unit_test_leash_client_CPPFLAGS = $(unit_cppflags)
tests_unit_test_leash_client_LDADD = $(unit_ldadd)

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

memory_sources = tests/unit/memory_endpoint.c tests/unit/memory_endpoint.h

unit_tests += tests/unit/test_wire
tests_unit_test_wire_SOURCES = tests/unit/test_wire.c
tests_unit_test_wire_CPPFLAGS = $(unit_cppflags)
tests_unit_test_wire_LDADD = $(unit_ldadd)

unit_tests += tests/unit/test_relay
tests_unit_test_relay_SOURCES = tests/unit/test_relay.c $(memory_sources)
tests_unit_test_relay_CPPFLAGS = $(unit_cppflags)
tests_unit_test_relay_LDADD = $(unit_ldadd)

unit_tests += tests/unit/test_frames
tests_unit_test_frames_SOURCES = tests/unit/test_frames.c $(memory_sources)
tests_unit_test_frames_CPPFLAGS = $(unit_cppflags)
tests_unit_test_frames_LDADD = $(unit_ldadd)
tests_unit_test_frames_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=event_add

unit_tests += tests/unit/test_socket
tests_unit_test_socket_SOURCES = tests/unit/test_socket.c $(memory_sources)
tests_unit_test_socket_CPPFLAGS = $(unit_cppflags)
tests_unit_test_socket_LDADD = $(unit_ldadd)

unit_tests += tests/unit/test_policy
tests_unit_test_policy_SOURCES = tests/unit/test_policy.c
tests_unit_test_policy_CPPFLAGS = $(unit_cppflags)
tests_unit_test_policy_LDADD = $(unit_ldadd)

unit_tests += tests/unit/test_caller
tests_unit_test_caller_SOURCES = tests/unit/test_caller.c
tests_unit_test_caller_CPPFLAGS = $(unit_cppflags)
tests_unit_test_caller_LDADD = $(unit_ldadd)

unit_tests += tests/unit/test_http
tests_unit_test_http_SOURCES = tests/unit/test_http.c
tests_unit_test_http_CPPFLAGS = $(unit_cppflags)
tests_unit_test_http_LDADD = $(unit_ldadd)

unit_tests += tests/unit/test_http_server
tests_unit_test_http_server_SOURCES = tests/unit/test_http_server.c \
	$(memory_sources)
tests_unit_test_http_server_CPPFLAGS = $(unit_cppflags)
tests_unit_test_http_server_LDADD = $(unit_ldadd)

unit_tests += tests/unit/test_upstream
tests_unit_test_upstream_SOURCES = tests/unit/test_upstream.c \
	$(memory_sources)
tests_unit_test_upstream_CPPFLAGS = $(unit_cppflags)
tests_unit_test_upstream_LDADD = $(unit_ldadd)

unit_tests += tests/unit/test_redact
tests_unit_test_redact_SOURCES = tests/unit/test_redact.c
tests_unit_test_redact_CPPFLAGS = $(unit_cppflags)
tests_unit_test_redact_LDADD = $(unit_ldadd)

unit_tests += tests/unit/test_backoff
tests_unit_test_backoff_SOURCES = tests/unit/test_backoff.c
tests_unit_test_backoff_CPPFLAGS = $(unit_cppflags)
tests_unit_test_backoff_LDADD = $(unit_ldadd)

unit_tests += tests/unit/test_connection
tests_unit_test_connection_SOURCES = tests/unit/test_connection.c \
	$(memory_sources)
tests_unit_test_connection_CPPFLAGS = $(unit_cppflags)
tests_unit_test_connection_LDADD = $(unit_ldadd)

# Their own far end stands in for packet.c.
mux_sources = $(memory_sources) tests/unit/mux_fixture.c \
	tests/unit/mux_fixture.h tests/unit/fake_peer.c tests/unit/fake_peer.h

unit_tests += tests/unit/test_mux
tests_unit_test_mux_SOURCES = tests/unit/test_mux.c $(mux_sources)
tests_unit_test_mux_CPPFLAGS = $(unit_cppflags)
tests_unit_test_mux_LDADD = $(unit_ldadd)
tests_unit_test_mux_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=clock_us

unit_tests += tests/unit/test_mux_server
tests_unit_test_mux_server_SOURCES = tests/unit/test_mux_server.c \
	$(mux_sources)
tests_unit_test_mux_server_CPPFLAGS = $(unit_cppflags)
tests_unit_test_mux_server_LDADD = $(unit_ldadd)
tests_unit_test_mux_server_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=clock_us

unit_tests += tests/unit/test_mux_requests
tests_unit_test_mux_requests_SOURCES = tests/unit/test_mux_requests.c \
	$(mux_sources)
tests_unit_test_mux_requests_CPPFLAGS = $(unit_cppflags)
tests_unit_test_mux_requests_LDADD = $(unit_ldadd)
tests_unit_test_mux_requests_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=clock_us

unit_tests += tests/unit/test_input
tests_unit_test_input_SOURCES = tests/unit/test_input.c
tests_unit_test_input_CPPFLAGS = $(unit_cppflags)
tests_unit_test_input_LDADD = $(unit_ldadd)

unit_tests += tests/unit/test_output
tests_unit_test_output_SOURCES = tests/unit/test_output.c
tests_unit_test_output_CPPFLAGS = $(unit_cppflags)
tests_unit_test_output_LDADD = $(unit_ldadd)

unit_tests += tests/unit/test_pace
tests_unit_test_pace_SOURCES = tests/unit/test_pace.c
tests_unit_test_pace_CPPFLAGS = $(unit_cppflags)
tests_unit_test_pace_LDADD = $(unit_ldadd)

unit_tests += tests/unit/test_round_trip
tests_unit_test_round_trip_SOURCES = tests/unit/test_round_trip.c
tests_unit_test_round_trip_CPPFLAGS = $(unit_cppflags)
tests_unit_test_round_trip_LDADD = $(unit_ldadd)

unit_tests += tests/unit/test_window
tests_unit_test_window_SOURCES = tests/unit/test_window.c
tests_unit_test_window_CPPFLAGS = $(unit_cppflags)
tests_unit_test_window_LDADD = $(unit_ldadd)

unit_tests += tests/unit/test_channel
tests_unit_test_channel_SOURCES = tests/unit/test_channel.c $(mux_sources)
tests_unit_test_channel_CPPFLAGS = $(unit_cppflags)
tests_unit_test_channel_LDADD = $(unit_ldadd)
tests_unit_test_channel_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=clock_us

registry_sources = tests/unit/registry_fixture.c tests/unit/registry_fixture.h

unit_tests += tests/unit/test_registry
tests_unit_test_registry_SOURCES = tests/unit/test_registry.c \
	$(registry_sources)
tests_unit_test_registry_CPPFLAGS = $(unit_cppflags)
tests_unit_test_registry_LDADD = $(unit_ldadd)

unit_tests += tests/unit/test_registry_certs
tests_unit_test_registry_certs_SOURCES = tests/unit/test_registry_certs.c \
	$(registry_sources)
tests_unit_test_registry_certs_CPPFLAGS = $(unit_cppflags)
tests_unit_test_registry_certs_LDADD = $(unit_ldadd)

unit_tests += tests/unit/test_registry_faults
tests_unit_test_registry_faults_SOURCES = tests/unit/test_registry_faults.c \
	$(registry_sources)
tests_unit_test_registry_faults_CPPFLAGS = $(unit_cppflags)
tests_unit_test_registry_faults_LDADD = $(unit_ldadd)

unit_tests += tests/unit/test_registry_full
tests_unit_test_registry_full_SOURCES = tests/unit/test_registry_full.c \
	$(registry_sources)
tests_unit_test_registry_full_CPPFLAGS = $(unit_cppflags)
tests_unit_test_registry_full_LDADD = $(unit_ldadd)

unit_tests += tests/unit/test_registry_changes
tests_unit_test_registry_changes_SOURCES = tests/unit/test_registry_changes.c \
	$(registry_sources)
tests_unit_test_registry_changes_CPPFLAGS = $(unit_cppflags)
tests_unit_test_registry_changes_LDADD = $(unit_ldadd)

unit_tests += tests/unit/test_registry_kill
tests_unit_test_registry_kill_SOURCES = tests/unit/test_registry_kill.c \
	$(registry_sources)
tests_unit_test_registry_kill_CPPFLAGS = $(unit_cppflags)
tests_unit_test_registry_kill_LDADD = $(unit_ldadd)

unit_tests += tests/unit/test_ca
tests_unit_test_ca_SOURCES = tests/unit/test_ca.c
tests_unit_test_ca_CPPFLAGS = $(unit_cppflags)
tests_unit_test_ca_LDADD = $(unit_ldadd)

unit_tests += tests/unit/test_state
tests_unit_test_state_SOURCES = tests/unit/test_state.c
tests_unit_test_state_CPPFLAGS = $(unit_cppflags)
tests_unit_test_state_LDADD = $(unit_ldadd)

unit_tests += tests/unit/test_describe
tests_unit_test_describe_SOURCES = tests/unit/test_describe.c
tests_unit_test_describe_CPPFLAGS = $(unit_cppflags)
tests_unit_test_describe_LDADD = $(unit_ldadd)

unit_tests += tests/unit/test_http_token
tests_unit_test_http_token_SOURCES = tests/unit/test_http_token.c
tests_unit_test_http_token_CPPFLAGS = $(unit_cppflags)
tests_unit_test_http_token_LDADD = $(unit_ldadd)

unit_tests += tests/unit/test_prometheus
tests_unit_test_prometheus_SOURCES = tests/unit/test_prometheus.c
tests_unit_test_prometheus_CPPFLAGS = $(unit_cppflags)
tests_unit_test_prometheus_LDADD = $(unit_ldadd)

endif
