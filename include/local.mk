# Every public header, in the order of the layers.

noinst_HEADERS += \
	include/orthrus/base/address.h \
	include/orthrus/base/error.h \
	include/orthrus/base/file.h \
	include/orthrus/base/log.h \
	include/orthrus/base/mem.h \
	include/orthrus/base/notify.h \
	include/orthrus/base/text.h \
	include/orthrus/proto/allow.h \
	include/orthrus/proto/auth_key.h \
	include/orthrus/proto/certificate.h \
	include/orthrus/proto/egress.h \
	include/orthrus/proto/leash.h \
	include/orthrus/proto/server.h \
	include/orthrus/proto/socks5.h \
	include/orthrus/proto/spec.h \
	include/orthrus/proto/wire.h \
	include/orthrus/conf/config.h \
	include/orthrus/conf/gateway.h \
	include/orthrus/conf/head.h \
	include/orthrus/relay/endpoint.h \
	include/orthrus/relay/frames.h \
	include/orthrus/relay/relay.h \
	include/orthrus/relay/socket.h \
	include/orthrus/transport/dial.h \
	include/orthrus/transport/listener.h \
	include/orthrus/ssh/hostkey.h \
	include/orthrus/ssh/identity.h \
	include/orthrus/ssh/inbound.h \
	include/orthrus/ssh/link.h \
	include/orthrus/ssh/mux.h \
	include/orthrus/ssh/selftest.h \
	include/orthrus/ssh/session.h \
	include/orthrus/ssh/successor.h \
	include/orthrus/muzzle/http.h \
	include/orthrus/muzzle/muzzle.h \
	include/orthrus/muzzle/policy.h \
	include/orthrus/muzzle/redact.h \
	include/orthrus/tunnel/tunnel.h \
	include/orthrus/agent/commands.h \
	include/orthrus/agent/control.h \
	include/orthrus/gateway/ca.h \
	include/orthrus/gateway/commands.h \
	include/orthrus/gateway/describe.h \
	include/orthrus/gateway/registry.h \
	include/orthrus/gateway/state.h
