# SPDX-License-Identifier: Apache-2.0
"""IPMI 2.0 over LAN (RMCP+) and through the local device, with pyghmi. Every call here blocks.

pyghmi keeps the sessions of a process in one place and runs their event loop in whichever thread calls: all calls are
made in `THREAD`, the only one that touches it.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from pyghmi.exceptions import PyghmiException
from pyghmi.ipmi.command import Command
from pyghmi.ipmi.private.session import Session
from pyghmi.ipmi.sdr import ones_complement, shared_sdrs, twos_complement

from joulepath.bmc.login import Login
from joulepath.errors import JoulepathError
from joulepath.reading.rejected import NotMeasuredError

THREAD = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ipmi")

PRIVILEGES = {"user": 2, "operator": 3, "administrator": 4}
"""IPMI 2.0, table 6-1."""

LOGIN_SECONDS = 10.0

LOCAL_DEVICE = "/dev/ipmi0"

BMC_ADDRESS = 0x20
"""Owner id of the sensors that the BMC itself answers for."""
MAX_REQUESTS = 8192
"""Most requests for one list of sensors: a few for each of at most a thousand records."""
BUSY = {0xC0, 0xC3, 0xCE, 0xD0, 0xD1, 0xD2, 0xD5, 0xFF}
"""Transient completion codes (IPMI 2.0, table 5-2): busy, timeout, being updated or started, not in this state."""
LAST_FORMULA = 11
"""Linearizations up to this one are formulas (table 43-1); of others the factors are asked for with each reading."""
FULL_SCALE = 0xFF
ENDED = "is asked no more"


class IpmiFaultError(JoulepathError):
    """The BMC cannot be read; the message contains neither its name nor credentials."""


class UnsupportedError(IpmiFaultError):
    """The BMC does not know the command, or does not allow it to this user."""


class IpmiBusyError(UnsupportedError):
    """The BMC cannot answer now."""


class IpmiClient(Protocol):
    """One BMC, called from `THREAD` only."""

    def raw(self, netfn: int, command: int, data: Iterable[int]) -> bytes:
        """The response without its completion code. Raises IpmiFaultError."""

    def sensors(self) -> Iterable[tuple[str, str, str]]:
        """Key, name and unit of every sensor. Raises IpmiFaultError."""

    def sensor(self, key: str) -> float | None:
        """A sensor's value now, None if it is not available. Raises IpmiFaultError, IpmiBusyError, NotMeasuredError."""

    def close(self) -> None:
        """Ends the session."""

    def end(self) -> None:
        """Ends all calls for good, from any thread: a running call ends at its next request."""


class PyghmiClient:
    """`IpmiClient` with pyghmi. Connects at the first request, and again after a fault; without `host`, locally."""

    def __init__(
        self,
        host: str | None,
        port: int,
        login: Login,
        privilege: str,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._where = (host, port)
        self._login = login
        self._privilege = PRIVILEGES[privilege]
        self._clock = clock
        self._command: Any = None
        self._repository: Any = None
        self._ended = threading.Event()

    def raw(self, netfn: int, command: int, data: Iterable[int], lun: int = 0) -> bytes:
        """See `IpmiClient.raw`."""
        if self._ended.is_set():
            raise IpmiFaultError(ENDED)
        session = self._connect()
        try:
            answer = session.raw_command(netfn=netfn, command=command, data=tuple(data), rslun=lun)
        except (PyghmiException, OSError) as error:
            raise self._fault(str(error)) from None
        except Exception as error:  # its parsing of a BMC's packets fails in many ways
            raise self._fault(f"{type(error).__name__} in its answer") from error
        if "error" in answer:
            code = answer.get("code", 0xFFFF)
            if code > 0xFF:  # pyghmi's own; those of a BMC are a byte
                raise self._fault(str(answer["error"]))
            kind = IpmiBusyError if code in BUSY else UnsupportedError
            raise kind(f"refuses the command: {answer['error']}")
        return bytes(answer["data"])

    def sensors(self) -> Iterable[tuple[str, str, str]]:
        """See `IpmiClient.sensors`."""
        command = self._connect()
        # pyghmi takes BMCs of one firmware for equal, whatever sensors each of them has.
        shared_sdrs.clear()
        try:
            with _limit_time(command, self._ended):
                self._repository = command.init_sdr()
        except OSError as error:
            raise self._fault(str(error)) from None
        except PyghmiException as error:
            if "timeout" in str(error).lower():
                raise self._fault(str(error)) from None
            raise UnsupportedError(f"has no list of sensors: {error}") from None
        except Exception as error:  # as above; NotImplementedError where sensors are described in other ways
            raise UnsupportedError(f"has sensor records that cannot be read ({type(error).__name__})") from error
        entries = [(key, self._repository.sensors[key]) for key in self._repository.get_sensor_numbers()]
        # Other controllers (Intel's ME) number theirs anew: asked for one of those, the BMC would answer with its own.
        own = [(key, entry) for key, entry in entries if entry.sensor_owner == BMC_ADDRESS] or entries
        for key, entry in own:
            if entry.rectype == 1:  # only a full record has a value
                yield key, entry.sensor_name, entry.unit_suffix.strip()

    def sensor(self, key: str) -> float | None:
        """See `IpmiClient.sensor`."""
        entry = self._repository.sensors[key]
        try:
            response = self.raw(0x04, 0x2D, (entry.sensor_number,), entry.sensor_lun)
            if len(response) < 2 or response[1] & 0x20 or not response[1] & 0x40:  # unavailable, or not scanned
                return None
            count = _count(entry, response[0])
            if count is not None and entry.linearization > LAST_FORMULA:
                factors = self.raw(0x04, 0x23, (entry.sensor_number, response[0]), entry.sensor_lun)
                return _scale(entry, count, bytearray(factors[1:]))
        except IpmiBusyError:
            raise
        except UnsupportedError:
            return None
        return None if count is None else _scale(entry, count)

    def close(self) -> None:
        """See `IpmiClient.close`."""
        command, self._command = self._command, None
        if command is not None and self._where[0] is not None:
            with contextlib.suppress(Exception):  # the session ends by itself; nothing is lost
                command.ipmi_session.logout()

    def end(self) -> None:
        """See `IpmiClient.end`."""
        self._ended.set()

    def _connect(self) -> Any:
        if self._command is None:
            host, port = self._where
            try:
                self._command = Command() if host is None else self._log_in(host, port)
            except socket.gaierror:
                raise IpmiFaultError("its host name cannot be resolved") from None
            except (PyghmiException, OSError) as error:
                raise self._fault(str(error)) from None
            except IpmiFaultError:
                raise
            except Exception as error:  # a packet that pyghmi cannot read
                raise self._fault(f"{type(error).__name__} in its answer") from error
        return self._command

    def _log_in(self, host: str, port: int) -> Any:
        """Opens a session within LOGIN_SECONDS: pyghmi would try for ever if a BMC falls silent halfway."""
        answers: list[dict[str, Any]] = []
        command = Command(
            host,
            self._login.user,
            self._login.password,
            port,
            onlogon=lambda answer, _: answers.append(answer),
            privlevel=self._privilege,
        )
        end = self._clock() + LOGIN_SECONDS
        while not answers and self._clock() < end and not self._ended.is_set():
            Session.wait_for_rsp(0.5)
        _forget(command.ipmi_session)
        if answers and "error" not in answers[0]:
            return command
        message = str(answers[0]["error"]) if answers else "timeout in the login, as for an unknown user"
        command.ipmi_session._mark_broken()  # noqa: SLF001  # it would go on trying
        raise self._fault(message)

    def _fault(self, message: str) -> IpmiFaultError:
        self.close()
        lowered = message.lower()
        if self._where[0] is None:
            return IpmiFaultError(f"{LOCAL_DEVICE} cannot be used: {message} (load ipmi_devintf, run as root)")
        if "timeout" in lowered or "no longer" in lowered:
            return IpmiFaultError(
                "no answer: check the address, UDP port 623, that IPMI over LAN is switched on, and the user"
            )
        if any(word in lowered for word in ("password", "username", "unauthorized", "privilege")):
            return IpmiFaultError("refuses the login: check user, password and privilege")
        return IpmiFaultError(f"IPMI failed: {message}")


def _forget(session: Any) -> None:
    """Takes a session out of pyghmi's table of those that begin.

    By itself pyghmi leaves it there (it looks for user and password as bytes; the key has them as text), and hands it
    out again for the next login to the same BMC, which then never ends.
    """
    table = Session.initting_sessions
    for key in [key for key, begun in table.items() if begun is session]:
        del table[key]


def _count(entry: Any, raw: int) -> int | None:
    """Decodes a sensor's byte; None if it is not a number. Raises NotMeasuredError for the end of the scale."""
    if entry.numeric_format == 0 and (entry.has_thresholds or entry.reading_type == 1):
        if raw == FULL_SCALE:  # so much or more, or nothing read (iLO: 2550 W beside 130 W of the system)
            raise NotMeasuredError("implausible")
        return raw
    if entry.numeric_format == 1:
        return int(ones_complement(raw, 8))
    if entry.numeric_format == 2:
        return int(twos_complement(raw, 8))
    return None


def _scale(entry: Any, count: int, factors: bytearray | None = None) -> float:
    """The value by the record's formula, or by the factors of this one reading. Raises NotMeasuredError."""
    try:
        if factors is None:
            return float(entry.decode_value(None, count))
        entry.decode_formula(factors)
        return float((count * entry.m + entry.b) * 10**entry.resultexponent)
    except (ArithmeticError, ValueError, TypeError, IndexError, NotImplementedError):
        raise NotMeasuredError("malformed") from None


@contextlib.contextmanager
def _limit_time(command: Any, ended: threading.Event) -> Iterator[None]:
    """Within it a command asks at most MAX_REQUESTS times, as a list may be a circle, and no more once `ended`."""
    ask, asked = command.raw_command, 0

    def raw_command(*args: Any, **options: Any) -> Any:
        nonlocal asked
        asked += 1
        if ended.is_set():
            raise PyghmiException(ENDED)
        if asked > MAX_REQUESTS:
            raise PyghmiException("it has no end")
        return ask(*args, **options)

    command.raw_command = raw_command
    try:
        yield
    finally:
        del command.raw_command
