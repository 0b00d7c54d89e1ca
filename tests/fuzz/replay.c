/* SPDX-License-Identifier: ISC */
/* Stands in for libFuzzer: runs a fuzzer once on each file named. */
#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

#define INPUT_MAX (1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
replay(const char *path)
{
	uint8_t *data;
	size_t size;
	FILE *f;

	f = fopen(path, "rb");
	data = malloc(INPUT_MAX);
	if (f == NULL || data == NULL)
		err(EX_NOINPUT, "%s", path);
	size = fread(data, 1, INPUT_MAX, f);
	if (ferror(f) || !feof(f))
		errx(EX_DATAERR, "%s: not read to its end", path);
	fclose(f);
	/* Memory of just that size: the sanitizer sees one byte beyond. */
	data = realloc(data, size > 0 ? size : 1);
	if (data == NULL)
		err(EX_OSERR, NULL);
	printf("%s\n", path);
	fflush(stdout);		/* who crashes is the last one named */
	LLVMFuzzerTestOneInput(data, size);
	free(data);
}

int
main(int argc, char **argv)
{
	int i;

	if (argc < 2)
		errx(EX_USAGE, "usage: %s FILE...", argv[0]);
	for (i = 1; i < argc; i++)
		replay(argv[i]);
	return 0;
}
