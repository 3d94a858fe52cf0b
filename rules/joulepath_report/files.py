# SPDX-License-Identifier: Apache-2.0
"""A report as data for other programs (CSV, JSON and Parquet, with all numbers in full) and as a page for readers."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import NamedTuple

from joulepath.extras import needed
from joulepath_report.model import TOTAL, Report
from joulepath_report.period import moment

FORM = 1
"""Of the JSON file; a later one that old readers cannot read has a higher number."""


class Line(NamedTuple):
    """One value of one table in the long form. A value that is not known has no line."""

    topology: str
    begin: str
    end: str
    table: str
    row: str
    column: str
    value: float
    unit: str


def lines(report: Report) -> Iterator[Line]:
    """All numbers of all tables; the row of sums is called `total`."""
    begin, end = (f"{moment(at).replace(' ', 'T')}Z" for at in (report.begin, report.end))
    for table in report.tables:
        for row in table.all_rows():
            name = TOTAL if row is table.total else table.name(row)
            for column, value in zip(table.columns, row, strict=True):
                if column.unit is not None and isinstance(value, (int, float)):
                    yield Line(report.topology, begin, end, table.id, name, column.key, float(value), column.unit)


def csv_text(report: Report) -> str:
    """One line for each number: topology, begin, end, table, row, column, value, unit."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(Line._fields)
    writer.writerows(lines(report))
    return text.getvalue()


def json_text(report: Report) -> str:
    """The whole report, with the keys of `model.Report`."""
    return json.dumps({"form": FORM, **asdict(report)}, indent=1, ensure_ascii=False) + "\n"


def parquet_bytes(report: Report) -> bytes:
    """The same lines as in CSV, in columns. Raises UsageError without pyarrow."""
    with needed("parquet"):
        import pyarrow as pa  # noqa: PLC0415  # of the extra
        from pyarrow import parquet  # noqa: PLC0415
    rows: Sequence[Line] = list(lines(report))
    words = {name: [getattr(row, name) for row in rows] for name in Line._fields}
    types = [(name, pa.float64() if name == "value" else pa.string()) for name in Line._fields]
    sink = io.BytesIO()
    parquet.write_table(pa.table(words, schema=pa.schema(types)), sink)
    return sink.getvalue()


def html_text(report: Report) -> str:
    """The page. Raises UsageError without the libraries of its charts and template."""
    with needed("report"):
        from joulepath_report.page.html import page  # noqa: PLC0415  # of the extra
    return page(report)
