# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options that several modules share, as Ansible argument specs."""

from __future__ import annotations

LOGIN = {
    "type": "dict",
    "options": {
        "username": {"type": "str", "required": True},
        "password": {"type": "str", "required": True, "no_log": True},
    },
}

KVS = {
    "type": "dict",
    "required": True,
    "options": {
        "type": {"type": "str", "required": True, "choices": ["postgres", "oracle", "cassandra"]},
        "hosts": {"type": "list", "elements": "str", "required": True},
        "port": {"type": "int"},
        "user": {"type": "str"},
        "password": {"type": "str", "no_log": True},
        "service_login": LOGIN,
        "database": {"type": "str"},
        "keyspace": {"type": "str", "no_log": False},
        "thrift_port": {"type": "int"},
        "table_prefix": {"type": "str", "default": ""},
        "tls": {"type": "bool", "default": False},
        "ca_path": {"type": "path"},
        "client_cert": {"type": "path"},
        "client_key": {"type": "path", "no_log": False},
        "validate_certs": {"type": "bool", "default": True},
    },
}

TIMELOCK = {
    "servers": {"type": "list", "elements": "str", "required": True},
    "ca_path": {"type": "path"},
    "client_cert": {"type": "path"},
    "client_key": {"type": "path", "no_log": False},
    "validate_certs": {"type": "bool", "default": True},
    "timeout": {"type": "float", "default": 30.0},
}

PROOFS = {
    "nodes": {"type": "list", "elements": "str", "default": []},
    "offline_proofs": {"type": "list", "elements": "dict", "default": []},
    "timelock_proof": {"type": "dict"},
    "accept_unproven": {"type": "str"},
    "max_proof_age": {"type": "float", "default": 300.0},
}
