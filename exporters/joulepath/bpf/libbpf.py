# SPDX-License-Identifier: Apache-2.0
"""libbpf by ctypes: opens an object file, loads its programs, reads and writes its maps. Needs libbpf 1.0 or newer."""

import contextlib
import ctypes
import errno
import functools
import logging
import os
import resource
from collections.abc import Iterator, Mapping
from typing import Self

from joulepath.errors import JoulepathError

logger = logging.getLogger(__name__)

_LIBRARY = "libbpf.so.1"
_BATCH = 1024
"""Entries of a map asked for at once."""

_int, _size, _pointer, _string = ctypes.c_int, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_char_p
_uint, _flags = ctypes.c_uint32, ctypes.c_uint64
# Without these, ctypes would cut pointers to 32 bits.
_SIGNATURES: Mapping[str, tuple[type, tuple[type, ...]]] = {
    "libbpf_num_possible_cpus": (_int, ()),
    "bpf_object__open_mem": (_pointer, (_string, _size, _pointer)),
    "bpf_object__load": (_int, (_pointer,)),
    "bpf_object__close": (_int, (_pointer,)),
    "bpf_object__find_program_by_name": (_pointer, (_pointer, _string)),
    "bpf_object__find_map_by_name": (_pointer, (_pointer, _string)),
    "bpf_object__next_program": (_pointer, (_pointer, _pointer)),
    "bpf_program__name": (_string, (_pointer,)),
    "bpf_program__fd": (_int, (_pointer,)),
    "bpf_program__set_autoload": (_int, (_pointer, ctypes.c_bool)),
    "bpf_map__name": (_string, (_pointer,)),
    "bpf_map__fd": (_int, (_pointer,)),
    "bpf_map__type": (_int, (_pointer,)),
    "bpf_map__key_size": (_uint, (_pointer,)),
    "bpf_map__value_size": (_uint, (_pointer,)),
    "bpf_map__max_entries": (_uint, (_pointer,)),
    "bpf_map__set_max_entries": (_int, (_pointer, _uint)),
    "bpf_map__set_initial_value": (_int, (_pointer, _pointer, _size)),
    "bpf_map__reuse_fd": (_int, (_pointer, _int)),
    "bpf_map_update_elem": (_int, (_int, _pointer, _pointer, _flags)),
    "bpf_map_lookup_elem": (_int, (_int, _pointer, _pointer)),
    "bpf_map_delete_elem": (_int, (_int, _pointer)),
    "bpf_map_lookup_batch": (_int, (_int, _pointer, _pointer, _pointer, _pointer, _pointer, _pointer)),
    "bpf_map_lookup_and_delete_batch": (_int, (_int, _pointer, _pointer, _pointer, _pointer, _pointer, _pointer)),
    "bpf_map_update_batch": (_int, (_int, _pointer, _pointer, _pointer, _pointer)),
    "bpf_prog_get_fd_by_id": (_int, (_uint,)),
    "bpf_obj_get_info_by_fd": (_int, (_int, _pointer, _pointer)),
    "bpf_tc_hook_create": (_int, (_pointer,)),
    "bpf_tc_hook_destroy": (_int, (_pointer,)),
    "bpf_tc_attach": (_int, (_pointer, _pointer)),
    "bpf_tc_detach": (_int, (_pointer, _pointer)),
    "bpf_tc_query": (_int, (_pointer, _pointer)),
    "bpf_prog_test_run_opts": (_int, (_int, _pointer)),
}
_PRINT = ctypes.CFUNCTYPE(_int, _int, _pointer, _pointer)
# include/uapi/linux/bpf.h, enum bpf_map_type
_PER_CPU = {5, 6, 10, 21}
_HASHES = {1, 5, 9, 10}


class BpfError(JoulepathError):
    """The kernel or libbpf refused; `number` is the errno."""

    def __init__(self, what: str, number: int) -> None:
        super().__init__(f"{what}: {os.strerror(number)}")
        self.number = number


class UnavailableError(JoulepathError):
    """This machine or this process cannot use BPF at all."""


@functools.cache
def library() -> ctypes.CDLL:
    """libbpf with the signatures that we use. Raises UnavailableError where it is not installed or too old."""
    try:
        loaded = ctypes.CDLL(_LIBRARY, use_errno=True)
        for name, (result, arguments) in _SIGNATURES.items():
            function = getattr(loaded, name)
            function.restype, function.argtypes = result, arguments
        loaded.libbpf_set_print(_printer)
    except (OSError, AttributeError):
        raise UnavailableError(
            f"{_LIBRARY} is not installed: the distribution's package is libbpf1 or libbpf"
        ) from None
    return loaded


def _print(level: int, form: int, arguments: int) -> int:
    if level >= 2:  # LIBBPF_DEBUG names every section and every relocation
        return 0
    # A va_list reaches a callee as one pointer on x86-64 and on arm64, so it can be handed on. The verifier's log may
    # have many MiB: the C library takes as much memory as the text needs.
    libc, text = ctypes.CDLL(None), _pointer()
    if libc.vasprintf(ctypes.byref(text), _pointer(form), _pointer(arguments)) >= 0:
        logger.debug("%s", ctypes.string_at(text.value or 0).decode(errors="replace").rstrip())
        libc.free(text)
    return 0


_printer = _PRINT(_print)


def check(result: int, what: str) -> int:
    """`result` of a libbpf function (1.x: -errno on failure). Raises BpfError, UnavailableError for want of a right."""
    if result >= 0:
        return int(result)
    if -result == errno.EPERM:
        raise UnavailableError(
            f"{what}: needs the capabilities CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON (root, or AmbientCapabilities),"
            " in a container also a seccomp profile that allows bpf(2)"
        )
    raise BpfError(what, -result)


def claim_memory() -> None:
    """Lifts the limit of locked memory, in which maps count before Linux 5.11, where this process may."""
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def give_back() -> None:
    """Returns memory that is free to the kernel, where the C library can: libbpf reads all of the kernel's types."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(_size(0))


@functools.cache
def possible_cpus() -> int:
    """CPUs that the kernel keeps a value for in per-CPU maps."""
    return check(library().libbpf_num_possible_cpus(), "counting CPUs")


class Map:
    """A map of a loaded object: keys and values are octets as in the C structure, in the machine's order."""

    def __init__(self, handle: int) -> None:
        """Takes libbpf's `struct bpf_map *`."""
        functions = library()
        self.handle = handle
        self.name: str = functions.bpf_map__name(handle).decode()
        self.key_size: int = functions.bpf_map__key_size(handle)
        self.value_size: int = functions.bpf_map__value_size(handle)
        self.per_cpu = functions.bpf_map__type(handle) in _PER_CPU
        self.stride: int = self.value_size
        """Octets between two CPUs' values."""
        if self.per_cpu:
            self.stride = -(-self.value_size // 8) * 8
            self.value_size = self.stride * possible_cpus()
        self._hash = functions.bpf_map__type(handle) in _HASHES

    @property
    def fd(self) -> int:
        """The file descriptor, from loading to closing the object."""
        return check(library().bpf_map__fd(self.handle), self.name)

    @property
    def max_entries(self) -> int:
        """Entries that there is room for."""
        return int(library().bpf_map__max_entries(self.handle))

    @max_entries.setter
    def max_entries(self, number: int) -> None:
        check(library().bpf_map__set_max_entries(self.handle, number), self.name)

    def initial(self, value: bytes) -> None:
        """Sets what a data section (`.rodata`) holds; before loading."""
        check(library().bpf_map__set_initial_value(self.handle, value, len(value)), self.name)

    def share(self, other: "Map") -> None:
        """Takes another object's map for this one; before loading."""
        check(library().bpf_map__reuse_fd(self.handle, other.fd), self.name)

    def update(self, key: bytes, value: bytes) -> None:
        """Writes one entry; of a per-CPU map, all CPUs' values."""
        check(library().bpf_map_update_elem(self.fd, key, value, 0), self.name)

    def lookup(self, key: bytes) -> bytes | None:
        """One entry's value (all CPUs' values, `stride` apart), None where there is no such entry."""
        value = ctypes.create_string_buffer(self.value_size)
        result = library().bpf_map_lookup_elem(self.fd, key, value)
        if result == -errno.ENOENT:
            return None
        check(result, self.name)
        return value.raw

    def delete(self, key: bytes) -> bool:
        """Deletes one entry; whether there was one."""
        result = library().bpf_map_delete_elem(self.fd, key)
        if result == -errno.ENOENT:
            return False
        check(result, self.name)
        return True

    def update_many(self, keys: bytes, values: bytes) -> None:
        """Writes as many entries as `keys` holds."""
        if keys:
            count = _uint(len(keys) // self.key_size)
            check(library().bpf_map_update_batch(self.fd, keys, values, ctypes.byref(count), None), self.name)

    def entries(self, *, delete: bool = False) -> Iterator[tuple[bytes, bytes]]:
        """All entries, in chunks of keys and of values one behind another; with `delete` each is taken out."""
        functions = library()
        ask = functions.bpf_map_lookup_and_delete_batch if delete else functions.bpf_map_lookup_batch
        size = _BATCH
        token: ctypes.Array[ctypes.c_char] | None = None
        fd, what = self.fd, f"reading {self.name}"
        keys = ctypes.create_string_buffer(size * self.key_size)
        values = ctypes.create_string_buffer(size * self.value_size)
        while True:
            following = ctypes.create_string_buffer(max(4, self.key_size))
            count = _uint(size)
            result = ask(fd, token, following, keys, values, ctypes.byref(count), None)
            if result == -errno.ENOSPC:  # one bucket of the hash has more
                size *= 2
                keys = ctypes.create_string_buffer(size * self.key_size)
                values = ctypes.create_string_buffer(size * self.value_size)
                continue
            if result != -errno.ENOENT:
                check(result, what)
            if count.value:
                view = (
                    memoryview(keys)[: count.value * self.key_size],
                    memoryview(values)[: count.value * self.value_size],
                )
                yield view[0].tobytes(), view[1].tobytes()
            if result == -errno.ENOENT:  # the last chunk
                return
            token = following


class Object:
    """An object file: open, then set up its maps, then load it."""

    def __init__(self, image: bytes, name: str) -> None:
        """Opens it; `name` is for messages. Raises BpfError, UnavailableError."""
        self._name = name
        self._image = image
        ctypes.set_errno(0)
        self._handle = library().bpf_object__open_mem(image, len(image), None)
        if not self._handle:
            raise BpfError(f"{name}: cannot be opened", ctypes.get_errno())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Lets programs and maps go; what is attached or shared stays as long as its own descriptor."""
        if self._handle:
            library().bpf_object__close(self._handle)
            self._handle = None

    def load(self, *programs: str) -> None:
        """Makes the maps and loads the named programs, without names all. Raises BpfError, UnavailableError."""
        handle = library().bpf_object__next_program(self._handle, None) if programs else None
        while handle:
            name = library().bpf_program__name(handle).decode()
            check(library().bpf_program__set_autoload(handle, name in programs), name)
            handle = library().bpf_object__next_program(self._handle, handle)
        check(library().bpf_object__load(self._handle), f"{self._name}: the kernel does not take it")
        give_back()

    def map(self, name: str) -> Map:
        """The map of this name; data sections are `.rodata`, `.bss`, `.data`."""
        handle = library().bpf_object__find_map_by_name(self._handle, name.encode())
        if not handle:
            raise BpfError(f"{self._name}: {name}", errno.ENOENT)
        return Map(handle)

    def program(self, name: str) -> int:
        """The file descriptor of a loaded program."""
        handle = library().bpf_object__find_program_by_name(self._handle, name.encode())
        if not handle:
            raise BpfError(f"{self._name}: {name}", errno.ENOENT)
        return check(library().bpf_program__fd(handle), name)
