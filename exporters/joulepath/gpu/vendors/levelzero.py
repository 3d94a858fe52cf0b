# SPDX-License-Identifier: Apache-2.0
"""The few calls of Level Zero's Sysman (zes_api.h) that meter a GPU, through ctypes.

Intel's binding `pyzes` loads the library of one path of Debian on x86-64 and no other, hence not that.
"""

import ctypes
from ctypes import byref, c_char, c_int32, c_ubyte, c_uint32, c_uint64, c_void_p
from typing import Any

SUCCESS = 0
DEVICE_LOST = 0x70000001
INSUFFICIENT_PERMISSIONS = 0x70010000
NOT_AVAILABLE = 0x70010001
UNINITIALIZED = 0x78000001
UNSUPPORTED_FEATURE = 0x78000003
# ze_result_t

_DEVICE_PROPERTIES, _PCI_PROPERTIES, _POWER_PROPERTIES = 0x1, 0x2, 0xD  # zes_structure_type_t
_GPU = 1  # ZE_DEVICE_TYPE_GPU


class ZesError(Exception):
    """A call failed with `code`."""

    def __init__(self, call: str, code: int) -> None:
        super().__init__(f"{call} failed with 0x{code:08x}")
        self.code = code


class _Core(ctypes.Structure):
    """ze_device_properties_t."""

    _fields_ = (
        ("stype", c_int32),
        ("next", c_void_p),
        ("type", c_int32),
        ("vendor", c_uint32),
        ("device", c_uint32),
        ("flags", c_uint32),
        ("subdevice", c_uint32),
        ("clock", c_uint32),
        ("allocation", c_uint64),
        ("numbers", c_uint32 * 7),
        ("timer", c_uint64),
        ("bits", c_uint32 * 2),
        ("uuid", c_ubyte * 16),
        ("name", c_char * 256),
    )


class DeviceProperties(ctypes.Structure):
    """zes_device_properties_t."""

    _fields_ = (
        ("stype", c_int32),
        ("next", c_void_p),
        ("core", _Core),
        ("subdevices", c_uint32),
        ("serial", c_char * 64),
        ("board", c_char * 64),
        ("brand", c_char * 64),
        ("model", c_char * 64),
        ("vendor", c_char * 64),
        ("driver", c_char * 64),
    )


class PciProperties(ctypes.Structure):
    """zes_pci_properties_t."""

    _fields_ = (
        ("stype", c_int32),
        ("next", c_void_p),
        ("domain", c_uint32),
        ("bus", c_uint32),
        ("device", c_uint32),
        ("function", c_uint32),
        ("generation", c_int32),
        ("width", c_int32),
        ("bandwidth", ctypes.c_int64),
        ("counters", c_ubyte * 3),
    )


class PowerProperties(ctypes.Structure):
    """zes_power_properties_t."""

    _fields_ = (
        ("stype", c_int32),
        ("next", c_void_p),
        ("on_subdevice", c_ubyte),
        ("subdevice", c_uint32),
        ("can_control", c_ubyte),
        ("has_threshold", c_ubyte),
        ("limits", c_int32 * 3),
    )


class EnergyCounter(ctypes.Structure):
    """zes_power_energy_counter_t: uJ, and us."""

    _fields_ = (("energy", c_uint64), ("timestamp", c_uint64))


class LevelZero:
    """The loader's library. Raises OSError where it cannot be loaded, ZesError where a call fails."""

    def __init__(self, path: str = "libze_loader.so.1") -> None:
        self._library = ctypes.CDLL(path)

    def init(self) -> None:
        """zesInit."""
        self._call("zesInit", c_uint32(0))

    def gpus(self) -> list[c_void_p]:
        """The GPUs of every driver."""
        devices = [device for driver in self._list("zesDriverGet") for device in self._list("zesDeviceGet", driver)]
        return [device for device in devices if self._is_gpu(device)]

    def properties(self, device: c_void_p) -> DeviceProperties:
        """zesDeviceGetProperties."""
        found = DeviceProperties(stype=_DEVICE_PROPERTIES)
        self._call("zesDeviceGetProperties", device, byref(found))
        return found

    def pci(self, device: c_void_p) -> PciProperties:
        """zesDevicePciGetProperties."""
        found = PciProperties(stype=_PCI_PROPERTIES)
        self._call("zesDevicePciGetProperties", device, byref(found))
        return found

    def power_domain(self, device: c_void_p) -> c_void_p | None:
        """The domain of the whole card, else the first that is not of a tile; None where the GPU has none."""
        card = c_void_p()
        try:
            self._call("zesDeviceGetCardPowerDomain", device, byref(card))
        except (AttributeError, ZesError):  # an older loader or driver, or no such domain
            domains = self._list("zesDeviceEnumPowerDomains", device)
            return next((domain for domain in domains if not self._on_tile(domain)), None)
        return card

    def energy(self, domain: c_void_p) -> float:
        """The energy counter of a domain [J]."""
        found = EnergyCounter()
        self._call("zesPowerGetEnergyCounter", domain, byref(found))
        return float(found.energy) / 1e6

    def _is_gpu(self, device: c_void_p) -> bool:
        try:
            return bool(self.properties(device).core.type == _GPU)
        except ZesError:
            return False

    def _on_tile(self, domain: c_void_p) -> bool:
        found = PowerProperties(stype=_POWER_PROPERTIES)
        self._call("zesPowerGetProperties", domain, byref(found))
        return bool(found.on_subdevice)

    def _list(self, call: str, *of: c_void_p) -> list[c_void_p]:
        """Handles: asked once for their number and once for them."""
        count = c_uint32(0)
        self._call(call, *of, byref(count), None)
        handles = (c_void_p * count.value)()
        if count.value:
            self._call(call, *of, byref(count), handles)
        return [c_void_p(handle) for handle in handles[: count.value]]

    def _call(self, call: str, *arguments: Any) -> None:
        function = getattr(self._library, call)
        function.restype = c_uint32
        code = function(*arguments)
        if code != SUCCESS:
            raise ZesError(call, code)
