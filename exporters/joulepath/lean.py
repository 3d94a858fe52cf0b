# SPDX-License-Identifier: Apache-2.0
"""Imports parts of large packages without all the others, which would stay in memory though nothing uses them."""

import importlib
import sys
from importlib.util import find_spec, module_from_spec
from typing import Any


def late(name: str) -> None:
    """Lets modules of a package be imported without what its `__init__` imports.

    The `__init__` runs when the package is first asked for a name that is not one of its modules. Does nothing where
    the package is not installed or has been imported.
    """
    spec = find_spec(name)
    if name in sys.modules or spec is None or spec.loader is None:
        return
    package, loader = module_from_spec(spec), spec.loader

    def missing(attribute: str) -> Any:
        """PEP 562."""
        if find_spec(f"{name}.{attribute}") is not None:
            return importlib.import_module(f"{name}.{attribute}")
        package.__dict__.pop("__getattr__", None)
        loader.exec_module(package)
        return getattr(package, attribute)

    package.__dict__["__getattr__"] = missing
    sys.modules[name] = package
