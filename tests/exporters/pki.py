# SPDX-License-Identifier: Apache-2.0
"""Certificates for tests over real TLS."""

from pathlib import Path

import trustme


class Pki:
    """A certificate authority, its files in `folder`, and what it issues."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = trustme.CA()
        self.ca = folder / "ca.pem"
        self.authority.cert_pem.write_to_path(self.ca)

    def issue(self, name: str, *sans: str) -> tuple[Path, Path]:
        """`NAME.pem` and `NAME.key` for these subject alternative names, written anew."""
        issued = self.authority.issue_cert(*sans)
        certificate, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        issued.private_key_pem.write_to_path(key)
        return certificate, key
