# SPDX-License-Identifier: Apache-2.0
"""The browser that the report's page is tested in, too."""

from tests.report.page.conftest import browser

__all__ = ["browser"]
