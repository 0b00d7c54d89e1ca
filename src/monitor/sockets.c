/* SPDX-License-Identifier: ISC */
/*
 * Where agents are reached at this machine: sockets that listen, made here and
 * handed over.  Their places are put together from a valid name and a number,
 * never taken from a question.
 */
#include "config.h"

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "orthrus/base/mem.h"
#include "orthrus/transport/bind.h"

#include "keeper.h"

static char *
agent_directory(const struct keeper *k, const char *name)
{
	return xasprintf("%s/agents/%s", k->runtime, name);
}

/* False for a question that names no place of an agent. */
static bool
socket_path(const struct keeper *k, const struct message *q,
    struct address *at)
{
	int n;

	memset(at, 0, sizeof(*at));
	at->kind = ADDRESS_UNIX;
	if (q->name[0] == '\0' || q->number > UINT16_MAX)
		return false;
	if (q->number == 0)
		n = snprintf(at->path, sizeof(at->path),
		    "%s/agents/%s/docker.sock", k->runtime, q->name);
	else
		n = snprintf(at->path, sizeof(at->path),
		    "%s/agents/%s/%u.sock", k->runtime, q->name,
		    (unsigned)q->number);
	return n > 0 && (size_t)n < sizeof(at->path);
}

/* Only an agent has sockets. */
static int
find_agent(struct keeper *k, const char *name, struct peer *p,
    struct error *e)
{
	int rc = registry_find(k->registry, name, p, e);

	if (rc == 1 && p->kind == PEER_AGENT)
		return 0;
	return rc == -1 ? -1 : error_set(e, EX_NOUSER, "no such agent");
}

/* Who may come in here is whose group the sockets have, whatever umask says. */
static int
make_directory(const struct keeper *k, const char *name, struct error *e)
{
	char *path = agent_directory(k, name);
	int rc = 0;

	if ((mkdir(path, 0750) == -1 && errno != EEXIST) ||
	    chmod(path, 0750) == -1)
		rc = error_set(e, EX_CANTCREAT, "cannot make %s: %s", path,
		    strerror(errno));
	free(path);
	return rc;
}

int
sockets_listen(struct keeper *k, const struct message *q, struct error *e)
{
	static struct peer p;
	struct address at;
	struct bound b;

	if (!socket_path(k, q, &at))
		return error_set(e, EX_DATAERR, "no socket of an agent");
	if (find_agent(k, q->name, &p, e) == -1 ||
	    make_directory(k, q->name, e) == -1 ||
	    bind_address(&at, &b, e) == -1)
		return -1;
	chmod(at.path, 0660);		/* its group may use it, too */
	k->hand = b.fd[0];
	return 0;
}

int
sockets_listen_tcp(struct keeper *k, const struct message *q, struct error *e)
{
	struct address at = { .kind = ADDRESS_TCP, .host = "127.0.0.1" };
	static struct peer p;
	struct bound b;

	if (q->name[0] == '\0' || q->number > UINT16_MAX)
		return error_set(e, EX_DATAERR, "no port of an agent");
	if (find_agent(k, q->name, &p, e) == -1)
		return -1;
	/* Any port where that is configured, else the agent's own. */
	if (p.docker_port != q->number || (q->number == 0 && !k->docker_tcp))
		return error_set(e, EX_NOPERM, "not a port of this agent");
	at.port = p.docker_port;
	if (bind_address(&at, &b, e) == -1)
		return -1;
	k->hand = b.fd[0];
	return 0;
}

/*
 * Removes an agent's directory when it is empty and the agent registered no
 * more.  Until then it stays, also while no gateway runs: what has it mounted,
 * such as a container, would never see another one of the same name.
 */
static void
leave_directory(struct keeper *k, const char *name)
{
	static struct peer p;
	struct error e;
	char *path;

	if (find_agent(k, name, &p, &e) == 0 || e.code != EX_NOUSER)
		return;
	path = agent_directory(k, name);
	rmdir(path);
	free(path);
}

void
sockets_remove(struct keeper *k, const struct message *q)
{
	struct address at;

	if (!socket_path(k, q, &at))
		return;
	bind_forget(at.path);
	/* Docker's is the last one that a removed agent loses. */
	if (q->number == 0)
		leave_directory(k, q->name);
}

/* --- what an earlier gateway left ----------------------------------- */

/*
 * Removes the sockets in an agent's directory that nobody listens on any more,
 * as one that was killed leaves them.
 */
static void
sweep_sockets(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd == -1 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	char *file;

	if (dir == NULL) {
		if (fd != -1)
			close(fd);
		return;
	}
	while ((entry = readdir(dir)) != NULL) {
		file = xasprintf("%s/%s", path, entry->d_name);
		bind_forget(file);
		free(file);
	}
	closedir(dir);
}

void
sockets_sweep(struct keeper *k)
{
	char *path = xasprintf("%s/agents", k->runtime), *one;
	DIR *dir = opendir(path);
	const struct dirent *entry;

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		if (!name_valid(entry->d_name))
			continue;
		one = agent_directory(k, entry->d_name);
		sweep_sockets(one);
		free(one);
		leave_directory(k, entry->d_name);
	}
	if (dir != NULL)
		closedir(dir);
	free(path);
}

void
sockets_forget(const struct keeper *k)
{
	char *path = xasprintf("%s/registry.sock", k->runtime);
	size_t i;

	bind_forget(path);
	free(path);
	if (k->http_socket != NULL)
		bind_forget(k->http_socket);
	for (i = 0; k->tls_sockets[i] != NULL; i++)
		bind_forget(k->tls_sockets[i]);
}
