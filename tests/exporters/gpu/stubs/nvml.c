/* SPDX-License-Identifier: Apache-2.0 */
/* Answers like libnvidia-ml.so.1, as far as `joulepath gpu` asks. Names, structures and codes as in nvml.h. */
#include "state.h"

enum {
	SUCCESS,
	UNINITIALIZED,
	INVALID_ARGUMENT,
	NOT_SUPPORTED,
	NO_PERMISSION,
	NOT_FOUND = 6,
	INSUFFICIENT_SIZE = 7,
	GPU_IS_LOST = 15
};

typedef struct {
	unsigned pid;
	unsigned long long timeStamp;
	unsigned smUtil, memUtil, encUtil, decUtil;
} Sample;
typedef struct {
	char busIdLegacy[16];
	unsigned domain, bus, device, pciDeviceId, pciSubSystemId;
	char busId[32];
} Pci;
typedef struct {
	unsigned multiprocessors, shared[5], gpuSlices, computeSlices;
	unsigned long long memory;
} Attributes;
typedef struct {
	unsigned version, supported;
} Support;
typedef struct {
	long long busy, time;
} GpmSample;
typedef struct {
	unsigned id, result;
	double value;
	const char *info[3];
} Metric;
typedef struct {
	unsigned version, count;
	GpmSample *before, *after;
	Metric metrics[1];
} Metrics;

static int uses;
static long allocated;

long stub_allocated(void)
{
	return allocated;
}

/* Handles: 1 + index of a GPU; for MIG devices 1000 times that and 1 + the device's index. */
static unsigned gpu_of(void *handle)
{
	unsigned long number = (unsigned long)handle;
	return (unsigned)(number >= 1000 ? number / 1000 : number) - 1;
}

static int fault(const char *call)
{
	char key[256];
	snprintf(key, sizeof key, "error.%s", call);
	if (!uses)
		return UNINITIALIZED;
	return (int)state_number(key, SUCCESS);
}

static int gpu_fault(void *handle, const char *call)
{
	char name[256];
	int code = fault(call);
	if (code)
		return code;
	if (gpu_of(handle) >= state_number("gpus", 0))
		return INVALID_ARGUMENT;
	if (state_number(of_gpu(gpu_of(handle), "lost"), 0))
		return GPU_IS_LOST;
	snprintf(name, sizeof name, "error.%s", call);
	return (int)state_number(of_gpu(gpu_of(handle), name), SUCCESS);
}

#define CHECK(handle)                                   \
	do {                                            \
		int code = gpu_fault(handle, __func__); \
		if (code)                               \
			return code;                    \
	} while (0)

int nvmlInitWithFlags(unsigned flags)
{
	int code;
	uses++;
	code = fault(__func__);
	if (code)
		uses--;
	return code;
}

int nvmlShutdown(void)
{
	if (!uses)
		return UNINITIALIZED;
	uses--;
	return SUCCESS;
}

const char *nvmlErrorString(int code)
{
	return "an error of the stub";
}

int nvmlDeviceGetCount_v2(unsigned *count)
{
	int code = fault(__func__);
	*count = (unsigned)state_number("gpus", 0);
	return code;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **handle)
{
	*handle = (void *)(unsigned long)(index + 1);
	CHECK(*handle);
	return SUCCESS;
}

static int text(void *handle, const char *name, char *value, unsigned size)
{
	return state_text(of_gpu(gpu_of(handle), name), 0, value, size) ? SUCCESS : NOT_SUPPORTED;
}

/* Of the MIG device: 0 index, 1 id of the GPU instance, 2 slices, 3 profile, 4 uuid. */
static int mig(void *handle, int field, char *value, size_t size)
{
	char line[256], *word, *rest = line;
	unsigned index = (unsigned)((unsigned long)handle % 1000) - 1;
	for (int nth = 0; state_text(of_gpu(gpu_of(handle), "mig.device"), nth, line, sizeof line); nth++) {
		rest = line;
		word = strsep(&rest, " ");
		if (strtoul(word, NULL, 0) != index)
			continue;
		for (int skip = 0; skip < field; skip++)
			word = strsep(&rest, " ");
		snprintf(value, size, "%s", word);
		return SUCCESS;
	}
	return NOT_FOUND;
}

static int is_mig(void *handle)
{
	return (unsigned long)handle >= 1000;
}

int nvmlDeviceGetUUID(void *handle, char *value, unsigned size)
{
	CHECK(handle);
	return is_mig(handle) ? mig(handle, 4, value, size) : text(handle, "uuid", value, size);
}

int nvmlDeviceGetName(void *handle, char *value, unsigned size)
{
	char profile[64];
	CHECK(handle);
	if (!is_mig(handle))
		return text(handle, "name", value, size);
	mig(handle, 3, profile, sizeof profile);
	snprintf(value, size, "NVIDIA H100 80GB HBM3 MIG %s", profile);
	return SUCCESS;
}

int nvmlDeviceGetPciInfo_v3(void *handle, Pci *pci)
{
	CHECK(handle);
	memset(pci, 0, sizeof *pci);
	pci->bus = (unsigned)state_number(of_gpu(gpu_of(handle), "bus"), 0);
	return SUCCESS;
}

int nvmlDeviceGetTotalEnergyConsumption(void *handle, unsigned long long *energy)
{
	long long value;
	CHECK(handle);
	value = state_number(of_gpu(gpu_of(handle), "energy"), -1);
	*energy = (unsigned long long)value;
	return value < 0 ? NOT_SUPPORTED : SUCCESS;
}

int nvmlDeviceGetMemoryInfo(void *handle, unsigned long long *memory)
{
	long long used;
	CHECK(handle);
	used = state_number(of_gpu(gpu_of(handle), "memory"), -1);
	memory[0] = 80ull << 30; /* total, free, used */
	memory[1] = memory[0] - (unsigned long long)used;
	memory[2] = (unsigned long long)used;
	return used < 0 ? NOT_SUPPORTED : SUCCESS;
}

int nvmlDeviceGetPowerUsage(void *handle, unsigned *power)
{
	long long value;
	CHECK(handle);
	value = state_number(of_gpu(gpu_of(handle), "power"), -1);
	*power = (unsigned)value;
	return value < 0 ? NOT_SUPPORTED : SUCCESS;
}

/* One sample for each process since `since`: the mean over all samples since then, and when it was last active. */
int nvmlDeviceGetProcessUtilization(void *handle, Sample *samples, unsigned *count, unsigned long long since)
{
	static Sample found[256];
	char line[256];
	unsigned processes = 0, ticks = 0;
	unsigned long long last = 0;
	CHECK(handle);
	if (state_number(of_gpu(gpu_of(handle), "mig"), 0))
		return NOT_SUPPORTED;
	for (int nth = 0; state_text(of_gpu(gpu_of(handle), "sample"), nth, line, sizeof line); nth++) {
		unsigned long long at;
		unsigned pid, percent, index;
		sscanf(line, "%llu %u %u", &at, &pid, &percent);
		if (at <= since)
			continue;
		if (at != last)
			ticks++;
		last = at;
		if (!percent)
			continue;
		for (index = 0; index < processes && found[index].pid != pid; index++)
			;
		if (index == processes)
			found[processes++] = (Sample){.pid = pid};
		found[index].smUtil += percent;
		found[index].timeStamp = at;
	}
	if (!processes)
		return NOT_FOUND;
	if (!samples || *count < processes) {
		*count = processes;
		return INSUFFICIENT_SIZE;
	}
	*count = processes;
	for (unsigned index = 0; index < processes; index++) {
		samples[index] = found[index];
		samples[index].smUtil = found[index].smUtil / ticks;
	}
	return SUCCESS;
}

int nvmlDeviceGetMigMode(void *handle, unsigned *current, unsigned *pending)
{
	long long value;
	CHECK(handle);
	value = state_number(of_gpu(gpu_of(handle), "mig"), -1);
	*current = *pending = value > 0;
	return value < 0 ? NOT_SUPPORTED : SUCCESS;
}

int nvmlDeviceGetMaxMigDeviceCount(void *handle, unsigned *count)
{
	CHECK(handle);
	*count = 7;
	return SUCCESS;
}

int nvmlDeviceGetMigDeviceHandleByIndex(void *handle, unsigned index, void **device)
{
	char value[64];
	CHECK(handle);
	*device = (void *)(1000ul * (unsigned long)handle + index + 1);
	return mig(*device, 1, value, sizeof value);
}

int nvmlDeviceGetGpuInstanceId(void *handle, unsigned *identity)
{
	char value[64];
	CHECK(handle);
	mig(handle, 1, value, sizeof value);
	*identity = (unsigned)strtoul(value, NULL, 0);
	return SUCCESS;
}

int nvmlDeviceGetAttributes_v2(void *handle, Attributes *attributes)
{
	char value[64];
	CHECK(handle);
	mig(handle, 2, value, sizeof value);
	memset(attributes, 0, sizeof *attributes);
	attributes->gpuSlices = (unsigned)strtoul(value, NULL, 0);
	return SUCCESS;
}

int nvmlGpmQueryDeviceSupport(void *handle, Support *support)
{
	CHECK(handle);
	support->supported = (unsigned)state_number(of_gpu(gpu_of(handle), "gpm"), 0);
	return SUCCESS;
}

int nvmlGpmSampleAlloc(GpmSample **sample)
{
	*sample = calloc(1, sizeof **sample);
	allocated++;
	return SUCCESS;
}

int nvmlGpmSampleFree(GpmSample *sample)
{
	free(sample);
	allocated--;
	return SUCCESS;
}

/* gpu.N.gpm.INSTANCE BUSY TIME: counters, of which two samples have the difference. */
int nvmlGpmMigSampleGet(void *handle, unsigned instance, GpmSample *sample)
{
	char name[64], value[128];
	CHECK(handle);
	snprintf(name, sizeof name, "gpm.%u", instance);
	if (!state_text(of_gpu(gpu_of(handle), name), 0, value, sizeof value))
		return NOT_SUPPORTED;
	sscanf(value, "%lld %lld", &sample->busy, &sample->time);
	return SUCCESS;
}

int nvmlGpmMetricsGet(Metrics *metrics)
{
	long long time = metrics->after->time - metrics->before->time;
	if (metrics->version != 1 || metrics->count != 1 || metrics->metrics[0].id != 2)
		return INVALID_ARGUMENT;
	metrics->metrics[0].result = time > 0 ? SUCCESS : NOT_SUPPORTED;
	metrics->metrics[0].value = 100.0 * (double)(metrics->after->busy - metrics->before->busy) / (double)time;
	return SUCCESS;
}
