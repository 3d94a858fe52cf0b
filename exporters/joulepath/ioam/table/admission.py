# SPDX-License-Identifier: Apache-2.0
"""Which traces become label values. Trace ids are untrusted input, and there may be one per request."""

import time
from collections import deque
from collections.abc import Callable, Mapping
from itertools import islice
from typing import NamedTuple

from joulepath.ioam.settings import TRACE_ID_OCTETS, Bounds, Namespace

_ANY_NAMESPACE = Namespace()
_HOUR = 3600.0
OTHER = "other"
WHOLE_NAMESPACE = "all"


class Label(NamedTuple):
    """The labels `ioam_namespace` and `trace_id`."""

    namespace: str
    trace_id: str


class Admission:
    """Labels of traces: those configured, and with `bounds` the first others that come."""

    def __init__(
        self,
        namespaces: Mapping[int, Namespace],
        bounds: Bounds | None,
        clock: Callable[[], float] = time.monotonic,
        before: Mapping[tuple[int, bytes], float] | None = None,
    ) -> None:
        """With `before`, traces that were admitted by other settings (Before.admitted) stay so if they still may."""
        self.folded = 0
        """Packets without a label of their own because of the bounds."""
        self._octets = {number: namespace.octets for number, namespace in namespaces.items()}
        self._bounds = bounds
        self._clock = clock
        self._labels = {
            (number, key): _label(number, key) for number, namespace in namespaces.items() for key in namespace.ids
        }
        self._configured = len(self._labels)
        self._listed = frozenset(self._labels)
        self._other = {number: Label(str(number), OTHER) for number in namespaces}
        self.admitted = self._still(before or {})
        """When traces that are not configured were admitted, by namespace and key, the earliest first."""
        self._labels.update({name: _label(*name) for name in self.admitted})
        self._recent = deque(self.admitted.values())

    @property
    def labels(self) -> list[Label]:
        """The traces with labels of their own."""
        return list(self._labels.values())

    @property
    def first_labels(self) -> list[Label]:
        """The labels that are there before any packet is: of configured traces, and of all others."""
        other = [label for number, label in self._other.items() if self._octets[number]]
        return [*list(self._labels.values())[: self._configured], *other, _STRANGER]

    def is_configured(self, namespace: int) -> bool:
        """Whether the configuration names this namespace."""
        return namespace in self._octets

    def is_listed(self, namespace: int, trace_id: bytes | None) -> bool:
        """Whether the configuration has a label for this trace."""
        octets = self._octets.get(namespace)
        if octets is None or (octets and (trace_id is None or (octets < TRACE_ID_OCTETS and len(trace_id) < octets))):
            return False
        return (namespace, trace_id[:octets] if trace_id and octets else b"") in self._listed

    def label(self, namespace: int, trace_id: bytes | None, packets: int = 1) -> Label:
        """The labels of a packet's trace; `other` where the trace is not admitted."""
        octets = self._octets.get(namespace, TRACE_ID_OCTETS)
        if octets == 0:
            key = b""
        elif trace_id is None or (octets < TRACE_ID_OCTETS and len(trace_id) < octets):
            return self._shared_label(namespace)
        else:
            key = trace_id[:octets]
        label = self._labels.get((namespace, key))
        if label is not None:
            return label
        if self._bounds is None:
            return self._shared_label(namespace)
        if not self._may_admit(self._bounds):
            self.folded += packets
            return self._shared_label(namespace)
        self.admitted[namespace, key] = self._recent[-1]
        return self._labels.setdefault((namespace, key), _label(namespace, key))

    def _still(self, before: Mapping[tuple[int, bytes], float]) -> dict[tuple[int, bytes], float]:
        """Those that may still be labels, though they are not configured."""
        if self._bounds is None:
            return {}
        names = (name for name in before if name not in self._labels and self._is_key(*name))
        return {name: before[name] for name in islice(names, self._bounds.max_traces)}

    def _is_key(self, namespace: int, key: bytes) -> bool:
        octets = self._octets.get(namespace, TRACE_ID_OCTETS)
        return len(key) == octets or (octets == TRACE_ID_OCTETS and bool(key))

    def _shared_label(self, namespace: int) -> Label:
        # A namespace that is not configured is untrusted input, as the id is.
        return self._other.get(namespace, _STRANGER)

    def _may_admit(self, bounds: Bounds) -> bool:
        """Whether one more trace fits; if so it is taken as admitted now."""
        now = self._clock()
        while self._recent and now - self._recent[0] >= _HOUR:
            self._recent.popleft()
        full = len(self._labels) - self._configured >= bounds.max_traces or len(self._recent) >= bounds.new_per_hour
        if not full:
            self._recent.append(now)
        return not full


_STRANGER = Label(OTHER, OTHER)


def _label(namespace: int, key: bytes) -> Label:
    return Label(str(namespace), key.hex() or WHOLE_NAMESPACE)
