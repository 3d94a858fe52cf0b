# SPDX-License-Identifier: Apache-2.0
"""The site of `make site`: Sphinx reads the pages as they are, from the top of the checkout, so that links keep."""

from sphinx.application import Sphinx

project = "Joulepath"
root_doc = "docs/index"
include_patterns = ["*.md", "docs/**.md"]

extensions = ["myst_parser"]
myst_heading_anchors = 6  # named as forges name them, so that one link is right in both

html_theme = "furo"
html_title = project
html_copy_source = False
smartquotes = False
html_extra_path = ["redirect"]
highlight_language = "none"
suppress_warnings = ["misc.highlighting_failure"]  # Pygments does not know the colons of recorded series

CONTENTS = {
    "Guides": "guides/*",
    "5G cores": "guides/cores/*",
    "Reference": "reference/*",
    "Development": "develop/*",
    "Decisions": "decisions/*",
    "Project": "../*",
}
"""The chapters of the sidebar. They are added here, because a forge would show the directive as text."""


def add_contents(app: Sphinx, name: str, source: list[str]) -> None:
    """Adds the sidebar's chapters to the first page."""
    if name == app.config.root_doc:
        source[0] += "".join(
            f"\n```{{toctree}}\n:hidden:\n:glob:\n:caption: {caption}\n\n{pages}\n```\n"
            for caption, pages in CONTENTS.items()
        )


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("source-read", add_contents)
