/* SPDX-License-Identifier: Apache-2.0 */
/* Answers like libze_loader.so.1, as far as `joulepath gpu` asks. Names, structures and codes as in zes_api.h. */
#include <stdint.h>
#include "state.h"

enum { SUCCESS = 0, UNINITIALIZED = 0x78000001, UNSUPPORTED_FEATURE = 0x78000003 };

typedef struct {
	int32_t stype;
	void *next;
	int32_t type;
	uint32_t vendor, device, flags, subdevice, clock;
	uint64_t allocation;
	uint32_t numbers[7];
	uint64_t timer;
	uint32_t bits[2];
	unsigned char uuid[16];
	char name[256];
} Core;
typedef struct {
	int32_t stype;
	void *next;
	Core core;
	uint32_t subdevices;
	char texts[6][64];
} Device;
typedef struct {
	int32_t stype;
	void *next;
	uint32_t domain, bus, device, function;
	int32_t generation, width;
	int64_t bandwidth;
	unsigned char counters[3];
} Pci;
typedef struct {
	int32_t stype;
	void *next;
	unsigned char on_subdevice;
	uint32_t subdevice;
	unsigned char rest[2];
	int32_t limits[3];
} Power;
typedef struct {
	uint64_t energy, at;
} Energy;

static int ready;

static int fault(unsigned gpu, const char *call)
{
	char name[256];
	snprintf(name, sizeof name, "error.%s", call);
	if (!ready)
		return UNINITIALIZED;
	return (int)state_number(of_gpu(gpu, name), SUCCESS);
}

#define GPU(handle) ((unsigned)((unsigned long)(handle) % 1000) - 1)
#define CHECK(handle)                                    \
	do {                                             \
		int code = fault(GPU(handle), __func__); \
		if (code)                                \
			return code;                     \
	} while (0)

int zesInit(uint32_t flags)
{
	int code = (int)state_number("error.zesInit", SUCCESS);
	ready = code == SUCCESS;
	return code;
}

int zesDriverGet(uint32_t *count, void **drivers)
{
	*count = 1;
	if (drivers)
		drivers[0] = (void *)1;
	return SUCCESS;
}

int zesDeviceGet(void *driver, uint32_t *count, void **devices)
{
	*count = (uint32_t)state_number("gpus", 0);
	for (unsigned index = 0; devices && index < *count; index++)
		devices[index] = (void *)(unsigned long)(index + 1);
	return SUCCESS;
}

int zesDeviceGetProperties(void *device, Device *properties)
{
	CHECK(device);
	if (properties->stype != 1)
		return UNSUPPORTED_FEATURE;
	properties->core.type = (int32_t)state_number(of_gpu(GPU(device), "type"), 1);
	properties->core.uuid[15] = (unsigned char)state_number(of_gpu(GPU(device), "uuid"), 0);
	state_text(of_gpu(GPU(device), "name"), 0, properties->core.name, sizeof properties->core.name);
	return SUCCESS;
}

int zesDevicePciGetProperties(void *device, Pci *pci)
{
	CHECK(device);
	if (pci->stype != 2)
		return UNSUPPORTED_FEATURE;
	pci->bus = (uint32_t)state_number(of_gpu(GPU(device), "bus"), 0);
	return SUCCESS;
}

/* Domains: 1000 + handle is the card's, 2000 + handle a tile's, 3000 + handle the package's. */
int zesDeviceGetCardPowerDomain(void *device, void **domain)
{
	CHECK(device);
	*domain = (void *)(1000 + (unsigned long)device);
	return state_number(of_gpu(GPU(device), "card"), 1) ? SUCCESS : UNSUPPORTED_FEATURE;
}

int zesDeviceEnumPowerDomains(void *device, uint32_t *count, void **domains)
{
	CHECK(device);
	*count = (uint32_t)state_number(of_gpu(GPU(device), "domains"), 2);
	for (unsigned index = 0; domains && index < *count; index++)
		domains[index] = (void *)(2000 + 1000ul * index + (unsigned long)device);
	return SUCCESS;
}

int zesPowerGetProperties(void *domain, Power *properties)
{
	CHECK(domain);
	if (properties->stype != 0xD)
		return UNSUPPORTED_FEATURE;
	properties->on_subdevice = (unsigned long)domain / 1000 == 2;
	return SUCCESS;
}

int zesPowerGetEnergyCounter(void *domain, Energy *counter)
{
	long long value;
	CHECK(domain);
	value = state_number(of_gpu(GPU(domain), (unsigned long)domain / 1000 == 2 ? "tile" : "energy"), -1);
	counter->energy = (uint64_t)value;
	return value < 0 ? UNSUPPORTED_FEATURE : SUCCESS;
}
