# SPDX-License-Identifier: Apache-2.0
"""Clients of agents: gufo-snmp where it is installed, else pysnmp."""

import importlib.util

from joulepath.errors import UsageError
from joulepath.pdu.credentials import Credentials, User
from joulepath.pdu.pysnmp_client import Engine, PysnmpClient
from joulepath.pdu.snmp import Client, Endpoint, Limits

LIBRARIES = ("auto", "gufo", "pysnmp")


class Clients:
    """Makes clients with one library. pysnmp has one engine for all, and one more for each SNMP v3 user."""

    def __init__(self, library: str = LIBRARIES[0]) -> None:
        """Raises UsageError for `gufo` where that is not installed."""
        installed = importlib.util.find_spec("gufo") is not None
        if library == "gufo" and not installed:
            raise UsageError("--snmp-library gufo: gufo-snmp is not installed; install joulepath[fast]")
        self._fast = installed if library == "auto" else library == "gufo"
        self._engines: dict[User | None, Engine] = {}

    def make(self, endpoint: Endpoint, credentials: Credentials, limits: Limits | None = None) -> Client:
        """A client of the agent at `endpoint`."""
        # gufo-snmp 0.13 gets no answers as an SNMP v3 user without privacy from some agents.
        if self._fast and not (isinstance(credentials, User) and not credentials.privacy_secret):
            from joulepath.pdu.gufo_client import GufoClient  # noqa: PLC0415  # optional

            return GufoClient(endpoint, credentials, limits)
        # An engine knows each user name once: two agents may have different keys for it.
        user = credentials if isinstance(credentials, User) else None
        return PysnmpClient(self._engines.setdefault(user, Engine()), endpoint, credentials, limits)
