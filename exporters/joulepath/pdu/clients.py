# SPDX-License-Identifier: Apache-2.0
"""Clients of agents: gufo-snmp where it is installed, else pysnmp."""

import importlib.util

from joulepath.pdu.snmp import Client, Credentials, Endpoint, Engine, Limits, PysnmpClient, User


class Clients:
    """Makes clients. pysnmp has one engine for all of them, and one more for each SNMP v3 user."""

    def __init__(self, *, fast: bool | None = None) -> None:
        """`fast` says which library; by default what is installed decides."""
        self._fast = importlib.util.find_spec("gufo") is not None if fast is None else fast
        self._engines: dict[User | None, Engine] = {}

    def make(self, endpoint: Endpoint, credentials: Credentials, limits: Limits | None = None) -> Client:
        """A client of the agent at `endpoint`."""
        if self._fast:
            from joulepath.pdu.gufo_client import GufoClient  # noqa: PLC0415  # optional

            return GufoClient(endpoint, credentials, limits)
        # An engine knows each user name once: two agents may have different keys for it.
        user = credentials if isinstance(credentials, User) else None
        return PysnmpClient(self._engines.setdefault(user, Engine()), endpoint, credentials, limits)
