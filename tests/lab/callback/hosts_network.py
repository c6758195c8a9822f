# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import ctypes
import os
from pathlib import Path

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: hosts_network
type: notification
short_description: The run goes on in the network of the lab's hosts
description:
  - From the first play on that is for other hosts than localhost, the run is in the network whose name stands in the
    file C(hub) of the folder E(LAB_HOSTS). So it reaches hosts, stores and TimeLock there.
  - It is for those who start ansible-playbook and cannot be started there themselves, as molecule.
"""

CLONE_NEWNET = 0x40000000


class CallbackModule(CallbackBase):
    """Workers are forked where the run is."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "hosts_network"
    CALLBACK_NEEDS_ENABLED = True

    def v2_playbook_on_play_start(self, play):
        if play.hosts == ["localhost"]:
            return
        name = Path(os.environ["LAB_HOSTS"], "hub").read_text(encoding="utf-8")
        with open(Path("/run/netns", name), "rb") as network:
            # os.setns is there since Python 3.12.
            if ctypes.CDLL(None, use_errno=True).setns(network.fileno(), CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), f"the network {name} cannot be entered")
