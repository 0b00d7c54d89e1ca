# The gateway, charon: only where libssh is linked statically.
if LIBSSH_STATIC
gateway_sources = \
	src/gateway/agent.c \
	src/gateway/agent_cmd.c \
	src/gateway/agent_list.c \
	src/gateway/agent_show.c \
	src/gateway/agents.c \
	src/gateway/ca.c \
	src/gateway/canned.c \
	src/gateway/canned.h \
	src/gateway/cli.c \
	src/gateway/cli.h \
	src/gateway/client_cmd.c \
	src/gateway/describe.c \
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
	src/gateway/registry.c \
	src/gateway/registry_certs.c \
	src/gateway/registry_changes.c \
	src/gateway/registry_peers.c \
	src/gateway/registry_private.h \
	src/gateway/registry_schema.c \
	src/gateway/registry_sql.c \
	src/gateway/route.c \
	src/gateway/serve.c \
	src/gateway/session.c \
	src/gateway/snippet.c \
	src/gateway/snippet.h \
	src/gateway/snippet_texts.c \
	src/gateway/state.c \
	src/gateway/stream.c \
	src/gateway/table.c
liborthrus_a_SOURCES += $(gateway_sources)
endif
