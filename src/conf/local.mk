# SPDX-License-Identifier: ISC
# Sources of the layer that reads options, environment and the ini file.
liborthrus_a_SOURCES += \
	src/conf/conf.h \
	src/conf/config.c \
	src/conf/defaults.c \
	src/conf/file.c \
	src/conf/finish.c \
	src/conf/gateway.h \
	src/conf/gateway_config.c \
	src/conf/gateway_keywords.c \
	src/conf/gateway_set.c \
	src/conf/ini.c \
	src/conf/ini.h \
	src/conf/keyword_find.c \
	src/conf/keywords.c \
	src/conf/line.c \
	src/conf/line.h \
	src/conf/load.c \
	src/conf/loader.c \
	src/conf/near.c \
	src/conf/offers.c \
	src/conf/options.c \
	src/conf/print.c \
	src/conf/report.c \
	src/conf/secret.c \
	src/conf/set.c \
	src/conf/setting.c
