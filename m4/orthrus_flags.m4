dnl SPDX-License-Identifier: ISC
dnl Compiler and linker flags that are used only where they work.

dnl ORTHRUS_CHECK_CFLAGS(VARIABLE, FLAGS, [EXTRA-FLAGS])
dnl Adds each of FLAGS that the compiler takes without a warning to VARIABLE.
dnl EXTRA-FLAGS are there during the test only.
AC_DEFUN([ORTHRUS_CHECK_CFLAGS], [
	AC_LANG_ASSERT([C])
	for orthrus_flag in m4_normalize([$2]); do
		AS_VAR_PUSHDEF([works], [orthrus_cv_cflag_$orthrus_flag])
		AC_CACHE_CHECK([whether $CC takes $orthrus_flag], [works], [
			orthrus_save=$CFLAGS
			CFLAGS="$CFLAGS $3 -Werror $orthrus_flag"
			AC_COMPILE_IFELSE([AC_LANG_PROGRAM()],
			    [AS_VAR_SET([works], [yes])],
			    [AS_VAR_SET([works], [no])])
			CFLAGS=$orthrus_save
		])
		AS_VAR_IF([works], [yes], [AS_VAR_APPEND([$1], [" $orthrus_flag"])])
		AS_VAR_POPDEF([works])
	done
])

dnl ORTHRUS_CHECK_LDFLAGS(VARIABLE, FLAGS, [EXTRA-FLAGS])
dnl The same for flags that matter when linking.
AC_DEFUN([ORTHRUS_CHECK_LDFLAGS], [
	AC_LANG_ASSERT([C])
	for orthrus_flag in m4_normalize([$2]); do
		AS_VAR_PUSHDEF([works], [orthrus_cv_ldflag_$orthrus_flag])
		AC_CACHE_CHECK([whether $CC links with $orthrus_flag], [works], [
			orthrus_save=$LDFLAGS
			LDFLAGS="$LDFLAGS $3 -Werror $orthrus_flag"
			AC_LINK_IFELSE([AC_LANG_PROGRAM()],
			    [AS_VAR_SET([works], [yes])],
			    [AS_VAR_SET([works], [no])])
			LDFLAGS=$orthrus_save
		])
		AS_VAR_IF([works], [yes], [AS_VAR_APPEND([$1], [" $orthrus_flag"])])
		AS_VAR_POPDEF([works])
	done
])

dnl ORTHRUS_CHECK_FORTIFY(VARIABLE)
dnl _FORTIFY_SOURCE does something only when optimizing, and warns otherwise.
dnl A compiler that brings its own level keeps it.
AC_DEFUN([ORTHRUS_CHECK_FORTIFY], [
	AC_CACHE_CHECK([whether to set _FORTIFY_SOURCE], [orthrus_cv_fortify],
	    [AC_COMPILE_IFELSE([AC_LANG_SOURCE([
#if !defined(__OPTIMIZE__) || defined(_FORTIFY_SOURCE)
#error no
#endif
		int orthrus_not_empty;])],
	    [orthrus_cv_fortify=yes], [orthrus_cv_fortify=no])])
	AS_VAR_IF([orthrus_cv_fortify], [yes],
	    [AS_VAR_APPEND([$1], [" -D_FORTIFY_SOURCE=2"])])
])
