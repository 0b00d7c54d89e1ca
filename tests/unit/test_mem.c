/* SPDX-License-Identifier: ISC */
/* Memory: allocation that cannot fail, and the buffer against a model. */
#include <sys/wait.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "orthrus/base/mem.h"

/* The address sanitizer shall fail as malloc(3) does, for test_exhausted. */
const char *__asan_default_options(void);

const char *
__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

static void
test_alloc(void **state)
{
	uint32_t *p;
	char *s;
	size_t i;

	(void)state;
	p = xcalloc(100, sizeof(*p));
	for (i = 0; i < 100; i++)
		assert_int_equal(p[i], 0);
	p[99] = 7;
	p = xreallocarray(p, 200, sizeof(*p));
	assert_int_equal(p[99], 7);
	p = xreallocarray(p, 0, sizeof(*p));
	assert_non_null(p);
	free(p);
	p = xreallocarray(NULL, 3, sizeof(*p));
	assert_non_null(p);
	free(p);
	p = xcalloc(0, 0);
	assert_non_null(p);
	free(p);

	s = xstrdup("");
	assert_string_equal(s, "");
	free(s);
	s = xstrdup("orthrus");
	assert_string_equal(s, "orthrus");
	free(s);
	s = xasprintf("%s:%d", "host", 22);
	assert_string_equal(s, "host:22");
	free(s);
}

/* Runs a child that asks for n * size bytes; it must end as promised. */
static void
exhaust(size_t n, size_t size, int again)
{
	char text[4096] = "";
	int fds[2], status;
	void *p;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		dup2(fds[1], STDERR_FILENO);
		p = again ? xreallocarray(NULL, n, size) : xcalloc(n, size);
		_exit(p == NULL ? 1 : 2);
	}
	close(fds[1]);
	/* Sanitizers warn before our line: read until the end of file. */
	for (size_t len = 0; len < sizeof(text) - 1; ) {
		ssize_t got = read(fds[0], text + len, sizeof(text) - 1 - len);

		if (got <= 0)
			break;
		len += (size_t)got;
	}
	close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), EX_OSERR);
	assert_non_null(strstr(text, "out of memory\n"));
}

static void
test_exhausted(void **state)
{
	(void)state;
	exhaust(SIZE_MAX, 2, 0);
	exhaust(SIZE_MAX / 2, 3, 1);
	exhaust(SIZE_MAX / 4, 1, 0);
}

static void
test_buffer_limits(void **state)
{
	struct buffer b;

	(void)state;
	buffer_init(&b, 5);
	assert_null(buffer_head(&b));
	assert_int_equal(buffer_put(&b, NULL, 0), 0);
	assert_null(b.data);
	assert_int_equal(buffer_put(&b, "123456", 6), -1);
	assert_int_equal(b.len, 0);
	assert_int_equal(buffer_put(&b, "123", 3), 0);
	assert_int_equal(buffer_put(&b, "456", 3), -1);
	assert_int_equal(b.len, 3);
	assert_int_equal(buffer_put(&b, "45", 2), 0);
	assert_int_equal(buffer_put(&b, "6", 1), -1);
	assert_int_equal(buffer_put(&b, "6", SIZE_MAX), -1);
	assert_int_equal(buffer_put(&b, NULL, 0), 0);
	assert_true(b.size <= 5);
	assert_memory_equal(buffer_head(&b), "12345", 5);

	buffer_drop(&b, 0);
	buffer_drop(&b, 2);
	assert_memory_equal(buffer_head(&b), "345", 3);
	assert_int_equal(buffer_put(&b, "67", 2), 0);
	assert_memory_equal(buffer_head(&b), "34567", 5);
	buffer_drop(&b, 5);
	assert_null(b.data);		/* empty: given back */
	assert_null(buffer_head(&b));

	assert_int_equal(buffer_put(&b, "again", 5), 0);
	buffer_clear(&b);
	assert_null(b.data);
	assert_int_equal(b.len, 0);
	assert_int_equal(buffer_put(&b, "123456", 6), -1);
	buffer_clear(&b);

	buffer_init(&b, 0);
	assert_int_equal(buffer_put(&b, "1", 1), -1);
	assert_int_equal(buffer_put(&b, "", 0), 0);
	buffer_clear(&b);

	buffer_init(&b, SIZE_MAX);
	assert_int_equal(buffer_put(&b, "1", 1), 0);
	assert_true(b.size < 65536);	/* a limit is not an allocation */
	assert_int_equal(buffer_put(&b, "1", SIZE_MAX), -1);
	buffer_clear(&b);
}

static int
all_zero(const uint8_t *p, size_t n)
{
	while (n > 0) {
		if (p[--n] != 0)
			return 0;
	}
	return 1;
}

/* Everything of the storage that is not queued is zero. */
static void
assert_wiped(const struct buffer *b)
{
	size_t end = b->off + b->len;

	if (b->data == NULL)
		return;
	assert_true(end <= b->size);
	assert_true(all_zero(b->data, b->off));
	assert_true(all_zero(b->data + end, b->size - end));
}

static void
test_buffer_model(void **state)
{
	enum { LIMIT = 10000, ROUNDS = 20000 };
	static uint8_t model[LIMIT], chunk[LIMIT + 1];
	size_t len = 0, n, i, round;
	unsigned seed = 1;
	struct buffer b;

	(void)state;
	buffer_init(&b, LIMIT);
	for (round = 0; round < ROUNDS; round++) {
		n = (size_t)rand_r(&seed) %
		    (round % 100 == 0 ? LIMIT + 1 : 300);
		if (rand_r(&seed) % 2 == 0) {
			for (i = 0; i < n; i++)
				chunk[i] = (uint8_t)(rand_r(&seed) % 255 + 1);
			if (n > LIMIT - len) {
				assert_int_equal(buffer_put(&b, chunk, n), -1);
			} else {
				assert_int_equal(buffer_put(&b, chunk, n), 0);
				memcpy(model + len, chunk, n);
				len += n;
			}
		} else {
			n = n > len ? len : n;
			buffer_drop(&b, n);
			memmove(model, model + n, len - n);
			len -= n;
		}
		assert_int_equal(b.len, len);
		assert_true(b.size <= LIMIT);
		if (len > 0)
			assert_memory_equal(buffer_head(&b), model, len);
		else
			assert_null(b.data);
		assert_wiped(&b);
	}
	buffer_clear(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alloc),
		cmocka_unit_test(test_exhausted),
		cmocka_unit_test(test_buffer_limits),
		cmocka_unit_test(test_buffer_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
