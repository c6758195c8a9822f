# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an action does besides its work when that is an effect of a run, or a look: it says so in the journal."""

from __future__ import annotations

import os
import time

from ansible.utils.display import Display
from ansible_collections.atlasdb.timelock.plugins.module_utils.journal import EFFECTS, LOOKS, append, entry, look_entry
from ansible_collections.atlasdb.timelock.plugins.module_utils.printable import printable


class _Writing:
    """A task in check mode, or of no run of the roles, has no journal.

    A journal that cannot be written is warned of, and stops nothing: the record in the key-value service is what the
    handover depends on.
    """

    @property
    def _module(self) -> str:
        return self._task.resolved_action.rpartition(".")[2]

    def _journal(self, task_vars: dict) -> tuple:
        names = ("timelock_run_id", "atlasdb_service_name", "timelock_step", "timelock_report_dir")
        if self._task.check_mode or not all(name in task_vars for name in names):
            return None, {}
        run_id, service, step, folder = (self._templar.template(task_vars[name]) for name in names)
        who = {"run": run_id, "service": service, "node": task_vars["inventory_hostname"], "step": step}
        return os.path.join(folder, f"{run_id}.jsonl"), who

    @staticmethod
    def _write(path: str | None, line: dict) -> None:
        if path is None:
            return
        try:
            append(path, line)
        except OSError as error:
            Display().warning(printable(f"The journal {path} cannot be written: {error.strerror}"))


class Journalled(_Writing):
    """An effect. Mixed into an action before its base."""

    def run(self, tmp=None, task_vars=None):
        path, who = self._journal(task_vars)
        effect = EFFECTS[self._module]
        self._write(path, entry(effect, who))
        # Of an error, such as a connection that is lost, nobody knows what it came after.
        result = {"failed": True}
        try:
            result = super().run(tmp, task_vars)
        finally:
            self._write(path, entry(effect, who, result))
        return result


class JournalledLook(_Writing):
    """A look. Mixed into an action before its base."""

    def run(self, tmp=None, task_vars=None):
        began = time.monotonic()
        result = super().run(tmp, task_vars)
        path, who = self._journal(task_vars)
        if path is not None:
            self._write(path, look_entry(LOOKS[self._module], who, result, time.monotonic() - began))
        return result
