# SPDX-License-Identifier: Apache-2.0
"""GPUs of Intel by Level Zero's Sysman. They have an energy counter, and neither a power nor a process' activity."""

import logging
from collections.abc import Sequence
from ctypes import c_void_p

from joulepath.errors import JoulepathError
from joulepath.gpu.source import Device, Identity, LostError, MissingError, Reading
from joulepath.gpu.vendors import levelzero
from joulepath.gpu.vendors.levelzero import LevelZero, ZesError

logger = logging.getLogger(__name__)

_ABSENT = (levelzero.UNSUPPORTED_FEATURE, levelzero.NOT_AVAILABLE)


class IntelLibrary:
    """Level Zero. `path` is that of its loader, found by name if it is not given."""

    vendor = "intel"

    def __init__(self, path: str = "libze_loader.so.1") -> None:
        self.faults: list[str] = []
        self._path = path
        self._known: dict[tuple[str, str], IntelDevice] = {}
        """By UUID and PCI bus: some drivers give all GPUs of a model one UUID."""

    def open(self) -> Sequence[Device]:
        """Looks for GPUs anew. Raises MissingError or JoulepathError."""
        self.faults = []
        try:
            zes = LevelZero(self._path)
        except OSError:
            raise MissingError(f"intel: {self._path} is not there: install Level Zero (libze1)") from None
        try:
            zes.init()
            return [device for handle in zes.gpus() if (device := self._device(zes, handle)) is not None]
        except (ZesError, AttributeError) as error:
            raise JoulepathError(f"intel: Level Zero does not start: {error}") from None

    def close(self) -> None:
        """Level Zero has no end but that of the process."""

    def _device(self, zes: LevelZero, handle: c_void_p) -> "IntelDevice | None":
        try:
            properties, pci, domain = zes.properties(handle), zes.pci(handle), zes.power_domain(handle)
        except ZesError as error:
            self.faults.append(f"intel: a GPU cannot be opened: {error}")
            return None
        uuid = bytes(properties.core.uuid).hex()
        bus = f"{pci.domain:04x}:{pci.bus:02x}:{pci.device:02x}.{pci.function:x}"
        key = uuid, bus
        if key not in self._known:
            name = (properties.core.name or properties.model).decode("utf-8", "replace")
            self._known[key] = IntelDevice(Identity(self.vendor, uuid, name, bus))
        self._known[key].attach(zes, domain)
        return self._known[key]


class IntelDevice:
    """One GPU, all tiles."""

    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        self._zes: LevelZero | None = None
        self._domain: c_void_p | None = None

    def attach(self, zes: LevelZero, domain: c_void_p | None) -> None:
        """Takes the domain that was found last; None where the GPU has none."""
        self._zes, self._domain = zes, domain

    def read(self) -> Reading:
        """Reads the energy counter. Raises LostError."""
        if self._zes is None or self._domain is None:
            return Reading(None, None)
        try:
            return Reading(self._zes.energy(self._domain), None)
        except ZesError as error:
            if error.code in _ABSENT:
                return Reading(None, None)
            if error.code == levelzero.INSUFFICIENT_PERMISSIONS:
                fault = f"intel: GPU {self.identity.bus}: energy cannot be read: run as root"
                return Reading(None, None, faults=[fault])
            raise LostError(f"intel: GPU {self.identity.bus} does not answer: {error}") from None
