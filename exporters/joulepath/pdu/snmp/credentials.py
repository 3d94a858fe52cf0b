# SPDX-License-Identifier: Apache-2.0
"""Credentials for SNMP agents. Secrets never appear in a representation."""

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

AuthProtocol: TypeAlias = Literal["md5", "sha", "sha224", "sha256", "sha384", "sha512"]
"""HMAC-MD5-96 and HMAC-SHA-96 (RFC 3414), HMAC-SHA-2 (RFC 7860)."""

PrivacyProtocol: TypeAlias = Literal["des", "aes128", "aes192", "aes256"]
"""CBC-DES (RFC 3414), CFB-AES-128 (RFC 3826); longer AES keys as agents commonly extend them."""


@dataclass(frozen=True)
class Community:
    """Credentials of SNMP v1 and v2c."""

    secret: str = field(repr=False)
    version: Literal[1, 2] = 2


@dataclass(frozen=True)
class SnmpUser:
    """Credentials of SNMP v3 (USM, RFC 3414): noAuthNoPriv, authNoPriv or authPriv, by what is stated."""

    name: str
    auth_secret: str = field(default="", repr=False)
    auth_protocol: AuthProtocol = "sha256"
    privacy_secret: str = field(default="", repr=False)
    privacy_protocol: PrivacyProtocol = "aes128"


Credentials: TypeAlias = Community | SnmpUser
