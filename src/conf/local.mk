# SPDX-License-Identifier: ISC
# Sources of the layer that reads options, environment and the ini file.
liborthrus_a_SOURCES += \
	src/conf/conf.h \
	src/conf/config.c \
	src/conf/defaults.c \
	src/conf/gateway_config.c \
	src/conf/gateway_keywords.c \
	src/conf/gateway_private.h \
	src/conf/gateway_set.c \
	src/conf/hide.c \
	src/conf/ini.c \
	src/conf/ini.h \
	src/conf/ini_line.c \
	src/conf/ini_line.h \
	src/conf/keyword_find.c \
	src/conf/keywords.c \
	src/conf/load.c \
	src/conf/load_file.c \
	src/conf/load_finish.c \
	src/conf/load_options.c \
	src/conf/loader.c \
	src/conf/offers.c \
	src/conf/print.c \
	src/conf/report.c \
	src/conf/secret.c \
	src/conf/set.c \
	src/conf/setting.c \
	src/conf/ssh_config.c \
	src/conf/ssh_options.c \
	src/conf/ssh_reading.h \
	src/conf/ssh_take.c \
	src/conf/way.c
