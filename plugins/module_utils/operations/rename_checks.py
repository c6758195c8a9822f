# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The judgements between the steps of a rename, which handover_check gives as well."""

from __future__ import annotations

from ..refusal import Refusal
from ..timelock.quiet import require_quiet
from .reverse_checks import require_above_known
from .start_checks import proved


def rename_at(params: dict) -> dict:
    """TS, the last timestamp of the namespace that is left, as decimal text.

    Raises Refusal ``timelock-behind-backup`` where TimeLock is below what is known to have been given out.
    """
    return {"ts": str(require_above_known(params, "timelock-behind-backup"))}


def renamed(params: dict) -> dict:
    """The handover with which nodes may start on the new namespace: it is above TS, and nobody is on the old one.

    ``earlier`` and ``later`` are timestamps of the old one, of which ``earlier`` is TS; ``store`` was read back.
    """
    ts = params["earlier"]["fresh_timestamp"]
    given = proved(params, params["plan"]["nodes"], ts)
    fresh = int(params["fresh_timestamp"])
    if fresh <= ts:
        raise Refusal("timelock-behind", f"TimeLock's fresh timestamp {fresh} is not above {ts}.")
    require_quiet(params["earlier"], params["later"])
    return given
