# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A service that is a systemd unit."""

from __future__ import annotations

import contextlib
import os
import re

from ansible_collections.atlasdb.timelock.plugins.module_utils.node import disk, program
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.managers.interface import Manager, State
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.processes import Processes
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.service import Service
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal

UNIT_FOLDER = "/etc/systemd/system"
_DROP_IN = "atlasdb-timelock-hold.conf"
_SYSTEMCTL = ["systemctl", "--no-pager", "--no-ask-password"]
_TIMEOUT_SECONDS = 30
# What systemd.unit(5) allows; a name that began with a dash would be an option of systemctl.
_UNIT = re.compile(r"[A-Za-z0-9:_.@\\][A-Za-z0-9:_.@\\-]*")
_PROPERTIES = "LoadState,ActiveState,SubState,MainPID,ControlGroup,FragmentPath,DropInPaths"


class Systemd(Manager):
    start_ends = True

    def __init__(self, service: Service, processes: Processes):
        if not _UNIT.fullmatch(service.unit):
            raise Refusal("probe-blind", f"{service.unit!r} is no name of a systemd unit.")
        self._unit = service.unit if "." in service.unit else service.unit + ".service"
        self.start = [*_SYSTEMCTL, "start", self._unit]
        self.stop = [*_SYSTEMCTL, "stop", self._unit]
        self._processes = processes

    @property
    def _drop_in(self) -> str:
        return os.path.join(UNIT_FOLDER, f"{self._unit}.d", _DROP_IN)

    def state(self, remembered: dict | None) -> State:
        found = self._show()
        if found.get("LoadState") in ("not-found", "error", "bad-setting", None):
            raise Refusal("probe-blind", f"systemd has no usable {self._unit}: LoadState={found.get('LoadState')}.")
        main = {int(found["MainPID"])} - {0}
        group = found["ControlGroup"]
        active = found["ActiveState"] in ("active", "activating", "reloading", "deactivating", "refreshing")
        return State(
            words=f"{self._unit} is {found['ActiveState']} ({found['SubState']}), {found['LoadState']}",
            main=main,
            others=self._processes.in_cgroup(group) if group.strip("/") else set(),
            active=active,
            coming=found["ActiveState"] in ("activating", "reloading", "refreshing"),
        )

    def _show(self) -> dict[str, str]:
        text = self._call("show", "-p", _PROPERTIES, self._unit)
        return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)

    def _call(self, *arguments: str) -> str:
        try:
            answer = program.ask([*_SYSTEMCTL, *arguments], _TIMEOUT_SECONDS)
        except FileNotFoundError as error:
            do = "Correct atlasdb_service_manager."
            raise Refusal("probe-blind", "There is no systemctl on this node.", do) from error
        except TimeoutError as error:
            raise Refusal("probe-blind", f"systemctl did not answer within {_TIMEOUT_SECONDS} s.") from error
        if answer.status:
            words = answer.words.strip()[:400]
            raise Refusal("probe-blind", f"systemctl {arguments[0]} failed with status {answer.status}: {words}.")
        return answer.output

    def has_barrier(self, marker: str) -> bool:
        written = disk.read(self._drop_in) == _drop_in_text(marker)
        return written and self._drop_in in self._show().get("DropInPaths", "").split()

    def install_barrier(self, marker: str) -> None:
        folder = os.path.dirname(self._drop_in)
        if not os.path.isdir(folder):
            try:
                disk.make_folder(folder)
            except OSError as error:
                raise disk.not_writable(folder, error) from error
        disk.write(self._drop_in, _drop_in_text(marker), disk.Ownership(0o644, os.geteuid(), os.getegid()))
        self._call("daemon-reload")
        if not self.has_barrier(marker):
            raise Refusal("hold-impossible", f"systemd does not read {self._drop_in} for the unit {self._unit}.")

    def remove_barrier(self) -> bool:
        removed = disk.discard(self._drop_in)
        with contextlib.suppress(OSError):  # other drop-ins lie there
            disk.remove_folder(os.path.dirname(self._drop_in))
        if self._drop_in in self._show().get("DropInPaths", "").split():
            self._call("daemon-reload")
        return removed


def _drop_in_text(marker: str) -> bytes:
    return (
        "# atlasdb.timelock: keeps the service down while its node is held\n"
        f"[Unit]\nAssertPathExists=!{marker.replace('%', '%%')}\n"
    ).encode()
