# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from tests.exporters.pki import Pki


@pytest.fixture
def pki(tmp_path: Path) -> Pki:
    """With the server's certificate in place."""
    authority = Pki(tmp_path)
    authority.issue("server", "localhost", "127.0.0.1")
    return authority
