# SPDX-License-Identifier: Apache-2.0
"""Clients of agents: gufo-snmp where it is installed, else pysnmp. What is not used is not imported: each is large."""

# ruff: noqa: PLC0415

import importlib.util
from typing import TYPE_CHECKING

from joulepath.errors import UsageError
from joulepath.pdu.credentials import Credentials, User
from joulepath.pdu.snmp import Client, Endpoint, Limits

if TYPE_CHECKING:
    from joulepath.pdu.user_session import Engine

LIBRARIES = ("auto", "gufo", "pysnmp")


class Clients:
    """Makes clients with one library. pysnmp has one engine for each SNMP v3 user."""

    def __init__(self, library: str = LIBRARIES[0]) -> None:
        """Raises UsageError for `gufo` where that is not installed."""
        installed = importlib.util.find_spec("gufo") is not None
        if library == "gufo" and not installed:
            raise UsageError("--snmp-library gufo: gufo-snmp is not installed; install joulepath[fast]")
        self._fast = installed if library == "auto" else library == "gufo"
        self._engines: dict[User, Engine] = {}

    def make(self, endpoint: Endpoint, credentials: Credentials, limits: Limits | None = None) -> Client:
        """A client of the agent at `endpoint`."""
        # gufo-snmp 0.13 gets no answers as an SNMP v3 user without privacy from some agents.
        if self._fast and not (isinstance(credentials, User) and not credentials.privacy_secret):
            from joulepath.pdu.gufo_client import GufoClient

            return GufoClient(endpoint, credentials, limits)
        from joulepath.pdu.pysnmp_client import PysnmpClient, Session

        limits = limits or Limits()
        session: Session
        if isinstance(credentials, User):
            from joulepath.pdu.user_session import Engine, UserSession

            # An engine knows each user name once: two agents may have different keys for it.
            session = UserSession(self._engines.setdefault(credentials, Engine()), endpoint, credentials, limits)
        else:
            from joulepath.pdu.community_session import CommunitySession

            session = CommunitySession(endpoint, credentials, limits)
        return PysnmpClient(session, limits)
