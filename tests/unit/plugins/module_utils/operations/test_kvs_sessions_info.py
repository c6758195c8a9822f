# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.operations.kvs_sessions_info import require_nobody
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal

SESSION = {"user": "orders", "application": "psql", "address": "10.0.0.9", "port": 5}
UNSEEN = ["Nobody has looked at the sockets of 10.0.9.3."]


def test_a_session_of_somebody_else_is_refused_whatever_is_accepted():
    for accepted in (None, "firewalled"):
        with pytest.raises(Refusal, match=r"kvs-session-open: .* 1 of orders \(psql\) from 10\.0\.0\.9"):
            require_nobody([SESSION], [], accepted)


def test_hosts_of_the_store_that_nobody_looked_at_are_refused_unless_that_is_accepted():
    with pytest.raises(Refusal, match=r"proof-missing: Nobody has looked at the sockets of 10\.0\.9\.3"):
        require_nobody([], UNSEEN, None)
    require_nobody([], UNSEEN, "firewalled")


def test_nobody_is_no_reason_to_refuse():
    require_nobody([], [], None)
