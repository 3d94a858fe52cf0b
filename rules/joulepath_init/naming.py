# SPDX-License-Identifier: Apache-2.0
"""Conclusions from names: which names are of one host, what a component does, which pods are replicas."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from ipaddress import ip_address

from pydantic import TypeAdapter, ValidationError

from joulepath_topology.common import UNATTRIBUTED, FileName

_ROLES: Mapping[str, str] = {
    "ru": "ru|rru|rrh|radio",
    "du": "du|odu",
    "cu": "cu|ocu|cucp|cuup",
    "gnb": "gnb|enb|gnodeb|enodeb|ran|srsran|oai",
    "upf": "upf",
    "router": "router|rtr|vrouter",
    "switch": "switch|sw|tor|leaf|spine|poe",
    "gateway": "gateway|gw",
    "firewall": "firewall|fw",
    "transport": "transport|otn|roadm|microwave",
    "timing": "ptp|gm|grandmaster|clock|timing|chrony|linuxptp",
    "core-control": "amf|smf|nrf|nssf|ausf|udm|udr|pcf|bsf|scp|nef|sepp|mme|hss|pcrf|sgwc|pgwc",
    "model": "model|llm|vlm|vllm|sglang|tgi|triton|ollama|llama|qwen|mistral|gpt|inference",
    "device": "robot|camera|cam|drone|agv|ue|cpe|phone|tablet|sensor|plc",
    "management": "mgmt|management|oam|nms|ems|monitoring|prometheus",
}
"""The words, as they are known in 3GPP's and O-RAN's pages and in the trade, by the topology's roles."""
_BY_WORD = {word: role for role, words in _ROLES.items() for word in words.split("|")}

_NUMBERED = re.compile(
    r"(out(let|put)?|plug|port|socket|receptacle|relay|channel|phase)?[\s_#.:-]*[a-z]?\d*", re.IGNORECASE
)
_SUPPLY = re.compile(
    r"[\s_.:/-]+\(?((psu|ps|pwr|power|supply|feed|input|plug|cord)[\s_.-]*[a-z]?\d*|[ab]|left|right|l|r)\)?$",
    re.IGNORECASE,
)
_BMC = re.compile(
    r"^(bmc|ilo|idrac|ipmi|xcc|irmc|mgmt|oob)[-_.](?=[a-z])|[-_.](bmc|ilo|idrac|ipmi|xcc|irmc|mgmt|oob)$|(?<=\w)(bmc|idrac)$",
    re.IGNORECASE,
)
_DOMAIN = re.compile(r"\.[A-Za-z-]{2,}$")
# Kubernetes: hash and 5 characters of a Deployment's pod, these alone of a DaemonSet's, a StatefulSet's number.
_ENDING = "[bcdfghjklmnpqrstvwxz2456789]{5}"
_REPLICA = re.compile(rf"-(?:(?=[a-z]*\d)[0-9a-z]{{4,10}}-[0-9a-z]{{5}}|{_ENDING}|\d+)$")


def slug(text: str) -> str:
    """The text as a name that a topology can have; empty if nothing is left of it."""
    name = re.sub(r"(-*[^A-Za-z0-9._/:-]+-*)+", "-", text).strip("-._/: ")[:190]
    return f"{name}-1" if name == UNATTRIBUTED else name


def fault_of_topology(name: str) -> str:
    """Why a topology cannot have this name; empty where it can."""
    try:
        TypeAdapter(FileName).validate_python(name)
    except ValidationError as error:
        return str(error.errors()[0]["msg"]).removeprefix("Value error, ")
    return ""


def host_name(text: str) -> str:
    """A host's name without its domain, port and the words for its BMC. An address stays as it is."""
    host = text.partition("://")[2] or text
    found = re.fullmatch(r"\[(?P<address>.+)\](:\d+)?|(?P<name>[^:]+):\d+", host)
    bare = (found["address"] or found["name"]) if found else host
    if is_address(bare):
        return bare
    # `edge-1.example.org` has a domain; an outlet called `rack 1.2` has none.
    label = bare.partition(".")[0] if _DOMAIN.search(bare) else bare
    without = _BMC.sub("", label)
    return without if re.search(r"[A-Za-z]", without) else label


def is_address(text: str) -> bool:
    """Whether a host is named by its IP address alone."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def key(name: str) -> str:
    """The same for names that are probably of one host: `GPU_01` and `gpu-1.example`."""
    return _parts(host_name(name))


def keys(names: Iterable[str]) -> Callable[[str], str]:
    """`key` for these names, with the domain in it where two of them differ in nothing else."""
    domains: dict[str, set[str]] = defaultdict(set)
    for name in names:
        label, _, domain = name.partition(".")
        if domain and not is_address(name):
            domains[key(label)].add(domain)
    several = {label for label, own in domains.items() if len(own) > 1}
    return lambda name: _parts(name) if key(name) in several else key(name)


def _parts(name: str) -> str:
    """Words and numbers, in lower case, without separators and leading zeros."""
    parts = re.findall(r"[a-z]+|\d+", name.lower())
    return "-".join(str(int(part)) if part.isdecimal() else part for part in parts) or name


def natural(text: str) -> list[tuple[int, str]]:
    """For sorting: outlet 10 comes after outlet 9."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.findall(r"\d+|\D+", text)]


def outlet_host(name: str) -> str:
    """The host that an outlet's name stands for, without the words for its supplies; empty for `Outlet 5`."""
    name = name.strip()
    if _NUMBERED.fullmatch(name):
        return ""
    shorter = _SUPPLY.sub("", name)
    return slug(name if _NUMBERED.fullmatch(shorter) else shorter)


def role_of(name: str) -> str | None:
    """The role that a word of the name says; the first one that does.

    `ru` behind other words is a unit of the rack: `leaf switch 7 RU30`.
    """
    words = re.findall(r"[a-z]+", name.lower())
    known = [word for place, word in enumerate(words) if word in _BY_WORD and (word != "ru" or place < 2)]
    return _BY_WORD[known[0]] if known else None


def stem(pod: str) -> str:
    """The name that all replicas of a pod share."""
    return _REPLICA.sub("", pod) or pod
