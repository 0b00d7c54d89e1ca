/* SPDX-License-Identifier: ISC */
/*
 * GSSAPI, absent: libssh's archive asks for it, we never log in with it, and
 * its library would bring five more into each process.  Whoever calls one of
 * these (RFC 2744) hears that it is unavailable.
 *
 * Each takes more arguments than here; all begin with where a second status
 * goes.
 */
#include <stdint.h>

#define GSS_S_UNAVAILABLE (16U << 16)

#define ABSENT(call)							\
	uint32_t call(uint32_t *minor);					\
	uint32_t							\
	call(uint32_t *minor)						\
	{								\
		*minor = 0;						\
		return GSS_S_UNAVAILABLE;				\
	}

ABSENT(gss_accept_sec_context)
ABSENT(gss_acquire_cred)
ABSENT(gss_add_oid_set_member)
ABSENT(gss_canonicalize_name)
ABSENT(gss_compare_name)
ABSENT(gss_create_empty_oid_set)
ABSENT(gss_delete_sec_context)
ABSENT(gss_display_name)
ABSENT(gss_display_status)
ABSENT(gss_duplicate_name)
ABSENT(gss_export_name)
ABSENT(gss_get_mic)
ABSENT(gss_import_name)
ABSENT(gss_indicate_mechs)
ABSENT(gss_init_sec_context)
ABSENT(gss_inquire_context)
ABSENT(gss_inquire_cred)
ABSENT(gss_inquire_cred_by_mech)
ABSENT(gss_release_buffer)
ABSENT(gss_release_cred)
ABSENT(gss_release_name)
ABSENT(gss_release_oid)
ABSENT(gss_release_oid_set)
ABSENT(gss_test_oid_set_member)
ABSENT(gss_unwrap)
ABSENT(gss_verify_mic)
ABSENT(gss_wrap)

extern void *GSS_C_NT_HOSTBASED_SERVICE, *GSS_C_NT_USER_NAME;
void *GSS_C_NT_HOSTBASED_SERVICE, *GSS_C_NT_USER_NAME;
