dnl SPDX-License-Identifier: ISC
dnl ORTHRUS_LIBSSH(MINIMUM-VERSION)
dnl
dnl Our channel manager needs functions of libssh that only its static library
dnl shows, and six of them wrapped by the linker.  Whether that works is found
dnl out by linking; configure stops where it does not.  Sets LIBSSH_CFLAGS and
dnl LIBSSH_LIBS.
dnl
dnl An archive does not say what it needs itself: since 0.12 libfido2 as well,
dnl where it was built with security keys.  GSSAPI, of which nothing is used, is
dnl stood in for by src/ssh/no_gssapi.c; its library is the last resort.
AC_DEFUN([ORTHRUS_LIBSSH], [
	PKG_CHECK_MODULES([LIBSSH], [libssh >= $1])

	PKG_CHECK_VAR([LIBSSH_LIBDIR], [libssh], [libdir])
	orthrus_archive=$LIBSSH_LIBDIR/libssh.a
	orthrus_wrap="-Wl,--wrap=_ssh_buffer_pack -Wl,--wrap=ssh_socket_write -Wl,--wrap=pki_sign_data -Wl,--wrap=ssh_dh_import_next_pubkey_blob -Wl,--wrap=ssh_find_all_matching -Wl,--wrap=ssh_pki_export_pubkey_blob"
	AC_MSG_CHECKING([whether the static libssh gives what channels need])
	orthrus_save_CFLAGS=$CFLAGS
	orthrus_save_LIBS=$LIBS
	CFLAGS="$CFLAGS $LIBSSH_CFLAGS $LIBCRYPTO_CFLAGS -I$srcdir"
	AC_LANG_CONFTEST([AC_LANG_PROGRAM([[
#include <stddef.h>
#include <stdint.h>
#include <libssh/libssh.h>
#include <libssh/callbacks.h>
#include "src/ssh/no_gssapi.c"
void ssh_packet_set_callbacks(ssh_session, ssh_packet_callbacks);
int ssh_packet_send_unimplemented(ssh_session, uint32_t);
#if LIBSSH_VERSION_INT >= SSH_VERSION_INT(0, 11, 0)
size_t ssh_packet_socket_callback(const void *, size_t, void *);
#else
int ssh_packet_socket_callback(const void *, size_t, void *);
#endif
uint32_t ssh_buffer_pass_bytes(ssh_buffer, uint32_t);
struct ssh_socket_struct;
void ssh_socket_set_write_wontblock(struct ssh_socket_struct *);
int __real_ssh_socket_write(struct ssh_socket_struct *, const void *, uint32_t);
int __wrap_ssh_socket_write(struct ssh_socket_struct *, const void *, uint32_t);
int
__wrap_ssh_socket_write(struct ssh_socket_struct *s, const void *p, uint32_t n)
{
	ssh_socket_set_write_wontblock(s);
	return __real_ssh_socket_write(s, p, n);
}
int __real__ssh_buffer_pack(ssh_buffer, const char *, size_t, ...);
int __wrap__ssh_buffer_pack(ssh_buffer, const char *, size_t, ...);
int
__wrap__ssh_buffer_pack(ssh_buffer b, const char *format, size_t n, ...)
{
	ssh_buffer_pass_bytes(b, 0);
	return __real__ssh_buffer_pack(b, format, n);
}
struct ssh_signature_struct;
int ssh_pki_import_signature_blob(const ssh_string, const ssh_key,
    struct ssh_signature_struct **);
struct ssh_signature_struct *__real_pki_sign_data(const ssh_key, unsigned,
    const unsigned char *, size_t);
struct ssh_signature_struct *__wrap_pki_sign_data(const ssh_key, unsigned,
    const unsigned char *, size_t);
struct ssh_signature_struct *
__wrap_pki_sign_data(const ssh_key k, unsigned h, const unsigned char *p,
    size_t n)
{
	struct ssh_signature_struct *g = NULL;

	ssh_pki_import_signature_blob(NULL, k, &g);
	return g != NULL ? g : __real_pki_sign_data(k, h, p, n);
}
int __real_ssh_dh_import_next_pubkey_blob(ssh_session, ssh_string);
int __wrap_ssh_dh_import_next_pubkey_blob(ssh_session, ssh_string);
int
__wrap_ssh_dh_import_next_pubkey_blob(ssh_session s, ssh_string b)
{
	return __real_ssh_dh_import_next_pubkey_blob(s, b);
}
char *__real_ssh_find_all_matching(const char *, const char *);
char *__wrap_ssh_find_all_matching(const char *, const char *);
char *
__wrap_ssh_find_all_matching(const char *a, const char *b)
{
	return __real_ssh_find_all_matching(a, b);
}
int __real_ssh_pki_export_pubkey_blob(const ssh_key, ssh_string *);
int __wrap_ssh_pki_export_pubkey_blob(const ssh_key, ssh_string *);
int
__wrap_ssh_pki_export_pubkey_blob(const ssh_key k, ssh_string *b)
{
	return __real_ssh_pki_export_pubkey_blob(k, b);
}
int ssh_pki_import_pubkey_blob(const ssh_string, ssh_key *);
int ssh_pki_signature_verify(ssh_session, struct ssh_signature_struct *,
    const ssh_key, const unsigned char *, size_t);
void ssh_signature_free(struct ssh_signature_struct *);
		]], [[
	ssh_session s = ssh_new();

	ssh_pki_import_pubkey_blob(NULL, NULL);
	ssh_signature_free(NULL);
	if (ssh_pki_signature_verify(s, NULL, NULL, NULL, 0) != SSH_OK)
		return 1;
	ssh_packet_set_callbacks(s, NULL);
	ssh_packet_socket_callback("", 0, s);
	return ssh_packet_send_unimplemented(s, 0) != ssh_connect(s);
		]])])
	orthrus_works=no
	for orthrus_more in "" -lfido2 -lgssapi_krb5 "-lfido2 -lgssapi_krb5"; do
		orthrus_private="-lcrypto -lz $orthrus_more -lpthread"
		LIBS="$orthrus_wrap $orthrus_archive $orthrus_private $orthrus_save_LIBS"
		AC_LINK_IFELSE([], [orthrus_works=yes; break])
	done
	rm -f conftest.$ac_ext
	AC_MSG_RESULT([$orthrus_works])
	AS_IF([test $orthrus_works = no], [
	AS_IF([test -f "$orthrus_archive"],
	    [orthrus_why="$orthrus_archive does not link, see config.log"],
	    [orthrus_why="there is no $orthrus_archive"])
	AC_MSG_ERROR([the static libssh is needed: $orthrus_why
  Debian: apt-get install libssh-dev libssl-dev zlib1g-dev, and libfido2-dev from libssh 0.12 on
  elsewhere: build libssh with cmake -DBUILD_SHARED_LIBS=OFF, and set PKG_CONFIG_PATH to its libssh.pc])])
	CFLAGS=$orthrus_save_CFLAGS
	LIBS=$orthrus_save_LIBS

	# Our archive wraps a function of libssh's, and calls it: each needs
	# the other, so the linker looks through both until it is content.
	LIBSSH_LIBS="$orthrus_wrap -Wl,--start-group liborthrus.a $orthrus_archive -Wl,--end-group $orthrus_private"
])
