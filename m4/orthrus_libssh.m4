dnl ORTHRUS_LIBSSH(MINIMUM-VERSION)
dnl
dnl Remote Unix-socket listeners need functions of libssh that only its static
dnl library shows, and one of them wrapped by the linker.  Whether that works
dnl is found out by linking.  Sets LIBSSH_CFLAGS, LIBSSH_LIBS, orthrus_libssh
dnl (static or shared) and orthrus_libssh_why, the automake conditional
dnl LIBSSH_STATIC, and defines HAVE_LIBSSH_STATIC in config.h.
AC_DEFUN([ORTHRUS_LIBSSH], [
	AC_ARG_WITH([libssh], [AS_HELP_STRING([--with-libssh=static|shared|auto],
	    [static is needed for remote Unix-socket listeners;
	    auto, the default, takes it when it links])],
	    [], [with_libssh=auto])
	AS_CASE([$with_libssh], [static|shared|auto], [],
	    [AC_MSG_ERROR([--with-libssh takes static, shared or auto])])

	PKG_CHECK_MODULES([LIBSSH], [libssh >= $1])

	orthrus_libssh=shared
	orthrus_libssh_why="--with-libssh=shared was given"
	AS_IF([test "$with_libssh" != shared], [
		PKG_CHECK_VAR([LIBSSH_LIBDIR], [libssh], [libdir], [:], [:])
		orthrus_archive=$LIBSSH_LIBDIR/libssh.a
		orthrus_wrap="-Wl,--wrap=_ssh_buffer_pack -Wl,--wrap=ssh_socket_write"
		orthrus_private="-lcrypto -lz -lgssapi_krb5 -lpthread"
		AC_MSG_CHECKING([whether the static libssh gives what Unix-socket listeners need])
		orthrus_save_CFLAGS=$CFLAGS
		orthrus_save_LIBS=$LIBS
		CFLAGS="$CFLAGS $LIBSSH_CFLAGS $LIBCRYPTO_CFLAGS"
		LIBS="$orthrus_wrap $orthrus_archive $orthrus_private $LIBS"
		AC_LINK_IFELSE([AC_LANG_PROGRAM([[
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <libssh/libssh.h>
#include <libssh/callbacks.h>
void ssh_packet_set_callbacks(ssh_session, ssh_packet_callbacks);
int ssh_packet_send_unimplemented(ssh_session, uint32_t);
int ssh_packet_socket_callback(const void *, size_t, void *);
int ssh_buffer_pack_va(ssh_buffer, const char *, size_t, va_list);
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
	va_list ap;
	int rc;

	if (n == 0)
		return __real__ssh_buffer_pack(b, format, n);
	va_start(ap, n);
	rc = ssh_buffer_pack_va(b, format, n, ap);
	va_end(ap);
	return rc;
}
			]], [[
	ssh_session s = ssh_new();

	ssh_packet_set_callbacks(s, NULL);
	ssh_packet_socket_callback("", 0, s);
	return ssh_packet_send_unimplemented(s, 0) != ssh_connect(s);
			]])],
		    [orthrus_libssh=static],
		    [AS_IF([test -f "$orthrus_archive"],
			[orthrus_libssh_why="$orthrus_archive does not link"],
			[orthrus_libssh_why="there is no $orthrus_archive"])])
		CFLAGS=$orthrus_save_CFLAGS
		LIBS=$orthrus_save_LIBS
		AS_IF([test $orthrus_libssh = static],
		    [AC_MSG_RESULT([yes])],
		    [AC_MSG_RESULT([no: $orthrus_libssh_why])])
	])
	AS_IF([test "$with_libssh" = static && test $orthrus_libssh = shared],
	    [AC_MSG_ERROR([--with-libssh=static: $orthrus_libssh_why (Debian: libssh-dev libkrb5-dev libssl-dev zlib1g-dev)])])

	# Our archive wraps a function of libssh's, and calls it: each needs
	# the other, so the linker looks through both until it is content.
	AS_IF([test $orthrus_libssh = static], [
		LIBSSH_LIBS="$orthrus_wrap -Wl,--start-group liborthrus.a $orthrus_archive -Wl,--end-group $orthrus_private"
		AC_DEFINE([HAVE_LIBSSH_STATIC], [1],
		    [Define to 1 if the static libssh is linked, which remote Unix-socket listeners need.])
	])
	AM_CONDITIONAL([LIBSSH_STATIC], [test $orthrus_libssh = static])
])
