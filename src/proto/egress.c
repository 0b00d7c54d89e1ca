/* SPDX-License-Identifier: ISC */
/*
 * Where clients may go: rules are read, and asked.  Addresses that are not
 * public can only be reached by a rule that names them.
 */
#include "orthrus/proto/egress.h"

#include <netinet/in.h>

#include <arpa/inet.h>

#include <stdio.h>
#include <string.h>

#define FORMS "expected HOST:PORT, as in example.com:443, *.example.com:*, " \
	"10.0.0.0/8:80-90 or [2001:db8::/32]:443"
#define LABEL_MAX 63
#define NAME_CHARS "abcdefghijklmnopqrstuvwxyz0123456789-_"
#define MAPPED_BITS 96		/* of ::ffff:0.0.0.0/96 */
#define AGENTS ".orthrus"

struct network {
	uint8_t address[16];
	unsigned prefix;
};

static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

/* Networks that are not public: RFC 6890 and the registries that it names. */
#define V4(a, b, c, bits) { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, \
	(a), (b), (c), 0 }, MAPPED_BITS + (bits) }
static const struct network inside[] = {
	V4(0, 0, 0, 8),			/* this network */
	V4(10, 0, 0, 8),		/* private */
	V4(100, 64, 0, 10),		/* shared, of carriers' NAT */
	V4(127, 0, 0, 8),		/* loopback */
	V4(169, 254, 0, 16),		/* link-local */
	V4(172, 16, 0, 12),		/* private */
	V4(192, 0, 0, 24),		/* protocol assignments */
	V4(192, 168, 0, 16),		/* private */
	V4(198, 18, 0, 15),		/* benchmarks */
	V4(224, 0, 0, 4),		/* multicast */
	V4(240, 0, 0, 4),		/* reserved, broadcast */
	{ { 0 }, 127 },			/* unspecified, loopback */
	{ { 0x00, 0x64, 0xff, 0x9b, 0x00, 0x01 }, 48 },	/* local NAT64 */
	{ { 0xfc }, 7 },		/* unique local */
	{ { 0xfe, 0x80 }, 10 },		/* link-local */
	{ { 0xfe, 0xc0 }, 10 },		/* site-local, of old */
	{ { 0xff }, 8 },		/* multicast */
};

/*
 * IPv6 networks whose addresses hold an IPv4 address, and the byte it begins
 * at.
 */
static const struct {
	struct network network;
	unsigned at;
} carriers[] = {
	{ { { 0 }, 96 }, 12 },				/* ::a.b.c.d */
	{ { { 0x00, 0x64, 0xff, 0x9b }, 96 }, 12 },	/* NAT64 */
	{ { { 0x20, 0x02 }, 16 }, 2 },			/* 6to4 */
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* --- addresses ---------------------------------------------------- */

static void
map_ipv4(uint8_t out[16], const void *in4)
{
	memcpy(out, mapped, sizeof(mapped));
	memcpy(out + sizeof(mapped), in4, 4);
}

static bool
is_mapped(const uint8_t a[16])
{
	return memcmp(a, mapped, sizeof(mapped)) == 0;
}

static bool
in_network(const uint8_t a[16], const uint8_t network[16], unsigned prefix)
{
	unsigned bytes = prefix / 8, bits = prefix % 8;

	if (memcmp(a, network, bytes) != 0)
		return false;
	return bits == 0 || (a[bytes] ^ network[bytes]) >> (8 - bits) == 0;
}

static bool
is_inside(const uint8_t a[16])
{
	uint8_t v4[16];
	size_t i;

	for (i = 0; i < COUNT(inside); i++)
		if (in_network(a, inside[i].address, inside[i].prefix))
			return true;
	for (i = 0; i < COUNT(carriers); i++) {
		if (!in_network(a, carriers[i].network.address,
		    carriers[i].network.prefix))
			continue;
		map_ipv4(v4, a + carriers[i].at);
		return is_inside(v4);
	}
	return false;
}

/*
 * Reads an IPv4 or IPv6 literal, which may have a zone: true, and its 16 bytes.
 */
static bool
read_literal(const char *s, uint8_t out[16])
{
	char text[INET6_ADDRSTRLEN];
	size_t len = strcspn(s, "%");
	struct in_addr in4;

	if (inet_pton(AF_INET, s, &in4) == 1) {
		map_ipv4(out, &in4);
		return true;
	}
	if (len >= sizeof(text))
		return false;
	memcpy(text, s, len);
	text[len] = '\0';
	return inet_pton(AF_INET6, text, out) == 1;
}

static bool
read_sockaddr(const struct sockaddr *sa, uint8_t out[16])
{
	struct sockaddr_in6 in6;
	struct sockaddr_in in;

	if (sa->sa_family == AF_INET) {
		memcpy(&in, sa, sizeof(in));
		map_ipv4(out, &in.sin_addr);
	} else if (sa->sa_family == AF_INET6) {
		memcpy(&in6, sa, sizeof(in6));
		memcpy(out, &in6.sin6_addr, 16);
	} else
		return false;
	return true;
}

/* --- rules -------------------------------------------------------- */

/* Copies a name in lower case, without a final dot. */
static bool
fold_name(const char *s, size_t len, char out[HOST_MAX])
{
	size_t i;

	if (len > 1 && s[len - 1] == '.')
		len--;
	if (len == 0 || len >= HOST_MAX)
		return false;
	for (i = 0; i < len; i++)
		out[i] = s[i] >= 'A' && s[i] <= 'Z' ? (char)(s[i] - 'A' + 'a') :
		    s[i];
	out[len] = '\0';
	return true;
}

/*
 * True for labels with dots between.  The last one is no number, as it is in
 * "10.1".
 */
static bool
is_domain_name(const char *s)
{
	size_t n = 0;

	for (;; s += n + 1) {
		n = strspn(s, NAME_CHARS);
		if (n == 0 || n > LABEL_MAX || s[0] == '-' || s[n - 1] == '-')
			return false;
		if (s[n] == '\0')
			break;
		if (s[n] != '.')
			return false;
	}
	return s[strspn(s, "0123456789")] != '\0' &&
	    !(s[0] == '0' && s[1] == 'x');
}

static int
parse_ports(const char *s, struct egress_rule *rule)
{
	size_t len = strcspn(s, "-");

	if (strcmp(s, "*") == 0) {
		rule->low = 1;
		rule->high = UINT16_MAX;
		return 0;
	}
	if (port_parse(s, len, false, &rule->low) == -1)
		return -1;
	rule->high = rule->low;
	if (s[len] == '-' &&
	    port_parse(s + len + 1, strlen(s + len + 1), false,
	    &rule->high) == -1)
		return -1;
	return rule->low <= rule->high ? 0 : -1;
}

/* Reads a decimal number from 0 to max, of at most three digits: 0, or -1. */
static int
parse_bits(const char *s, unsigned max, unsigned *bits)
{
	size_t len = strlen(s);

	if (len == 0 || len > 3 || s[strspn(s, "0123456789")] != '\0' ||
	    (s[0] == '0' && len > 1))
		return -1;
	for (*bits = 0; *s != '\0'; s++)
		*bits = *bits * 10 + (unsigned)(*s - '0');
	return *bits <= max ? 0 : -1;
}

static bool
has_bits_behind(const uint8_t a[16], unsigned prefix)
{
	unsigned i;

	for (i = prefix; i < 128; i++)
		if (a[i / 8] & 0x80 >> i % 8)
			return true;
	return false;
}

/*
 * Reads "ADDRESS" or "ADDRESS/BITS": 1 when it is one, 0 when not, -1 with *e.
 */
static int
parse_network(char *host, bool v6, struct egress_rule *rule, struct error *e)
{
	char *slash = strchr(host, '/');
	unsigned max = v6 ? 128 : 32, bits = max;

	if (slash != NULL)
		*slash = '\0';
	if ((strchr(host, ':') != NULL) != v6 || strchr(host, '%') != NULL ||
	    !read_literal(host, rule->address)) {
		if (slash != NULL)
			*slash = '/';
		return 0;
	}
	if (slash != NULL && parse_bits(slash + 1, max, &bits) == -1)
		return error_set(e, EX_USAGE, "\"%s/%s\": behind the '/' "
		    "stands a number from 0 to %u", host, slash + 1, max);
	rule->kind = EGRESS_NETWORK;
	rule->prefix = bits + (v6 ? 0 : MAPPED_BITS);
	if (has_bits_behind(rule->address, rule->prefix))
		return error_set(e, EX_USAGE, "\"%s/%u\" is an address in a "
		    "network; write the network's own, or no /%u", host, bits,
		    bits);
	/*
	 * Addresses that a name resolves to are compared as IPv4, so this must
	 * be IPv4, too.
	 */
	if (v6 && is_mapped(rule->address))
		return error_set(e, EX_USAGE, "\"%s\": write it as an IPv4 "
		    "address", host);
	return 1;
}

static int
parse_rule_host(char *host, bool v6, struct egress_rule *rule, struct error *e)
{
	const char *name = host;
	int r;

	if ((r = parse_network(host, v6, rule, e)) != 0)
		return r == 1 ? 0 : -1;
	if (v6)
		return error_set(e, EX_USAGE, "\"[%s]\": brackets are for an "
		    "IPv6 address or network, as in [2001:db8::/32]:443", host);
	if (strcmp(host, "*") == 0) {
		rule->kind = EGRESS_ANY;
		return 0;
	}
	rule->kind = EGRESS_NAME;
	if (strncmp(host, "*.", 2) == 0) {
		rule->kind = EGRESS_BELOW;
		name++;			/* the dot stays */
	}
	if (!fold_name(name, strlen(name), rule->name) ||
	    !is_domain_name(rule->name + (rule->kind == EGRESS_BELOW)))
		return error_set(e, EX_USAGE, "\"%s\" is not a name, *.name, "
		    "*, address or network; " FORMS, host);
	return 0;
}

int
egress_rule_parse(const char *text, struct egress_rule *rule, struct error *e)
{
	const char *colon = strrchr(text, ':'), *start = text;
	struct egress_rule new;
	char host[HOST_MAX];
	bool v6 = text[0] == '[';
	size_t len;

	memset(&new, 0, sizeof(new));
	if (colon == NULL || (v6 && (colon - text < 2 || colon[-1] != ']')))
		return error_set(e, EX_USAGE, "\"%s\": " FORMS, text);
	len = (size_t)(colon - text);
	if (v6) {
		start++;
		len -= 2;
	}
	if (len == 0 || len >= sizeof(host))
		return error_set(e, EX_USAGE, "\"%s\": a host has 1 to %d "
		    "bytes; " FORMS, text, HOST_MAX - 1);
	memcpy(host, start, len);
	host[len] = '\0';
	if (!v6 && strchr(host, ':') != NULL)
		return error_set(e, EX_USAGE, "\"%s\": an IPv6 address goes in "
		    "brackets, as in [2001:db8::1]:443", text);
	if (parse_rule_host(host, v6, &new, e) == -1)
		return -1;
	if (parse_ports(colon + 1, &new) == -1)
		return error_set(e, EX_USAGE, "\"%s\": \"%s\" is not a port: "
		    "expected a number from 1 to 65535, A-B, or *", text,
		    colon + 1);
	*rule = new;
	return 0;
}

static void
format_network(const struct egress_rule *rule, char text[HOST_MAX])
{
	char address[INET6_ADDRSTRLEN];
	bool v4 = is_mapped(rule->address);
	unsigned bits = v4 ? rule->prefix - MAPPED_BITS : rule->prefix;
	char suffix[8] = "";

	inet_ntop(v4 ? AF_INET : AF_INET6, rule->address + (v4 ? 12 : 0),
	    address, sizeof(address));
	if (rule->prefix < 128)
		snprintf(suffix, sizeof(suffix), "/%u", bits);
	snprintf(text, HOST_MAX, "%s%s%s%s", v4 ? "" : "[", address, suffix,
	    v4 ? "" : "]");
}

const char *
egress_rule_format(const struct egress_rule *rule, char text[EGRESS_TEXT_MAX])
{
	char host[HOST_MAX] = "*", ports[16] = "*";

	if (rule->kind == EGRESS_NETWORK)
		format_network(rule, host);
	if (rule->low == rule->high)
		snprintf(ports, sizeof(ports), "%u", rule->low);
	else if (rule->low != 1 || rule->high != UINT16_MAX)
		snprintf(ports, sizeof(ports), "%u-%u", rule->low, rule->high);
	snprintf(text, EGRESS_TEXT_MAX, "%s%s:%s",
	    rule->kind == EGRESS_BELOW ? "*" : "",
	    rule->kind == EGRESS_NAME || rule->kind == EGRESS_BELOW ?
	    rule->name : host, ports);
	return text;
}

/* --- questions ---------------------------------------------------- */

/*
 * True when a rule names the address or its network.  ::/0 holds no IPv4
 * address.
 */
static bool
network_allows(const struct egress_rule *rules, size_t n, const uint8_t a[16],
    uint16_t port)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (rules[i].kind == EGRESS_NETWORK &&
		    is_mapped(rules[i].address) == is_mapped(a) &&
		    port >= rules[i].low && port <= rules[i].high &&
		    in_network(a, rules[i].address, rules[i].prefix))
			return true;
	return false;
}

static bool
ends_with(const char *s, const char *end)
{
	size_t len = strlen(s), n = strlen(end);

	return len > n && strcmp(s + len - n, end) == 0;
}

static bool
name_allowed(const struct egress_rule *rules, size_t n, const char *name,
    uint16_t port)
{
	bool yes = false;
	size_t i;

	for (i = 0; i < n && !yes; i++) {
		if (port < rules[i].low || port > rules[i].high)
			continue;
		if (rules[i].kind == EGRESS_ANY)
			yes = true;
		else if (rules[i].kind == EGRESS_NAME)
			yes = strcmp(name, rules[i].name) == 0;
		else if (rules[i].kind == EGRESS_BELOW)
			yes = ends_with(name, rules[i].name);
	}
	return yes;
}

static bool
any_allowed(const struct egress_rule *rules, size_t n, uint16_t port)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (rules[i].kind == EGRESS_ANY && port >= rules[i].low &&
		    port <= rules[i].high)
			return true;
	return false;
}

bool
egress_allows(const struct egress_rule *rules, size_t n, const char *host,
    uint16_t port)
{
	char name[HOST_MAX];
	uint8_t a[16];

	if (port == 0 || !host_valid(host, strlen(host)))
		return false;
	if (read_literal(host, a))
		return network_allows(rules, n, a, port) ||
		    (!is_inside(a) && any_allowed(rules, n, port));
	return fold_name(host, strlen(host), name) &&
	    !ends_with(name, AGENTS) && name_allowed(rules, n, name, port);
}

bool
egress_address_allowed(const struct egress_rule *rules, size_t n,
    const char *host, uint16_t port, const struct sockaddr *resolved)
{
	uint8_t a[16];

	return egress_allows(rules, n, host, port) &&
	    read_sockaddr(resolved, a) &&
	    (!is_inside(a) || network_allows(rules, n, a, port));
}

bool
egress_names_address(const struct egress_rule *rules, size_t n, uint16_t port,
    const struct sockaddr *resolved)
{
	uint8_t a[16];

	return read_sockaddr(resolved, a) &&
	    network_allows(rules, n, a, port);
}

bool
egress_embedded(const struct sockaddr *resolved, struct sockaddr_in *v4)
{
	uint8_t a[16];
	size_t i;

	if (!read_sockaddr(resolved, a))
		return false;
	for (i = 0; i < COUNT(carriers); i++)
		if (in_network(a, carriers[i].network.address,
		    carriers[i].network.prefix)) {
			memset(v4, 0, sizeof(*v4));
			v4->sin_family = AF_INET;
			memcpy(&v4->sin_addr, a + carriers[i].at, 4);
			return true;
		}
	return false;
}
