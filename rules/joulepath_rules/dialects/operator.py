# SPDX-License-Identifier: Apache-2.0
"""Writes groups as PrometheusRule objects (monitoring.coreos.com/v1), one object for each group.

A group is evaluated as a whole and cannot be divided. One object for each keeps the objects' names the same when the
topology grows, so that `kubectl apply` replaces what was there.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping

from joulepath.errors import JoulepathError, UsageError
from joulepath_rules.prometheus import write as rule_file
from joulepath_rules.rule import Group

RULE_FILE_BYTES = 512 * 1024
"""The operator's limit for the rule file that it makes of one object: half of what Kubernetes takes in a ConfigMap.

Source: MaxConfigMapDataSize in the operator's package `operator`. A larger object is refused by its admission webhook;
without the webhook the operator stops to update all rules of that Prometheus.
"""

MOST_BYTES = RULE_FILE_BYTES * 7 // 8
"""The operator writes the YAML anew, with each label on a line of its own, which takes a little more room."""

NAME_LENGTH = 253  # of an object: RFC 1123 subdomain

_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_LABEL_KEY = re.compile(rf"({_SUBDOMAIN.pattern}/)?[A-Za-z0-9]([-A-Za-z0-9_.]{{0,61}}[A-Za-z0-9])?")
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")


def write(
    groups: Iterable[Group], name: str, topology_hash: str, namespace: str | None, labels: Mapping[str, str]
) -> str:
    """The objects of a topology or a part of it, called `name`, as documents of one YAML file.

    Raises JoulepathError for a group that is too large for an object, UsageError for a name that Kubernetes refuses.
    """
    made_by = {"app.kubernetes.io/managed-by": "joulepath", **labels}
    prefix = object_name(name)
    return "".join(
        "\n".join(_object(group, f"{prefix}-{group.name}", topology_hash, namespace, made_by)) + "\n"
        for group in groups
    )


def object_name(name: str) -> str:
    """The name as the beginning of objects' names. Raises UsageError."""
    if not _SUBDOMAIN.fullmatch(name) or len(name) > NAME_LENGTH - len("-attribution"):
        raise UsageError(
            f"name: {name!r} cannot name an object of Kubernetes: use small letters, digits, - and . for "
            "--dialect operator, and begin and end with a letter or digit"
        )
    return name


def label(text: str) -> tuple[str, str]:
    """`KEY=VALUE` of the command line. Raises ValueError where Kubernetes would refuse it."""
    key, equals, value = text.partition("=")
    if not equals or not _LABEL_KEY.fullmatch(key) or not _LABEL_VALUE.fullmatch(value):
        raise ValueError(f"{text!r} is not a label of Kubernetes: write KEY=VALUE, such as release=prometheus")
    return key, value


def namespace(text: str) -> str:
    """A namespace of the command line. Raises ValueError where Kubernetes would refuse it."""
    if not _NAMESPACE.fullmatch(text):
        raise ValueError(f"{text!r} is not a namespace: use small letters, digits and -, at most 63")
    return text


def _object(group: Group, name: str, topology_hash: str, space: str | None, labels: Mapping[str, str]) -> Iterator[str]:
    header, *rules = rule_file([group], topology_hash).rstrip("\n").split("\n")
    size = sum(len(line.encode()) + 1 for line in rules)
    if size > MOST_BYTES:
        raise JoulepathError(
            f"group {group.name}: {len(group.rules)} rules take {size // 1024} KiB, and the operator takes "
            f"{MOST_BYTES // 1024} KiB in an object: use --constants scraped, or divide the topology"
        )
    yield "---"
    yield header
    yield "apiVersion: monitoring.coreos.com/v1"
    yield "kind: PrometheusRule"
    yield "metadata:"
    yield f"  name: {name}"
    if space is not None:
        yield f"  namespace: {space}"
    yield f"  labels: {json.dumps(labels)}"
    yield "spec:"
    yield from (f"  {line}" for line in rules)
