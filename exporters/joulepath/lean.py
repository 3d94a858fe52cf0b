# SPDX-License-Identifier: Apache-2.0
"""Imports one part of a large package without all the others that its `__init__` imports."""

import importlib
import importlib.util
import sys
from typing import Any


def part(name: str) -> Any:
    """The module `PACKAGE.PART`. Whoever asks the package for another name still gets it.

    pyroute2's `__init__` imports each protocol that it knows, 24 MiB; its `iproute` needs 6.
    """
    package_name = name.partition(".")[0]
    spec = importlib.util.find_spec(package_name)
    if package_name not in sys.modules and spec is not None and spec.loader is not None:
        package, loader = importlib.util.module_from_spec(spec), spec.loader

        def missing(attribute: str) -> Any:
            """PEP 562: a module of the package, or what its `__init__` defines, which runs now."""
            if importlib.util.find_spec(f"{package_name}.{attribute}") is not None:
                return importlib.import_module(f"{package_name}.{attribute}")
            del package.__dict__["__getattr__"]
            loader.exec_module(package)
            return getattr(package, attribute)

        package.__dict__["__getattr__"] = missing
        sys.modules[package_name] = package
    return importlib.import_module(name)
