# SPDX-License-Identifier: Apache-2.0
"""A BMC that answers RMCP+ on loopback: DCMI's power reading and sensors. A process of its own: pyghmi's sessions of
server and client are one table.

`python -m joulepath_lab.devices.ipmi_bmc BMC.json` with a file like `{"port": 6230, "user": "...", "password": "...",
"dcmi": {"current": 215, ...}, "sensors": [{"name": "System Level", "unit": "W", "value": 189}]}`; the file is read
again for each answer, so that what it measures may change, and so may the `delay` [s] before each and whether the
system is `on`. DCMI, or a sensor, answers with the completion `code` where it has one. A sensor's byte is its value by
`step`, or `raw` with the record's `m`, `b`, `b_exponent`, `exponent`, `format` and `linearization`.
"""

import json
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pyghmi.ipmi.bmc import Bmc
from pyghmi.ipmi.private import serversession

UNITS = {"V": 4, "A": 5, "W": 6}
"""IPMI 2.0, table 43-15."""

_UNKNOWN_COMMAND, _NOT_PRESENT = 0xC1, 0xCB

_SHA1 = 1
_NO_MATCHING_SUITE = 0x11


class _ServerSession(serversession.ServerSession):  # type: ignore[misc]  # pyghmi has no types
    """One that says so when it is asked for other than cipher suite 3, the only one it has."""

    def create_open_session_response(self, request: bytes) -> bytearray:
        asked = bytearray(request)
        response: bytearray = super().create_open_session_response(request)
        if len(asked) > 12 and asked[12] & 0x3F != _SHA1:
            return bytearray([asked[0], _NO_MATCHING_SUITE, 0, 0]) + asked[4:8]
        return response


class MeteredBmc(Bmc):  # type: ignore[misc]  # pyghmi has no types
    """The BMC that a file describes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        config = self._read()
        super().__init__({config["user"]: config["password"]}, port=config["port"], address="127.0.0.1")

    def handle_raw_request(self, request: dict[str, Any], session: Any) -> None:
        """Answers DCMI, the sensor repository and readings; leaves the rest to the base class."""
        answer = self._answer(request["netfn"], request["command"], bytes(request["data"]))
        if answer is None:
            super().handle_raw_request(request, session)
        elif isinstance(answer, int):
            session.send_ipmi_response(code=answer)
        else:
            session.send_ipmi_response(data=list(answer))

    def _answer(self, netfn: int, command: int, data: bytes) -> bytes | int | None:
        """The data or the completion code; None for what the base class knows."""
        config = self._read()
        time.sleep(config.get("delay", 0))
        sensors = config.get("sensors", [])
        answers: dict[tuple[int, int], Callable[[], bytes | int]] = {
            (0x2C, 0x02): lambda: (
                config.get("code") or (dcmi_response(config["dcmi"]) if config.get("dcmi") else _UNKNOWN_COMMAND)
            ),
            (0x00, 0x01): lambda: bytes([config["on"], 0, 0]) if "on" in config else _UNKNOWN_COMMAND,
            (0x0A, 0x20): lambda: bytes([0x51, len(sensors), 0, 0xFF, 0xFF]) + bytes(8) + b"\x02",
            (0x0A, 0x22): lambda: b"\x01\x00",
            (0x0A, 0x23): lambda: _repository(sensors, data, 0 if config.get("circle") else 0xFFFF),
            (0x04, 0x23): lambda: b"\xff" + _factors(sensors[data[0] - 1]["factors"][str(data[1])]),
            (0x04, 0x2D): lambda: _reading(sensors, data),
        }
        answer = answers.get((netfn, command))
        return answer() if answer else None

    def _read(self) -> dict[str, Any]:
        config: dict[str, Any] = json.loads(self._path.read_text())
        return config


def dcmi_response(reading: dict[str, Any]) -> bytes:
    """DCMI 1.5, table 6-16."""
    return b"\xdc" + struct.pack(
        "<HHHHIIB",
        *(reading.get(key, 0) for key in ("current", "minimum", "maximum", "average", "timestamp", "period")),
        0x40 if reading.get("active", True) else 0,
    )


def _repository(sensors: list[dict[str, Any]], asked: bytes, last: int) -> bytes | int:
    """Get SDR (IPMI 2.0, section 33.12)."""
    record, offset, size = int.from_bytes(asked[2:4], "little"), asked[4], asked[5]
    if record >= len(sensors):
        return _NOT_PRESENT
    following = record + 1 if record + 1 < len(sensors) else last
    whole = _record(record, sensors[record])
    return struct.pack("<H", following) + whole[offset : offset + size if size != 0xFF else None]


def _reading(sensors: list[dict[str, Any]], asked: bytes) -> bytes | int:
    """Get Sensor Reading (IPMI 2.0, section 35.14)."""
    number = asked[0] - 1
    if not 0 <= number < len(sensors):
        return _NOT_PRESENT
    if "code" in sensors[number]:
        return int(sensors[number]["code"])
    if sensors[number].get("value", 0) is None:
        return bytes([0, 0x60, 0])  # reading unavailable
    return bytes([_raw(sensors[number]), 0xC0, 0])


def _step(sensor: dict[str, Any]) -> int:
    """One count of the sensor's byte, in the sensor's unit."""
    return int(sensor.get("step", 1))


def _raw(sensor: dict[str, Any]) -> int:
    return int(sensor["raw"]) if "raw" in sensor else min(255, round(float(sensor["value"]) / _step(sensor)))


def _factors(sensor: dict[str, Any]) -> bytes:
    """M, B and the exponents (IPMI 2.0, table 43-1, bytes 25 to 30)."""
    m, b = (sensor.get(key, default) & 0x3FF for key, default in (("m", _step(sensor)), ("b", 0)))
    exponents = (sensor.get("exponent", 0) & 0xF) << 4 | sensor.get("b_exponent", 0) & 0xF
    return bytes([m & 0xFF, m >> 8 << 6, b & 0xFF, b >> 8 << 6, 0, exponents])


def _record(number: int, sensor: dict[str, Any]) -> bytes:
    """A full sensor record (IPMI 2.0, table 43-1)."""
    name = str(sensor["name"]).encode("ascii")
    body = bytes(
        [sensor.get("owner", 0x20), 0x00, number + 1, 10, 1, 0x7F, 0x68, 0x0B if sensor["unit"] == "W" else 2, 0x01]
    )
    body += bytes(6)
    body += bytes([sensor.get("format", 0) << 6, UNITS[sensor["unit"]], 0, sensor.get("linearization", 0)])
    body += _factors(sensor)
    body += bytes(42 - len(body)) + bytes([0xC0 | len(name)]) + name
    return struct.pack("<HBBB", number, 0x51, 0x01, len(body)) + body


def main() -> None:
    """Serves until it is killed; says so once it listens."""
    serversession.ServerSession = _ServerSession
    MeteredBmc(Path(sys.argv[1]))
    print("listening", flush=True)  # noqa: T201  # the parent waits for it
    Bmc.listen()


if __name__ == "__main__":
    main()
