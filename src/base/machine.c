/* SPDX-License-Identifier: ISC */
/* See machine.h. */
#include "orthrus/base/machine.h"

#include <stdint.h>
#include <unistd.h>

#include "orthrus/base/os.h"

size_t
machine_memory(void)
{
	long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
	size_t whole = pages > 0 && size > 0 ?
	    (size_t)pages * (size_t)size : SIZE_MAX;
	size_t limit = os_memory_limit();

	return limit < whole ? limit : whole;
}

bool
cpu_has_aes(void)
{
#if defined(__x86_64__) || defined(__i386__)
	return __builtin_cpu_supports("aes") &&
	    __builtin_cpu_supports("pclmul");
#else
	return os_arm_has_aes();
#endif
}
