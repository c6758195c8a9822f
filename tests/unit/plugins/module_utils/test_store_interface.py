# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal
from ansible_collections.atlasdb.timelock.plugins.module_utils.stores.interface import LoginState, Store


class Stubborn(Store):
    """A store on which a login stays as it was."""

    def __init__(self, enabled: bool):
        self._enabled = enabled

    def login(self, login: str) -> LoginState:
        return LoginState(self._enabled, not self._enabled, False, [], [])


@pytest.mark.parametrize("enabled, word", [(True, "enabled"), (False, "disabled")])
def test_a_login_that_is_not_as_it_was_told_to_be_is_refused(enabled, word):
    assert Stubborn(enabled).require_told("orders", enabled) is enabled
    with pytest.raises(Refusal, match=f"fence-open: orders was told to be {word}, and is not"):
        Stubborn(not enabled).require_told("orders", enabled)
