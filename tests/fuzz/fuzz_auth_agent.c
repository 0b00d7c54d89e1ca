/* SPDX-License-Identifier: ISC */
/* Any bytes as the answer of an ssh-agent: its keys, or a signature. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "orthrus/proto/auth_agent.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(bool ok)
{
	if (!ok)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t other[ED25519_SIGNATURE_LEN];
	uint8_t signature[ED25519_SIGNATURE_LEN] = { 0 };
	struct auth_agent_keys keys;
	bool has_keys = auth_agent_read_keys(data, size, &keys) == 0;

	check(keys.n <= AUTH_AGENT_KEYS_MAX);
	check(keys.n + keys.others <= size / 8);
	if (auth_agent_read_signature(data, size, signature) == 0)
		check(!has_keys && size == 1 + 4 + 4 + 11 + 4 + 64);
	else
		check(memcmp(signature, other, sizeof(other)) == 0);
	return 0;
}
