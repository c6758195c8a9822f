# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options that the node modules share."""

from __future__ import annotations

from ansible_collections.atlasdb.timelock.plugins.module_utils.node.epoch import Run


def node_arguments() -> dict:
    """Options that say which node it is."""
    return {
        "path": {"type": "path", "required": True},
        "runtime_path": {"type": "path"},
        "service_name": {"type": "str", "required": True},
        "service": {
            "type": "dict",
            "required": True,
            "options": {
                "manager": {"type": "str", "required": True, "choices": ["systemd", "sysvinit", "sls", "command"]},
                "unit": {"type": "str", "required": True},
                "start_command": {"type": "str"},
                "stop_command": {"type": "str"},
                "pid_file": {"type": "path"},
                "ports": {"type": "list", "elements": "int", "default": []},
                "health_url": {"type": "str", "default": ""},
                "stop_timeout": {"type": "int", "default": 120},
                "start_timeout": {"type": "int", "default": 300},
                "stop_kill": {"type": "bool", "default": False},
            },
            "required_if": [["manager", "command", ["start_command", "stop_command", "pid_file"]]],
        },
    }


def effect_arguments() -> dict:
    """Options of the modules that change a node."""
    return {
        **node_arguments(),
        "epoch": {"type": "int", "required": True},
        "run_id": {"type": "str", "required": True},
        "operator": {"type": "str", "required": True},
        "lock_timeout": {"type": "int", "default": 60},
    }


def run_of(parameters: dict) -> Run:
    """The run that acts."""
    named = {"playbook": parameters["playbook"]} if "playbook" in parameters else {}
    return Run(parameters["service_name"], parameters["epoch"], parameters["run_id"], parameters["operator"], **named)
