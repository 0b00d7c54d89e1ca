# SPDX-License-Identifier: ISC
"""What the integration tests and the benchmarks share: the laboratory, the
programs under test, those at their other ends, and strict clients of each."""
