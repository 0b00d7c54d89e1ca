# HTTP/1.1: messages, and who sends them.
liborthrus_a_SOURCES += \
	src/http/caller.c \
	src/http/message.c
