# SPDX-License-Identifier: Apache-2.0
"""A BMC's Redfish over HTTP or HTTPS: serves a tree of resources, with sessions, Basic authentication, and faults."""

import asyncio
import base64
import json
import re
import secrets
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from aiohttp import web

Resource = Mapping[str, Any]
Tree = Callable[[str], Resource | None]
"""The resource at a path without a trailing slash, None where it does not exist."""

SESSIONS = "/redfish/v1/SessionService/Sessions"


def folder_tree(folder: Path) -> Tree:
    """A recorded tree: `FOLDER/Chassis/1/index.json` is `/redfish/v1/Chassis/1`."""

    def resource(path: str) -> Resource | None:
        inside = path.removeprefix("/redfish/v1").strip("/")
        if not re.fullmatch(r"[\w .:/$-]*", inside) or ".." in inside:
            return None
        file = folder / inside / "index.json"
        if not file.is_file():
            return None
        content: Resource = json.loads(file.read_text(encoding="utf-8"))
        return content

    return resource


def dict_tree(resources: Mapping[str, Resource]) -> Tree:
    """A tree that a test writes; `@odata.id` is filled in. The mapping may change while it is served."""

    def resource(path: str) -> Resource | None:
        content = resources.get(path)
        return None if content is None else {"@odata.id": path, **content}

    return resource


@dataclass
class Behaviour:
    """The BMC's behaviour. It may change while the BMC serves."""

    users: Mapping[str, str] = field(default_factory=dict)
    """Password by user; if empty, any client may read."""
    sessions: bool = True
    """Whether it has a session service."""
    max_sessions: int = 4
    delay: float = 0.0
    """Seconds until each answer."""
    answer: Callable[[web.Request], web.StreamResponse | None] = field(default=lambda _: None)
    """A fault: the answer to this request instead of the resource."""


class RedfishServer:
    """Serves `tree` on a free port of loopback, in a thread of its own, from `with` to its end."""

    def __init__(
        self, tree: Tree, behaviour: Behaviour | None = None, tls: ssl.SSLContext | None = None, port: int = 0
    ) -> None:
        self.behaviour = behaviour or Behaviour()
        self.requests: Counter[tuple[str, str]] = Counter()
        """How often each method and path was asked for."""
        self.tokens: dict[str, str] = {}
        """Path of each open session by its token."""
        self.port = port
        self._tree = tree
        self._tls = tls
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="redfish", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _listen(self) -> None:
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, ssl_context=self._tls)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        path = request.path.rstrip("/")
        self.requests[request.method, path] += 1
        if self.behaviour.delay:
            await asyncio.sleep(self.behaviour.delay)
        fault = self.behaviour.answer(request)
        if fault is not None:
            return fault
        if path == SESSIONS and request.method == "POST":
            return await self._open(request)
        if path != "/redfish/v1" and not self._may(request):
            return _error(401, "NoValidSession")
        if request.method == "DELETE":
            self.tokens = {token: session for token, session in self.tokens.items() if session != path}
            return web.Response(status=204)
        resource = self._tree(path)
        if resource is None:
            return _error(404, "ResourceMissingAtURI")
        if "$expand" in request.query and isinstance(resource.get("Members"), list):
            members = [self._tree(member["@odata.id"].rstrip("/")) or member for member in resource["Members"]]
            resource = {**resource, "Members": members}
        return web.json_response(resource)

    def _may(self, request: web.Request) -> bool:
        users = self.behaviour.users
        if not users or request.headers.get("X-Auth-Token") in self.tokens:
            return True
        scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Basic":
            return False
        user, _, password = base64.b64decode(encoded).decode().partition(":")
        return users.get(user) == password

    async def _open(self, request: web.Request) -> web.StreamResponse:
        if not self.behaviour.sessions:
            return _error(405, "OperationNotAllowed")
        wanted = await request.json()
        if self.behaviour.users.get(wanted.get("UserName")) != wanted.get("Password"):
            return _error(401, "InvalidLogin")
        if len(self.tokens) >= self.behaviour.max_sessions:
            return _error(503, "SessionLimitExceeded")
        token, session = secrets.token_hex(16), f"{SESSIONS}/{secrets.token_hex(4)}"
        self.tokens[token] = session
        return web.json_response(
            {"@odata.id": session}, status=201, headers={"X-Auth-Token": token, "Location": session}
        )


def _error(status: int, message: str) -> web.Response:
    return web.json_response({"error": {"code": f"Base.1.0.{message}", "message": message}}, status=status)
