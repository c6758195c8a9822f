# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The TimeLock cluster that a module's options name."""

from __future__ import annotations

from .client import TimeLock


def open_timelock(params: dict) -> TimeLock:
    """The client for the options in ``arguments.TIMELOCK``; its deadline runs from now."""
    return TimeLock(
        params["servers"],
        ca_path=params["ca_path"],
        client_cert=params["client_cert"],
        client_key=params["client_key"],
        validate_certs=params["validate_certs"],
        deadline=params["timeout"],
    )
