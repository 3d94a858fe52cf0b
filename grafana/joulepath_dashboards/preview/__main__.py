# SPDX-License-Identifier: Apache-2.0
"""`python -m joulepath_dashboards.preview --prometheus URL` draws the dashboards of grafana/dashboards."""

import argparse
import json
import sys
import time
from pathlib import Path

from joulepath.errors import JoulepathError, UsageError
from joulepath_dashboards.preview.answers import Period, seconds
from joulepath_dashboards.preview.page import height, page
from joulepath_dashboards.preview.picture import chromium, take
from joulepath_prometheus.arguments import add_http_config, prometheus

FOLDER = Path(__file__).resolve().parents[2] / "dashboards"


def main() -> int:
    """Draws the pages and names the files."""
    args = _arguments()
    try:
        for path in _draw(args):
            print(path)  # noqa: T201  # the answer
    except (JoulepathError, OSError, ValueError) as error:
        print(f"dashboards-preview: {error}", file=sys.stderr)  # noqa: T201  # the answer
        return 1
    return 0


def _draw(args: argparse.Namespace) -> list[Path]:
    program = None if args.html else chromium()
    args.output.mkdir(parents=True, exist_ok=True)
    if wrong := [each for each in args.set if "=" not in each]:
        raise UsageError(f"--set {wrong[0]}: write VARIABLE=VALUE")
    chosen = dict(each.split("=", 1) for each in args.set)
    interval = seconds(args.interval)
    # Rules of an evaluation are stored one after the other: at this very moment some may be older than others.
    end = time.time() - interval if args.end is None else args.end
    period = Period(end - seconds(args.range), end, interval)
    written = []
    with prometheus(args) as server:
        for name in args.page or sorted(path.stem for path in FOLDER.glob("*.json")):
            source = FOLDER / f"{name}.json"
            if not source.exists():
                raise UsageError(
                    f"{name}: not a dashboard; {FOLDER} has {', '.join(p.stem for p in FOLDER.glob('*.json'))}"
                )
            dashboard = json.loads(source.read_text(encoding="utf-8"))
            path = args.output / f"{name}.html"
            path.write_text(page(dashboard, server, period, chosen, args.width), encoding="utf-8")
            written.append(path)
            if program:
                picture = path.with_suffix(".png")
                take(program, path, picture, (args.width, height(dashboard)))
                written.append(picture)
    return written


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="joulepath_dashboards.preview", description="Draw dashboards without Grafana."
    )
    parser.add_argument("page", nargs="*", help="dashboards, such as overview (default: all)")
    parser.add_argument("--prometheus", metavar="URL", required=True, help="server that they ask")
    add_http_config(parser)
    parser.add_argument("-o", "--output", type=Path, default=Path("preview"), help="folder (default: %(default)s)")
    parser.add_argument("--range", default="1h", help="time range, such as 15m (default: %(default)s)")
    parser.add_argument("--end", type=float, metavar="SECONDS", help="its end as Unix time (default: an interval ago)")
    parser.add_argument("--interval", default="15s", help="timeInterval of the data source (default: %(default)s)")
    parser.add_argument(
        "--set", action="append", default=[], metavar="VARIABLE=VALUE", help="for example application=robot"
    )
    parser.add_argument("--width", type=int, default=1400, help="pixels (default: %(default)s)")
    parser.add_argument("--html", action="store_true", help="pages alone, without pictures by Chromium")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
