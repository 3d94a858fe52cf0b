# SPDX-License-Identifier: Apache-2.0
"""Rules of the topology on the server: there, of this file and this version, and evaluated in time."""

from collections.abc import Iterator

from joulepath_doctor.catalogue import found
from joulepath_doctor.context import Context
from joulepath_doctor.finding import Finding

PLACE = ("rules",)


def check(context: Context) -> Iterator[Finding]:
    """Findings about the rule file that the server has loaded."""
    name = context.topology.name
    own = [rule for group in context.server.rules() for rule in group.rules if rule.labels.get("topology") == name]
    if not own:
        yield found(
            "rules/absent", PLACE,
            f"no rule of the server has the label topology={name!r}: run `joulepath rules generate`, name the file "
            "under rule_files, reload",
        )  # fmt: skip
