# SPDX-License-Identifier: Apache-2.0
"""The senders' counts, on which the truth stands, over a sender's restart."""

from pathlib import Path

import pytest

from joulepath_lab.truth.ledger import Ledger, Sent

pytestmark = pytest.mark.unit


def test_a_sender_that_starts_anew_goes_on_counting(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    reader = Ledger(path, ["camera", "answers"])
    first = Ledger(path, ["camera", "answers"])
    first.write("camera", Sent(packets=7, bytes=700))
    first.write("answers", Sent(packets=1, bytes=10))
    second = Ledger(path, ["camera", "answers"])
    second.write("camera", Sent(packets=2, bytes=200, requests=1))
    second.write("camera", Sent(packets=3, bytes=300, requests=1))
    assert reader.read() == {
        "camera": Sent(packets=10, bytes=1000, requests=1),
        "answers": Sent(packets=1, bytes=10),
    }


def test_a_pause_outlives_its_sender(tmp_path: Path) -> None:
    lab = Ledger(tmp_path / "ledger", ["camera"])
    lab.pause("camera", paused=True)
    sender = Ledger(tmp_path / "ledger", ["camera"])
    sender.write("camera", Sent(packets=1, bytes=1))
    assert sender.is_paused("camera")
