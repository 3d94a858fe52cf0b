/* SPDX-License-Identifier: Apache-2.0 */
/* What a library answers: lines "KEY VALUE..." of the file STUB_STATE, which the test writes anew when it likes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Copies the value of the `nth` line with this key; 0 if there is none. */
static int state_text(const char *key, int nth, char *value, size_t size)
{
	char line[1024];
	size_t length = strlen(key);
	int found = 0;
	FILE *file = fopen(getenv("STUB_STATE"), "r");
	if (!file)
		return 0;
	while (!found && fgets(line, sizeof line, file)) {
		if (strncmp(line, key, length) == 0 && line[length] == ' ' && nth-- == 0) {
			line[strcspn(line, "\n")] = 0;
			snprintf(value, size, "%s", line + length + 1);
			found = 1;
		}
	}
	fclose(file);
	return found;
}

static long long state_number(const char *key, long long otherwise)
{
	char value[256];
	return state_text(key, 0, value, sizeof value) ? strtoll(value, NULL, 0) : otherwise;
}

/* The keys of one GPU: gpu.INDEX.NAME */
static const char *of_gpu(unsigned gpu, const char *name)
{
	static __thread char key[256];
	snprintf(key, sizeof key, "gpu.%u.%s", gpu, name);
	return key;
}
