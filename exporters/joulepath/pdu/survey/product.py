# SPDX-License-Identifier: Apache-2.0
"""Makes power from volts times amperes in direct current: finds the voltage of each current."""

from collections.abc import Sequence
from dataclasses import replace

from joulepath.pdu.profiles.quantity import Quantity
from joulepath.pdu.profiles.schema import ProfileTable
from joulepath.pdu.snmp.client import Oid
from joulepath.pdu.survey.rows import Columns, TableRow, rows_of

_OF_DEVICE: Sequence[Oid] = ((), (0,))
"""Indexes of an object that is not a cell of a table."""


async def products_of(columns: Columns, table: ProfileTable, volts: Quantity, amperes: Quantity) -> Sequence[TableRow]:
    """The rows of the currents, each with the row of its voltage; a current without a voltage is left out.

    The table's keys, labels and names are those of the currents.
    """
    currents = await rows_of(columns, table, amperes)
    bare = table.model_copy(
        update={"where": {}, "unit": None, "number": None, "label": None, "first": None, "name": None}
    )
    voltages = await rows_of(columns, bare, volts)
    return [
        replace(current, volts=voltage)
        for current in currents
        if (voltage := _voltage(current, amperes, voltages, volts)) is not None
    ]


def _voltage(current: TableRow, amperes: Quantity, voltages: Sequence[TableRow], volts: Quantity) -> TableRow | None:
    """The voltage of the same label, the one with which the current's index has most in common, or the only one."""
    if volts.column is None:
        of_label = [voltage for voltage in voltages if voltage.number == (current.number or current.index)]
        return of_label[0] if of_label else voltages[0] if len(voltages) == 1 else None
    of_index = {voltage.oid[len(volts.column) :]: voltage for voltage in voltages}
    if amperes.column is not None:
        index = current.oid[len(amperes.column) :]
        for length in range(
            len(index), 0, -1
        ):  # a module's circuits have the module's voltage, at an index beside them
            like = [voltage for other, voltage in of_index.items() if other[:length] == index[:length]]
            if like:
                return like[0] if len(like) == 1 else None
    return next((of_index[index] for index in _OF_DEVICE if index in of_index and len(of_index) == 1), None)
