# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an operator says in place of a proof: why it may be missing."""

from __future__ import annotations

from .refusal import Refusal

REASONS = ("accept_unproven", "accept_identity")
"""The options that want one."""

_ANSWERS = ("true", "yes", "on", "y", "t", "1", "false", "no", "off", "n", "f", "0", "none", "null")
"""What YAML and Ansible read as yes, no or nothing; as text, as -e gives it, it would waive proofs in any case."""


def require_reason(variable: str, said: str | None) -> None:
    """Raise Refusal ``reason-missing`` where ``said``, if anything is, answers yes or no."""
    if said and said.strip().lower() in _ANSWERS:
        raise Refusal("reason-missing", f"{variable} is {said.strip()}, which is no reason.")
