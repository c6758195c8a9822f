# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The documentation site: the repository's Markdown at its own places, and antsibull-docs' pages of the plugins.

`make docs` lays both into one folder, so that a link which leads somewhere in the repository does so on the site.
"""

from docutils import nodes

project = "atlasdb.timelock"
copyright = "2026, the atlasdb.timelock authors"

extensions = ["myst_parser", "sphinx_antsibull_ext"]
exclude_patterns = ["changelogs", "docs/site"]

html_theme = "furo"
html_title = "atlasdb.timelock"
html_show_sphinx = False
html_copy_source = False

# A link to a heading must lead to one.
myst_heading_anchors = 4
nitpicky = True
suppress_warnings = [
    "ref.ref",  # antsibull-docs links to pages of Ansible's own site, which is not asked here
    "myst.header",  # the changelog's format skips a level
]
highlight_language = "none"

# Nothing is fetched, neither when it is made nor when it is read.
intersphinx_mapping = {}


def setup(app):
    app.connect("doctree-read", without_contents)


def without_contents(app, doctree):
    """The theme shows a page's contents beside it, and puts an error where a page shows them too."""
    for topic in [*doctree.findall(nodes.topic)]:
        if "contents" in topic["classes"]:
            topic.parent.remove(topic)
