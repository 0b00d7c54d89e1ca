# SPDX-License-Identifier: ISC
# The load generators of bench/run, bench/muzzle and bench/gateway, the link, the
# stand-in for an engine, and many links for the test of two gateways.  "make check" compiles them with all warnings; "make
# bench", "make bench-muzzle" and "make bench-gateway" measure this build.

check_PROGRAMS += bench/agents bench/failover bench/load bench/delay \
	bench/muzzle_load bench/muzzle_engine
bench_load_SOURCES = bench/load.c bench/load.h bench/load_connects.c \
	bench/load_net.c bench/load_proc.c bench/load_target.c \
	bench/load_tests.c
bench_load_LDFLAGS = $(AM_LDFLAGS) -pthread
bench_load_LDADD =
bench_delay_SOURCES = bench/delay.c
bench_delay_LDADD =
bench_muzzle_load_SOURCES = bench/muzzle_load.c bench/load.h \
	bench/load_net.c bench/load_proc.c
bench_muzzle_load_LDADD =
bench_muzzle_engine_SOURCES = bench/muzzle_engine.c
bench_muzzle_engine_LDADD =
bench_agents_SOURCES = bench/agents.c bench/agents.h bench/agents_one.c \
	bench/canned.c bench/canned.h
bench_agents_LDADD = $(ORTHRUS_LIBS)
bench_failover_SOURCES = bench/failover.c
bench_failover_LDADD = $(ORTHRUS_LIBS)

.PHONY: bench bench-gateway bench-muzzle
bench: all
	$(srcdir)/bench/run --orthrus ./orthrus $(BENCHFLAGS)
bench-muzzle: all
	$(srcdir)/bench/muzzle --orthrus ./orthrus $(BENCHFLAGS)
bench-gateway: all bench/agents
	$(srcdir)/bench/gateway --build . $(BENCHFLAGS)

EXTRA_DIST += bench/README.md bench/contenders.py bench/gateway \
	bench/gateway_parts.py bench/muzzle \
	bench/muzzle-haproxy.cfg bench/muzzle-inspect.json \
	bench/muzzle_parts.py bench/peer.py bench/plot \
	bench/report.py bench/rows.py bench/run bench/server_rows.py \
	bench/servers.py bench/tools.py bench/transport_rows.py \
	bench/peers/ssh2.js
