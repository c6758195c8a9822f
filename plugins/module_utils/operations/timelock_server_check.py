# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The judgements between two servers of a rolling restart: each looks at results of other modules."""

from __future__ import annotations

from ..server import gates

ARGUMENT_SPEC = {
    "that": {
        "type": "str",
        "required": True,
        "choices": ["package", "may_stop", "outdated", "answers", "increased", "proved"],
    },
    "name": {"type": "str"},
    "url": {"type": "str"},
    "urls": {"type": "list", "elements": "str", "default": []},
    "cluster": {"type": "dict", "default": {}},
    "look": {"type": "dict", "default": {}},
    "version": {"type": "str", "default": ""},
    "differs": {"type": "bool", "default": False},
    "package": {"type": "dict"},
    "checksum": {"type": "str", "default": ""},
    "before": {"type": "str", "default": "0"},
}


def timelock_server_check(params: dict, check_mode: bool) -> dict:
    """The judgement ``that``; see the module's RETURN. Raises the Refusal that it comes to."""
    that, result = params["that"], {}
    if that == "package":
        gates.package(params["package"], params["checksum"], params["version"])
    elif that == "answers":
        gates.answers(params["name"], params["url"], params["cluster"])
    elif that == "may_stop":
        gates.may_stop(params["name"], params["url"], params["urls"], params["cluster"])
    elif that == "outdated":
        result = {"reasons": gates.outdated(params["look"], params["version"], params["differs"])}
    elif that == "increased":
        result = {"fresh": gates.increased(params["before"], params["cluster"])}
    else:
        result = {"fresh": gates.proved(params["before"], params["cluster"])}
    return {"changed": False, **result}
