# SPDX-License-Identifier: Apache-2.0
"""Arguments and answers of a person: what they may be, and what is wrong with them."""

import argparse
import math

from joulepath.errors import UsageError
from joulepath_prometheus.client import Prometheus


def grams(text: str) -> float:
    """Grams of CO2 for each kWh. Raises ArgumentTypeError."""
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not 0 <= found < math.inf:
        raise argparse.ArgumentTypeError(f"must be grams of CO2 for each kWh, such as 380: {text!r}")
    return found


def fault_of_grams(text: str) -> str:
    """Why the text is not grams; empty where it is."""
    try:
        grams(text)
    except argparse.ArgumentTypeError as error:
        return str(error)
    return ""


def fault_of_url(url: str) -> str:
    """Why the text is not the URL of a Prometheus; empty where it is."""
    try:
        Prometheus(url).close()
    except UsageError as error:
        return str(error)
    return ""
