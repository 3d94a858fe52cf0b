# SPDX-License-Identifier: Apache-2.0
"""Clients of agents: gufo-snmp where it is installed, else pysnmp. Imports only what is used: each is large.

gufo-snmp does not tell an error from an empty answer, so every answer that is not plain is asked for again with
pysnmp's messages.
"""

# ruff: noqa: PLC0415

import importlib.util
from functools import partial
from typing import TYPE_CHECKING

from joulepath.errors import UsageError
from joulepath.pdu.snmp.client import Limits, SnmpClient, SnmpEndpoint
from joulepath.pdu.snmp.credentials import Credentials, SnmpUser

if TYPE_CHECKING:
    from joulepath.pdu.snmp.careful_client import CarefulClient
    from joulepath.pdu.snmp.user_session import Engine

LIBRARIES = ("auto", "gufo", "pysnmp")


class Clients:
    """Makes clients with one library. pysnmp has one engine for each SNMP v3 user."""

    def __init__(self, library: str = LIBRARIES[0]) -> None:
        """Raises UsageError for `gufo` where that is not installed."""
        installed = importlib.util.find_spec("gufo") is not None
        if library == "gufo" and not installed:
            raise UsageError("--snmp-library gufo: gufo-snmp is not installed; install joulepath[fast]")
        self._fast = installed if library == "auto" else library == "gufo"
        self._engines: dict[SnmpUser, Engine] = {}

    def make(self, endpoint: SnmpEndpoint, credentials: Credentials, limits: Limits | None = None) -> SnmpClient:
        """A client of the agent at `endpoint`."""
        limits = limits or Limits()

        if self._fast and _for_gufo(credentials):
            from joulepath.pdu.snmp.gufo_client import GufoClient

            careful = partial(self._careful, endpoint, credentials, limits)
            return GufoClient(endpoint, credentials, careful, limits)
        return self._careful(endpoint, credentials, limits)

    def _careful(self, endpoint: SnmpEndpoint, credentials: Credentials, limits: Limits) -> "CarefulClient":
        from joulepath.pdu.snmp.careful_client import CarefulClient

        if isinstance(credentials, SnmpUser):
            from joulepath.pdu.snmp.user_session import Engine, UserSession

            # An engine knows each user name once: two agents may have different keys for it.
            engine = self._engines.setdefault(credentials, Engine())
            return CarefulClient(UserSession(engine, endpoint, credentials, limits), endpoint, limits)
        from joulepath.pdu.snmp.community_session import CommunitySession

        return CarefulClient(CommunitySession(endpoint, credentials, limits), endpoint, limits)


def _for_gufo(credentials: Credentials) -> bool:
    """Whether gufo-snmp 0.13 reads agents with these.

    As an SNMP v3 user without privacy it gets no answers from some; of SNMP v1 it does not say which object is missing.
    """
    return bool(credentials.privacy_secret) if isinstance(credentials, SnmpUser) else credentials.version > 1
