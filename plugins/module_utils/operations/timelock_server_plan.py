# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is to be done with the servers of a TimeLock cluster."""

from __future__ import annotations

from ..server.plan import plan

ARGUMENT_SPEC = {
    "nodes": {"type": "list", "elements": "dict", "required": True},
    "group": {"type": "list", "elements": "str", "required": True},
    "cluster": {
        "type": "dict",
        "required": True,
        "options": {
            "version": {"type": "str", "required": True},
            "members": {"type": "list", "elements": "str", "required": True},
            "data_directory": {"type": "str", "required": True},
            "sqlite_directory": {"type": "str", "required": True},
            "admin_port": {"type": "int", "required": True},
            "dangerous_topology": {"type": "bool", "default": False},
            "tls": {"type": "dict", "default": {}},
            "settings": {"type": "dict", "default": {}},
        },
    },
    "accept_old": {"type": "str", "default": ""},
    "distribution": {"type": "str", "default": ""},
    "checksum": {"type": "str", "default": ""},
    "folders": {"type": "list", "elements": "str", "default": []},
    "names": {"type": "list", "elements": "str", "default": []},
}


def timelock_server_plan(params: dict, check_mode: bool) -> dict:
    """The plan for all servers at once; see the module's RETURN. Raises the Refusal that it comes to."""
    package = {"distribution": params["distribution"], "checksum": params["checksum"]}
    installation = {"folders": params["folders"], "names": params["names"]}
    made = plan(params["nodes"], params["group"], params["cluster"], params["accept_old"], package, installation)
    return {"changed": False, **made}
