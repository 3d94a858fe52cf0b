# SPDX-License-Identifier: Apache-2.0
"""Shell commands of iproute2 and sysctl that make a kernel's own IOAM tunnel tag, where it has one."""

from pathlib import Path

from joulepath.config import load, read_yaml
from joulepath.errors import UsageError
from joulepath.tag.config import ConfigModel
from joulepath.tag.iproute import configuration

_HEAD = """\
# For kernels with CONFIG_IPV6_IOAM6_LWTUNNEL, and iproute2 6.0 or newer. Run each part as root on its host.
"""


def commands(path: Path) -> str:
    """The commands for a topology file or a configuration of `joulepath tag`. Raises UsageError."""
    data = read_yaml(path)
    if isinstance(data, dict) and "components" in data:
        # A topology has queries: only who gives one needs their parser.
        from joulepath.tag.iproute import topology  # noqa: PLC0415
        from joulepath_topology import read  # noqa: PLC0415

        lines = topology.commands(read(path))
    else:
        lines = configuration.commands(load(path, ConfigModel).settings(path.parent))
    try:
        return _HEAD + "\n".join(lines) + "\n"
    except UsageError as error:
        raise UsageError([f"{path}: {line}" for line in error.messages]) from None
