# SPDX-License-Identifier: Apache-2.0
"""Turns a reading into metric families."""

from collections.abc import Iterable

from joulepath.metrics import Family, filled
from joulepath.tag import metrics
from joulepath.tag.tagger import TagReading


def families(reading: TagReading) -> Iterable[Family]:
    """The families of a scrape; every reason is there from the start."""
    packets, octets, untagged = metrics.PACKETS.family(), metrics.BYTES.family(), metrics.UNTAGGED.family()
    for flow, count in reading.counts.items():
        packets.add_metric([flow], count.packets)
        octets.add_metric([flow], count.bytes)
        for reason, number in count.untagged.items():
            untagged.add_metric([flow, reason], number)
    ready = metrics.READY.family()
    for flow, is_ready in reading.ready.items():
        ready.add_metric([flow], float(is_ready))
    interfaces = metrics.INTERFACE_INFO.family()
    for name, hook in sorted(reading.interfaces.items()):
        interfaces.add_metric([name, hook], 1)
    mtus = metrics.ROUTE_MTU.family()
    for (destination, interface), mtu in sorted(reading.routes.items()):
        mtus.add_metric([destination, interface], mtu)
    refused = metrics.REFUSED_ROUTES.family()
    refused.add_metric([], reading.refused_routes)
    header = metrics.HEADER_BYTES.family()
    header.add_metric([], reading.header_octets)
    narrow = metrics.NARROW_PATHS.family()
    for learned, number in reading.narrow_paths.items():
        narrow.add_metric([learned], number)
    adopted = metrics.ADOPTED_SOCKETS.family()
    for flow, number in reading.adopted.items():
        adopted.add_metric([flow], number)
    return filled([packets, octets, untagged, ready, interfaces, mtus, refused, header, narrow, adopted])
