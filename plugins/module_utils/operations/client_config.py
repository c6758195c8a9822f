# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the action client_config accepts."""

from __future__ import annotations

from .client_config_info import CONFIG, TARGET

RUN = {
    "epoch": {"type": "int", "required": True},
    "run_id": {"type": "str", "required": True},
    "operator": {"type": "str", "required": True},
}

ARGUMENT_SPEC = {
    **TARGET,
    **CONFIG,
    **RUN,
    "state": {"type": "str", "required": True, "choices": ["timelock", "embedded", "held"]},
    "stage": {"type": "bool", "default": False},
    "rename_to": {"type": "str"},
    "looked": {"type": "dict"},
    "handover": {"type": "dict"},
}
