# The gateway that runs.
liborthrus_a_SOURCES += \
	src/gateway/agent.c \
	src/gateway/agents.c \
	src/gateway/ca.c \
	src/gateway/canned.c \
	src/gateway/canned.h \
	src/gateway/docker_stdio.c \
	src/gateway/endpoint.c \
	src/gateway/enroll.c \
	src/gateway/gateway.h \
	src/gateway/http.c \
	src/gateway/http.h \
	src/gateway/http_agents.c \
	src/gateway/http_conn.c \
	src/gateway/http_docker.c \
	src/gateway/http_list.c \
	src/gateway/http_reply.c \
	src/gateway/http_token.c \
	src/gateway/key_file.c \
	src/gateway/key_file.h \
	src/gateway/leash.c \
	src/gateway/login.c \
	src/gateway/metrics.c \
	src/gateway/prometheus.c \
	src/gateway/prometheus.h \
	src/registry/registry_private.h \
	src/registry/registry_schema.c \
	src/gateway/route.c \
	src/gateway/serve.c \
	src/gateway/session.c \
	src/gateway/state.c \
	src/gateway/stream.c \
	src/gateway/tell.c
