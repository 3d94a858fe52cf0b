# SPDX-License-Identifier: Apache-2.0
"""Walks a Redfish tree (resources, collections and links) and leaves out single resources that fail."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Protocol

from joulepath.bmc.names import telling
from joulepath.bmc.redfish.service.client import RedfishNoAnswerError, ResourceBusyError, ResourceFaultError
from joulepath.bmc.redfish.service.items import Resource

MAX_MEMBERS = 512
"""Most members of one collection."""
MAX_PAGES = 64
MAX_UNANSWERED = 3
"""Requests in a row without an answer after which the BMC counts as silent; after fewer, one resource does."""

Get = Callable[[str], Awaitable[Resource]]


class RedfishConnection(Protocol):
    """Reads the resources of one Redfish service."""

    async def get(self, uri: str) -> Resource:
        """The resource at `uri`. Raises RedfishFaultError; ResourceFaultError if only this resource is at fault."""

    async def close(self) -> None:
        """Ends the session."""


class Tree:
    """Reads resources and collections with their members; leaves out single resources that fail."""

    def __init__(self, get: Get) -> None:
        self._get = get
        self.expand = False
        self.unread: dict[str, str] = {}
        """Resources that exist but could not be read now, and collections that lack a page: one line each, by URI."""
        self._unanswered = 0

    async def read(self, uri: str | None) -> Resource:
        """The resource; an empty one if it does not exist. Raises RedfishNoAnswerError if the BMC has fallen silent."""
        if uri is None:
            return {}
        try:
            resource = await self._get(uri)
        except RedfishNoAnswerError as fault:
            self._unanswered += 1
            if self._unanswered >= MAX_UNANSWERED:
                raise
            self.unread[uri] = f"{uri}: {fault}"
            return {}
        except ResourceFaultError as fault:
            if isinstance(fault, ResourceBusyError):
                self.unread[uri] = str(fault)
            resource = {}
        self._unanswered = 0
        return resource

    async def uris(self, uri: str | None, *, expand: bool = False) -> Mapping[str, Resource]:
        """The members' URIs, each with what the collection itself tells of it."""
        resources: dict[str, Resource] = {}
        expanded = f"{uri}?$expand=.($levels=1)"
        page = await self.read(expanded) if uri and expand else {}
        if not page and (page := await self.read(uri)):
            self.unread.pop(expanded, None)
        pages = {uri}
        while page and len(resources) < MAX_MEMBERS:
            members = page.get("Members")
            for member in members if isinstance(members, list) else []:
                if isinstance(member, dict) and isinstance(member.get("@odata.id"), str):
                    resources[member["@odata.id"]] = member
            following = page.get("Members@odata.nextLink")
            if not isinstance(following, str) or following in pages or len(pages) > MAX_PAGES:
                break
            pages.add(following)
            page = await self.read(following)
            if uri and following in self.unread:
                self.unread[uri] = self.unread.pop(following)
        return resources

    async def members(self, uri: str | None) -> Mapping[str, Resource]:
        """The members that can be read, by URI."""
        return {member: resource for member, resource in (await self.all_members(uri)).items() if resource}

    async def all_members(self, uri: str | None) -> Mapping[str, Resource]:
        """All that are listed, by URI, empty where one cannot be read."""
        uris = await self.uris(uri)
        return dict(zip(uris, await asyncio.gather(*(self.read(member) for member in uris)), strict=True))

    async def sensors(self, uri: str | None) -> list[Resource]:
        """The sensors with a name that speaks of power, in one request where the BMC expands.

        Of one that cannot be read now only the URI.
        """
        listed = await self.uris(uri, expand=self.expand)
        if listed and all("ReadingType" in sensor or len(sensor) > 3 for sensor in listed.values()):
            return list(listed.values())
        worth = telling(list(listed))
        read = zip(worth, await asyncio.gather(*map(self.read, worth)), strict=True)
        return [sensor or {"@odata.id": uri} for uri, sensor in read if sensor or uri in self.unread]


def entries(resource: Resource, key: str) -> Iterator[tuple[int, Resource]]:
    """The members of an array that are objects, with their index. Some BMCs have an only member without the array."""
    members = resource.get(key)
    for index, entry in enumerate(members if isinstance(members, list) else [members]):
        if isinstance(entry, dict):
            yield index, entry


def link(resource: Resource, key: str) -> str | None:
    """The URI that a property refers to."""
    return uri_of(resource.get(key))


def uri_of(link: object) -> str | None:
    """The URI in a reference, None for anything else."""
    uri = link.get("@odata.id") if isinstance(link, dict) else None
    return uri if isinstance(uri, str) and uri else None


def source_of(excerpt: object) -> str:
    """URI of the sensor that an excerpt repeats (DataSourceUri), or of the link in place of one; empty for none."""
    source = excerpt.get("DataSourceUri") if isinstance(excerpt, dict) else None
    return source if isinstance(source, str) else uri_of(excerpt) or ""


def look_up(resource: Resource, *keys: str) -> object:
    """The value at a path of keys through nested objects; None if the path does not exist."""
    inner: object = resource
    for key in keys:
        inner = inner.get(key) if isinstance(inner, dict) else None
    return inner
