# The load generator and the link of bench/run.  "make check" compiles them
# with all warnings; "make bench" measures this build.

check_PROGRAMS += bench/load bench/delay
bench_load_SOURCES = bench/load.c bench/load.h bench/load_connects.c \
	bench/load_net.c bench/load_proc.c bench/load_target.c \
	bench/load_tests.c
bench_load_LDFLAGS = $(AM_LDFLAGS) -pthread
bench_load_LDADD =
bench_delay_SOURCES = bench/delay.c
bench_delay_LDADD =

.PHONY: bench
bench: orthrus
	$(srcdir)/bench/run --orthrus ./orthrus $(BENCHFLAGS)

EXTRA_DIST += bench/README.md bench/contenders.py bench/peer.py bench/plot \
	bench/report.py bench/rows.py bench/run bench/tools.py \
	bench/peers/ssh2.js
