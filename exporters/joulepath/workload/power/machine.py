# SPDX-License-Identifier: Apache-2.0
"""The properties of this machine, and whether a power model holds for it.

Files: /proc/cpuinfo and /proc/meminfo (proc(5)), /sys/class/dmi/id (Documentation/ABI/testing/sysfs-class-dmi-id),
scaling_governor (Documentation/admin-guide/pm/cpufreq.rst).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from joulepath.errors import UsageError
from joulepath.workload import host
from joulepath.workload.kernelfile import content
from joulepath.workload.places import Places
from joulepath.workload.power.model import Machine, PowerModel

MEMORY_TOLERANCE = 0.05
"""The kernel keeps some memory for itself, and with another version some more."""


def read(places: Places) -> Machine:
    """This machine. Raises JoulepathError when its CPUs cannot be counted."""
    total = memory(places.procfs).get("MemTotal")
    return Machine(
        cpu_model=_cpu_model(places.procfs),
        cpus=host.read(places.procfs).cpus,
        memory_bytes=total,
        product_name=_line(places.sysfs / "class/dmi/id/product_name") or _line(places.procfs / "device-tree/model"),
        governor=_line(places.sysfs / "devices/system/cpu/cpu0/cpufreq/scaling_governor"),
    )


def memory(procfs: Path) -> Mapping[str, float]:
    """Bytes by their name in /proc/meminfo; empty if it cannot be read."""
    found = {}
    for line in (content(str(procfs / "meminfo")) or b"").splitlines():
        name, _, rest = line.partition(b":")
        words = rest.split()
        if len(words) == 2 and words[0].isdigit() and words[1] == b"kB":
            found[name.decode("ascii", "replace")] = int(words[0]) * 1024.0
    return found


@dataclass(frozen=True)
class Refusal:
    """No model holds for this machine; one line for each model that says what differs."""

    lines: Sequence[str]


def chosen(models: Sequence[tuple[Path, PowerModel]], here: Machine, *, force: bool) -> PowerModel | Refusal:
    """The model that holds for this machine. Raises UsageError for two of them, or for two of one name."""
    names: dict[str, Path] = {}
    for path, model in models:
        if (other := names.setdefault(model.name, path)) != path:
            raise UsageError(f"{path}: name: {model.name!r} is the name of {other}, too: give one of them another")
    if force and len(models) == 1:
        return models[0][1]
    holding = [(path, model) for path, model in models if not list(differences(model.machine, here))]
    if len(holding) > 1:
        (first, _), (second, _) = holding[:2]
        raise UsageError(f"{second}: holds for this machine, as {first} does: leave one of them out")
    if holding:
        return holding[0][1]
    return Refusal(
        tuple(
            f"{path}: machine: is another one than this: {', '.join(differences(model.machine, here))}: fit a model on "
            "a machine of this kind (joulepath calibrate model), or state --power-model.force"
            for path, model in models
        )
    )


def differences(wanted: Machine, here: Machine) -> Iterator[str]:
    """The properties that differ, in words."""
    for field in fields(Machine):
        want, have = getattr(wanted, field.name), getattr(here, field.name)
        if want is None or want == have:
            continue
        if field.name == "memory_bytes" and have is not None and abs(have - want) <= MEMORY_TOLERANCE * want:
            continue
        yield f"{field.name} is {_shown(have)} and not {_shown(want)}"


def _shown(value: str | float | None) -> str:
    if value is None:
        return "unknown"
    return repr(value) if isinstance(value, str) else f"{value:.0f}"


def _cpu_model(procfs: Path) -> str | None:
    """`model name`; Arm's implementer and part where the kernel names no model."""
    pairs: dict[bytes, str] = {}
    for line in (content(str(procfs / "cpuinfo")) or b"").splitlines():
        name, _, value = line.partition(b":")
        pairs.setdefault(name.strip(), value.decode("utf-8", "replace").strip())
    if found := pairs.get(b"model name"):
        return found
    implementer, part = pairs.get(b"CPU implementer"), pairs.get(b"CPU part")
    return f"implementer {implementer} part {part}" if implementer and part else None


def _line(path: Path) -> str | None:
    text = content(str(path))
    return text.decode("utf-8", "replace").strip().strip("\0") or None if text is not None else None
