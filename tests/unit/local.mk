# SPDX-License-Identifier: ISC
# Unit tests, one program for each module, in the order of the layers.  One more
# test is one more line in the list; automake finds tests/unit/NAME.c, and
# what a test uses of libfixtures.a is linked with it.
if CMOCKA
unit_tests = \
	tests/unit/test_error \
	tests/unit/test_awake \
	tests/unit/test_bucket \
	tests/unit/test_budget \
	tests/unit/test_command_line \
	tests/unit/test_log \
	tests/unit/test_loop_watch \
	tests/unit/test_confine \
	tests/unit/test_confine_bsd \
	tests/unit/test_mem \
	tests/unit/test_os \
	tests/unit/test_shown \
	tests/unit/test_address \
	tests/unit/test_server \
	tests/unit/test_proxy_url \
	tests/unit/test_proxy_command \
	tests/unit/test_proxy_talk \
	tests/unit/test_socks5 \
	tests/unit/test_spec \
	tests/unit/test_sums \
	tests/unit/test_allow \
	tests/unit/test_dial_stdio \
	tests/unit/test_first_bytes \
	tests/unit/test_web \
	tests/unit/test_egress \
	tests/unit/test_auth_key \
	tests/unit/test_key_text \
	tests/unit/test_certificate \
	tests/unit/test_krl \
	tests/unit/test_possession \
	tests/unit/test_leash \
	tests/unit/test_upgrade \
	tests/unit/test_websocket_frame \
	tests/unit/test_resume_wire \
	tests/unit/test_config \
	tests/unit/test_gateway_config \
	tests/unit/test_dial \
	tests/unit/test_own \
	tests/unit/test_listener \
	tests/unit/test_websocket \
	tests/unit/test_handshake \
	tests/unit/test_tls \
	tests/unit/test_tls_refused \
	tests/unit/test_tls_server \
	tests/unit/test_tls_tickets \
	tests/unit/test_tls_elsewhere \
	tests/unit/test_hostkey \
	tests/unit/test_identity \
	tests/unit/test_successor \
	tests/unit/test_renewal \
	tests/unit/test_leash_client \
	tests/unit/test_selftest \
	tests/unit/test_notify \
	tests/unit/test_control \
	tests/unit/test_status \
	tests/unit/test_wire \
	tests/unit/test_relay \
	tests/unit/test_frames \
	tests/unit/test_socket \
	tests/unit/test_stdio \
	tests/unit/test_advice \
	tests/unit/test_policy \
	tests/unit/test_caller \
	tests/unit/test_http \
	tests/unit/test_http_server \
	tests/unit/test_upstream \
	tests/unit/test_exchange \
	tests/unit/test_exchange_engine \
	tests/unit/test_exchange_events \
	tests/unit/test_redact \
	tests/unit/test_redact_documents \
	tests/unit/test_redact_memory \
	tests/unit/test_backoff \
	tests/unit/test_gateways \
	tests/unit/test_health_check \
	tests/unit/test_link \
	tests/unit/test_link_moves \
	tests/unit/test_link_update \
	tests/unit/test_crowd \
	tests/unit/test_penalties \
	tests/unit/test_login \
	tests/unit/test_carrier \
	tests/unit/test_connection \
	tests/unit/test_resume \
	tests/unit/test_resume_strangers \
	tests/unit/test_mux \
	tests/unit/test_mux_server \
	tests/unit/test_mux_account \
	tests/unit/test_mux_requests \
	tests/unit/test_input \
	tests/unit/test_output \
	tests/unit/test_ring \
	tests/unit/test_resume \
	tests/unit/test_resume_strangers \
	tests/unit/test_pace \
	tests/unit/test_probe \
	tests/unit/test_round_trip \
	tests/unit/test_window \
	tests/unit/test_wording \
	tests/unit/test_channel \
	tests/unit/test_tunnels \
	tests/unit/test_stream \
	tests/unit/test_route \
	tests/unit/test_gateway_stream \
	tests/unit/test_registry \
	tests/unit/test_registry_certs \
	tests/unit/test_registry_faults \
	tests/unit/test_registry_full \
	tests/unit/test_registry_changes \
	tests/unit/test_registry_kill \
	tests/unit/test_ca \
	tests/unit/test_state \
	tests/unit/test_monitor \
	tests/unit/test_describe \
	tests/unit/test_http_token \
	tests/unit/test_prometheus
check_PROGRAMS += $(unit_tests)
TESTS += $(unit_tests)
# cmocka 2 warns of names that are the only ones that cmocka 1 has.
AM_CPPFLAGS += $(CMOCKA_CFLAGS) -DCMOCKA_DISABLE_DEPRECATION_WARNINGS

# Functions of the system that a test takes over.
tests_unit_test_dial_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=getaddrinfo \
	-Wl,--wrap=timer_set
tests_unit_test_health_check_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=timer_set
tests_unit_test_frames_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=event_add
tests_unit_test_tls_tickets_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=clock_ms
tests_unit_test_probe_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=timer_set \
	-Wl,--wrap=clock_ms
tests_unit_test_redact_memory_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=xcalloc -Wl,--wrap=xreallocarray -Wl,--wrap=free
tests_unit_test_exchange_engine_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=timer_set

# What only other systems have, in front of the library's own.
tests_unit_test_confine_bsd_SOURCES = tests/unit/test_confine_bsd.c \
	src/base/confine_bsd.c

# Their sessions, checks and time, likewise.
link_sources = tests/unit/link_fixture.c tests/unit/link_fixture.h
tests_unit_test_link_SOURCES = tests/unit/test_link.c $(link_sources)
tests_unit_test_link_LDFLAGS = $(tests_unit_test_probe_LDFLAGS)
tests_unit_test_link_moves_SOURCES = tests/unit/test_link_moves.c \
	$(link_sources)
tests_unit_test_link_moves_LDFLAGS = $(tests_unit_test_probe_LDFLAGS)
tests_unit_test_link_update_SOURCES = tests/unit/test_link_update.c \
	$(link_sources)
tests_unit_test_link_update_LDFLAGS = $(tests_unit_test_probe_LDFLAGS)

resume_sources = tests/unit/resume_fixture.c tests/unit/resume_fixture.h \
	tests/unit/cut_link.c tests/unit/cut_link.h
tests_unit_test_resume_SOURCES = tests/unit/test_resume.c $(resume_sources)
tests_unit_test_resume_strangers_SOURCES = \
	tests/unit/test_resume_strangers.c $(resume_sources)

# Their own far end stands in for connection.c, packet.c and the clock, and so
# is not in libfixtures.a, where it would stand in for everybody's.
mux_sources = tests/unit/mux_fixture.c tests/unit/mux_fixture.h \
	$(peer_sources)
tests_unit_test_mux_SOURCES = tests/unit/test_mux.c $(mux_sources)
tests_unit_test_mux_LDFLAGS = $(peer_ldflags)
tests_unit_test_mux_server_SOURCES = tests/unit/test_mux_server.c \
	$(mux_sources)
tests_unit_test_mux_server_LDFLAGS = $(peer_ldflags)
tests_unit_test_mux_account_SOURCES = tests/unit/test_mux_account.c \
	$(mux_sources)
tests_unit_test_mux_account_LDFLAGS = $(peer_ldflags)
tests_unit_test_mux_requests_SOURCES = tests/unit/test_mux_requests.c \
	$(mux_sources)
tests_unit_test_mux_requests_LDFLAGS = $(peer_ldflags)
tests_unit_test_channel_SOURCES = tests/unit/test_channel.c $(mux_sources)
tests_unit_test_channel_LDFLAGS = $(peer_ldflags)
tests_unit_test_tunnels_SOURCES = tests/unit/test_tunnels.c $(peer_sources)
tests_unit_test_tunnels_LDFLAGS = $(peer_ldflags)
tests_unit_test_stream_SOURCES = tests/unit/test_stream.c $(peer_sources)
tests_unit_test_stream_LDFLAGS = $(peer_ldflags)
tests_unit_test_gateway_stream_SOURCES = \
	tests/unit/test_gateway_stream.c $(peer_sources)
tests_unit_test_gateway_stream_LDFLAGS = $(peer_ldflags)
endif

# What tests share; the fuzzers, which need no cmocka, as well.
check_LIBRARIES += tests/unit/libfixtures.a
tests_unit_libfixtures_a_SOURCES = tests/unit/awkward_transport.c \
	tests/unit/captured.c tests/unit/captured.h \
	tests/unit/awkward_transport.h tests/unit/descriptors.c \
	tests/unit/descriptors.h tests/unit/documents.c \
	tests/unit/documents.h tests/unit/memory_endpoint.c \
	tests/unit/memory_endpoint.h
EXTRA_DIST += tests/unit/docker_shapes.txt tests/tools
if CMOCKA
tests_unit_libfixtures_a_SOURCES += tests/unit/muzzle_fixture.c \
	tests/unit/muzzle_fixture.h tests/unit/registry_fixture.c \
	tests/unit/registry_fixture.h tests/unit/tls_fixture.c \
	tests/unit/tls_fixture.h
endif
peer_sources = tests/unit/fake_peer.c tests/unit/fake_peer.h
peer_ldflags = $(AM_LDFLAGS) -Wl,--wrap=clock_us
