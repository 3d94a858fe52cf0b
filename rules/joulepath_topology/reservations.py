# SPDX-License-Identifier: Apache-2.0
"""Reservations of components: a number, or what their pods request of Kubernetes."""

from typing import Annotated, Any

from pydantic import Discriminator, Tag

from joulepath_topology.common import Entry, Positive, Text
from joulepath_topology.query import Pods


class KubeRequests(Entry):
    """The requests of a component's running pods on a host, from kube-state-metrics."""

    kube: Text
    """Resource that is requested: `cpu` in cores, `memory` in bytes; `capacity` of the host is in the same unit."""
    pods: Pods | None = None
    """Regular expressions `NAMESPACE/POD`; without it those of the component's `kepler_pod`."""
    fallback: Positive | None = None
    """Reservation while kube-state-metrics is not read."""


def _form(value: Any) -> str:
    return "requests" if isinstance(value, dict | KubeRequests) else "number"


# One of the two is meant, so that a mistake in it gives one line and not one for each.
Reservation = Annotated[
    Annotated[Positive, Tag("number")] | Annotated[KubeRequests, Tag("requests")], Discriminator(_form)
]
