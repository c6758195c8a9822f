# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read the client configuration of a node, and look at what else the plan asks of it."""

from __future__ import annotations

from ..arguments import LOGIN

TARGET = {
    "path": {"type": "path", "required": True},
    "runtime_path": {"type": "path"},
    "service_name": {"type": "str", "required": True},
    "service": {"type": "dict", "required": True},
}

TIMELOCK_BLOCK = {
    "type": "dict",
    "options": {
        "servers": {"type": "list", "elements": "str", "required": True},
        "ssl": {
            "type": "dict",
            "required": True,
            "options": {
                "trustStorePath": {"type": "str"},
                "trustStoreType": {"type": "str"},
                "keyStorePath": {"type": "str", "no_log": False},
                "keyStorePassword": {"type": "str", "no_log": True},
                "keyStoreType": {"type": "str", "no_log": False},
                "keyStoreKeyAlias": {"type": "str", "no_log": False},
            },
        },
    },
}

CONFIG = {
    "config_root": {"type": "str"},
    "runtime_config_root": {"type": "str"},
    "atlasdb_version": {"type": "str"},
    "kvs_overrides": {"type": "dict", "no_log": True},
    "timelock": TIMELOCK_BLOCK,
    "new_login": LOGIN,
    "template": {"type": "path"},
}

ARGUMENT_SPEC = {
    **TARGET,
    **CONFIG,
    "reverse": {"type": "bool", "default": False},
    "rename_to": {"type": "str"},
    "library_paths": {"type": "list", "elements": "path", "default": []},
}
