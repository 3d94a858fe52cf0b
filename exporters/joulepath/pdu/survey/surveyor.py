# SPDX-License-Identifier: Apache-2.0
"""Decides when a device is surveyed, and which of two surveys counts."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping

from joulepath.errors import JoulepathError
from joulepath.log import Once
from joulepath.pdu.profiles.catalogue import candidates
from joulepath.pdu.profiles.schema import Profile
from joulepath.pdu.snmp.client import NoAnswerError, SnmpClient
from joulepath.pdu.snmp.notebook import Notebook, PausedError
from joulepath.pdu.survey.detection import find
from joulepath.pdu.survey.layout import SYS_OBJECT_ID, PduLayout, survey

logger = logging.getLogger(__name__)

LAYOUT_SECONDS = 600.0
"""The time after which names and numbers of rows are read again; at once after a reboot or another device's answer."""

REDETECT_SECONDS = 60.0
"""The same where no power was found: the device may have been starting. Twice as long each time."""

SURVEY_SECONDS = 60.0
"""A first survey that takes longer goes on at the next poll."""

REFRESH_SECONDS = 10.0
"""The same for a survey of a known device: polls go on meanwhile."""

SURVEYS_AT_ONCE = 4
"""A hundred devices that are surveyed together would keep each other waiting beyond their time."""

SLOT_SECONDS = 5.0
"""A device that takes longer mostly waits for itself, and keeps no other waiting."""


class Surveyor:
    """The layout of one device, with the `profile` that its user named or the one that is found."""

    def __init__(
        self,
        name: str,
        client: SnmpClient,
        profiles: Mapping[str, Profile],
        profile: str | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        surveys: asyncio.Semaphore | None = None,
        seconds: float = SURVEY_SECONDS,
    ) -> None:
        """`surveys` is shared by devices, so that not all are surveyed at once; a first one takes `seconds` a poll."""
        self._name = name
        self._client = client
        self._profiles = profiles
        self._profile = profile
        self._clock = clock
        self._surveys = surveys or asyncio.Semaphore()
        self._seconds = seconds
        self._layout: PduLayout | None = None
        self._surveyed = 0.0
        self._lasts = LAYOUT_SECONDS
        self._wait = REDETECT_SECONDS
        self._fails = False
        """Whether the last poll by the layout measured nothing."""
        self._notes: Notebook | None = None
        self._told = Once()

    async def layout(self) -> PduLayout:
        """The device's layout; surveys the device first if the layout is missing or old.

        Raises JoulepathError where nothing is known of it yet.
        """
        now = self._clock()
        if self._layout is not None and now - self._surveyed < self._lasts:
            return self._layout
        layout = await self._survey()
        if layout is self._layout:
            return layout
        self._notes = None
        self._surveyed = now
        if self._layout is None or self._replaces(layout, self._layout):
            self._layout = layout
            self._tell(layout)
        if self._layout.measures_power:
            self._lasts, self._wait = LAYOUT_SECONDS, REDETECT_SECONDS
        else:
            self._lasts, self._wait = self._wait, min(2 * self._wait, LAYOUT_SECONDS)
        return self._layout

    def expire(self) -> None:
        """The device has changed: it is surveyed before the next poll, which has the old layout until that is done."""
        self._surveyed = float("-inf")

    def forget(self) -> None:
        """Forgets the layout: the device is another one, or has restarted."""
        self._layout = self._notes = None

    def note_poll(self, *, anything: bool) -> None:
        """Whether a poll by the layout measured anything; where it did not, another profile may."""
        if not anything and not self._fails:
            self._lasts = min(self._lasts, REDETECT_SECONDS)
        self._fails = not anything

    async def _survey(self) -> PduLayout:
        """One more part of the survey; the old layout where it goes on later, or failed."""
        seconds = self._seconds if self._layout is None else REFRESH_SECONDS
        if self._notes is not None and self._clock() - self._notes.heard >= LAYOUT_SECONDS:
            self._notes = None  # it may be another device by now
        begun, self._notes = bool(self._notes), self._notes or Notebook(self._client, self._clock)
        try:
            if not begun:
                try:
                    async with self._surveys:
                        return await self._part(self._notes, min(seconds, SLOT_SECONDS))
                except PausedError:
                    seconds -= SLOT_SECONDS
            return await self._part(self._notes, seconds)
        except PausedError:
            if self._layout is not None:
                return self._layout
            raise JoulepathError(
                f"answers slowly: its survey goes on at the next poll ({len(self._notes)} objects and columns so far)"
            ) from None
        except NoAnswerError:
            raise  # its earlier answers still hold
        except JoulepathError as error:
            self._notes = None
            if self._layout is None:
                raise
            self._surveyed = self._clock()
            self._once(f"keeps to what it was, since the new survey failed: {error}")
            return self._layout

    async def _part(self, notes: Notebook, seconds: float) -> PduLayout:
        """The layout, if it takes no longer than `seconds`; else raises PausedError."""
        notes.deadline = self._clock() + seconds
        if self._profile is None:
            return await find(notes, self._profiles)
        return await survey(notes, self._profile, self._profiles[self._profile])

    def _replaces(self, new: PduLayout, old: PduLayout) -> bool:
        """Whether a new survey is better: not where a likelier profile or a column is missing for the moment."""
        if self._fails:
            return True
        if new.measures_power != old.measures_power:
            return new.measures_power
        if new.profile_name != old.profile_name:
            known = new.identity.get(SYS_OBJECT_ID)
            order = candidates(self._profiles, known if isinstance(known, tuple) else ())
            return order.index(new.profile_name) < order.index(old.profile_name)
        return not (set(new.left_out) - set(old.left_out))

    def _tell(self, layout: PduLayout) -> None:
        for name, why in layout.tried.items():
            self._once(f"is read by the profile {layout.profile_name} and not by {name}, which {why}")
        for what, how in layout.left_out.items():
            self._once(f"{what} is left out: {how}")

    def _once(self, line: str) -> None:
        if self._told.is_new(line):
            logger.warning("%s: %s", self._name, line)
