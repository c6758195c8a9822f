# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module node_online, its proofs stamped by the controller."""

from __future__ import annotations

from ansible_collections.atlasdb.timelock.plugins.plugin_utils.journalled import Journalled
from ansible_collections.atlasdb.timelock.plugins.plugin_utils.proving_action import ProvingAction


class ActionModule(Journalled, ProvingAction):
    """See the module's documentation."""

    module = "node_online"
