# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stores as tests open them, and what they refuse."""

from __future__ import annotations

import contextlib

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal
from ansible_collections.atlasdb.timelock.plugins.module_utils.stores.opening import open_store


@pytest.fixture
def opened():
    """Opens stores, and closes them after the test."""
    with contextlib.ExitStack() as stack:

        def open_one(kvs):
            store = open_store(kvs)
            stack.callback(store.close)
            return store

        yield open_one


def refused(call, *arguments) -> Refusal:
    with pytest.raises(Refusal) as raised:
        call(*arguments)
    return raised.value
