# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.epoch import Run, obey, read_epoch, require_current
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.names import Beside
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal


def run(epoch, run_id, service="orders"):
    return Run(service, epoch, run_id, "alice")


@pytest.fixture
def beside(tmp_path):
    beside = Beside(str(tmp_path / "install.yml"))
    obey(beside, run(9, "a"))
    return beside


@pytest.mark.parametrize(
    ("late", "code"),
    [
        (run(8, "a"), "operator-lock-lost"),
        (run(9, "b"), "operator-lock-lost"),
        (run(10, "a", "billing"), "inventory-node-shared"),
    ],
)
def test_who_does_not_hold_the_lock_any_more_is_refused(beside, late, code):
    with pytest.raises(Refusal) as refused:
        obey(beside, late)
    assert refused.value.code == code
    assert read_epoch(beside) == {"service": "orders", "epoch": 9, "run_id": "a"}


def test_the_same_run_is_current_and_a_higher_epoch_takes_over(beside):
    assert not require_current(beside, run(9, "a"))
    assert require_current(beside, run(10, "b"))
    assert read_epoch(beside)["epoch"] == 9
    obey(beside, run(10, "b"))
    assert read_epoch(beside) == {"service": "orders", "epoch": 10, "run_id": "b"}
