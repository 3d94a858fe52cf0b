# SPDX-License-Identifier: Apache-2.0
from tests.browser import browser

__all__ = ["browser"]
