/* SPDX-License-Identifier: ISC */
/* A passphrase at the terminal, which is left as it was found. */
#include "config.h"

#include "orthrus/base/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <sodium.h>

#include "orthrus/base/file.h"

/* Those that end or stop a program that does nothing about them. */
static const int watched[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE,
    SIGALRM, SIGTSTP, SIGTTIN, SIGTTOU };

#define NWATCHED (sizeof(watched) / sizeof(watched[0]))

static volatile sig_atomic_t caught;

static void
on_terminal_signal(int sig)
{
	caught = sig;
}

static int
terminal_open(void)
{
	return open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
}

bool
terminal_is_there(void)
{
	int fd = terminal_open();

	if (fd == -1)
		return false;
	close(fd);
	return true;
}

/* Reads a line, without its end: 0, or -1. */
static int
read_line(int fd, char *text, size_t size)
{
	size_t have = 0;
	bool long_line = false;
	ssize_t n = 0;
	char c;

	while (caught == 0) {
		n = read(fd, &c, 1);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0 || c == '\n' || c == '\r')
			break;
		if (have + 1 < size)
			text[have++] = c;
		else
			long_line = true;
	}
	text[have] = '\0';
	sodium_memzero(&c, sizeof(c));
	return caught != 0 || long_line || n < 0 || (n == 0 && have == 0) ?
	    -1 : 0;
}

/* One that is ignored, as by nohup(1), stays so. */
static void
watch_signal(int sig, const struct sigaction *catch, struct sigaction *before)
{
	sigaction(sig, catch, before);
	if (before->sa_handler == SIG_IGN)
		sigaction(sig, before, NULL);
}

static int
ask_once(int fd, const char *prompt, char *text, size_t size)
{
	struct sigaction catch = { .sa_handler = on_terminal_signal };
	struct sigaction before[NWATCHED];
	struct termios usual, silent;
	int r = -1;
	size_t i;

	caught = 0;
	sigemptyset(&catch.sa_mask);
	for (i = 0; i < NWATCHED; i++)
		watch_signal(watched[i], &catch, &before[i]);
	if (tcgetattr(fd, &usual) == 0) {
		silent = usual;
		silent.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
		silent.c_lflag |= ICANON | ISIG;
		/* In the background it stops here, as it should. */
		if (tcsetattr(fd, TCSAFLUSH, &silent) == 0) {
			if (file_write_all(fd, prompt, strlen(prompt)) == 0)
				r = read_line(fd, text, size);
			file_write_all(fd, "\n", 1);
		}
		while (tcsetattr(fd, TCSAFLUSH, &usual) == -1 &&
		    errno == EINTR && caught != SIGTTOU)
			;
	}
	for (i = 0; i < NWATCHED; i++)
		sigaction(watched[i], &before[i], NULL);
	return r;
}

/* What would have happened without us: the process ends, or stops. */
static void
pass_signal_on(int sig)
{
	struct sigaction usual = { .sa_handler = SIG_DFL }, ours;
	sigset_t this, before;

	sigaction(sig, &usual, &ours);
	sigemptyset(&this);
	sigaddset(&this, sig);
	sigprocmask(SIG_UNBLOCK, &this, &before);
	raise(sig);
	sigprocmask(SIG_SETMASK, &before, NULL);
	sigaction(sig, &ours, NULL);
}

int
terminal_ask(const char *prompt, char *text, size_t size)
{
	int fd = terminal_open(), r;

	if (fd == -1)
		return -1;
	do {
		r = ask_once(fd, prompt, text, size);
		if (caught != 0)
			pass_signal_on(caught);
	} while (caught == SIGTSTP || caught == SIGTTIN || caught == SIGTTOU);
	close(fd);
	if (r == -1)
		sodium_memzero(text, size);
	return r;
}
