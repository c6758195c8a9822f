# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which actions write into the journal of a run."""

from __future__ import annotations

import importlib

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.journal import EFFECTS
from ansible_collections.atlasdb.timelock.plugins.plugin_utils.journalled import Journalled


@pytest.mark.parametrize("module", sorted(EFFECTS))
def test_an_effect_is_written_into_the_journal_before_and_after(module):
    action = importlib.import_module(f"ansible_collections.atlasdb.timelock.plugins.action.{module}").ActionModule
    assert issubclass(action, Journalled)
    assert action.run is Journalled.run
