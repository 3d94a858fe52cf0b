# SPDX-License-Identifier: Apache-2.0
"""`python -m joulepath` is the command `joulepath`."""

import sys

from joulepath.cli import main

if __name__ == "__main__":
    sys.exit(main())
