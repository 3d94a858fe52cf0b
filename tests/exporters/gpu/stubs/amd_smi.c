/* SPDX-License-Identifier: Apache-2.0 */
/* Answers like libamd_smi.so, as far as `joulepath gpu` asks. Names, structures and codes as in amdsmi.h of ROCm 7. */
#include <stdint.h>
#include "state.h"

enum { SUCCESS = 0, INVAL = 1, NOT_SUPPORTED = 2, NOT_INIT = 32 };

typedef struct {
	uint64_t socket;
	uint32_t current, average;
	uint64_t voltages[3];
	uint32_t limit;
	uint64_t rest[18];
} Power;
typedef struct __attribute__((packed)) {
	char name[256];
	uint32_t vendor;
	char vendor_name[256];
	uint32_t subvendor;
	uint64_t device;
	uint32_t revision;
	char serial[256];
	uint32_t oam, units;
	char padding[4];
	uint64_t version;
	uint32_t subsystem, rest[21];
} Asic;

static int uses;

static int fault(void *handle, const char *call)
{
	char name[256];
	snprintf(name, sizeof name, "error.%s", call);
	if (!uses)
		return NOT_INIT;
	return (int)(handle ? state_number(of_gpu((unsigned)(unsigned long)handle - 1, name), SUCCESS)
			    : state_number(name, SUCCESS));
}

#define CHECK(handle)                               \
	do {                                        \
		int code = fault(handle, __func__); \
		if (code)                           \
			return code;                \
	} while (0)
#define GPU(handle) ((unsigned)(unsigned long)(handle)-1)

int amdsmi_init(uint64_t flags)
{
	int code;
	uses++;
	code = fault(NULL, __func__);
	if (code)
		uses--;
	return code;
}

int amdsmi_shut_down(void)
{
	uses--;
	return SUCCESS;
}

/* One socket with all GPUs, or none. */
int amdsmi_get_socket_handles(uint32_t *count, void **sockets)
{
	CHECK(NULL);
	*count = state_number("gpus", 0) > 0;
	if (sockets && *count)
		sockets[0] = (void *)1;
	return SUCCESS;
}

int amdsmi_get_processor_handles(void *socket, uint32_t *count, void **handles)
{
	CHECK(NULL);
	*count = (uint32_t)state_number("gpus", 0);
	for (unsigned index = 0; handles && index < *count; index++)
		handles[index] = (void *)(unsigned long)(index + 1);
	return SUCCESS;
}

int amdsmi_get_gpu_device_uuid(void *handle, unsigned *size, char *uuid)
{
	CHECK(handle);
	return state_text(of_gpu(GPU(handle), "uuid"), 0, uuid, *size) ? SUCCESS : NOT_SUPPORTED;
}

/* Bits: 3 of the function, 5 of the device, 8 of the bus, then the domain. */
int amdsmi_get_gpu_device_bdf(void *handle, uint64_t *bdf)
{
	CHECK(handle);
	*bdf = (uint64_t)(state_number(of_gpu(GPU(handle), "bus"), 0) << 8 |
			  state_number(of_gpu(GPU(handle), "function"), 0));
	return SUCCESS;
}

int amdsmi_get_gpu_asic_info(void *handle, Asic *asic)
{
	CHECK(handle);
	memset(asic, 0, sizeof *asic);
	state_text(of_gpu(GPU(handle), "name"), 0, asic->name, sizeof asic->name);
	strcpy(asic->serial, "0");
	return SUCCESS;
}

int amdsmi_get_energy_count(void *handle, uint64_t *count, float *resolution, uint64_t *at)
{
	long long value = state_number(of_gpu(GPU(handle), "energy"), -1);
	CHECK(handle);
	*count = (uint64_t)value;
	*resolution = 15.25f; /* uJ: exact in binary */
	*at = 0;
	return value < 0 ? NOT_SUPPORTED : SUCCESS;
}

int amdsmi_get_gpu_vram_usage(void *handle, uint32_t *usage)
{
	long long used = state_number(of_gpu(GPU(handle), "vram"), -1);
	CHECK(handle);
	usage[0] = 192 * 1024; /* MiB */
	usage[1] = (uint32_t)used;
	return used < 0 ? NOT_SUPPORTED : SUCCESS;
}

int amdsmi_get_power_info(void *handle, Power *power)
{
	CHECK(handle);
	memset(power, 0, sizeof *power);
	power->current = (uint32_t)state_number(of_gpu(GPU(handle), "current"), 0xFFFF);
	power->average = (uint32_t)state_number(of_gpu(GPU(handle), "average"), 0xFFFF);
	return SUCCESS;
}
