# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write the report of a run, on the controller wherever the task points: as JSON, and as a page."""

from __future__ import annotations

import json

from ansible.plugins.action import ActionBase
from ansible_collections.atlasdb.timelock.plugins.module_utils.operations.handover_report import (
    ARGUMENT_SPEC,
    file_of,
    report_of,
    summary,
    write,
)
from ansible_collections.atlasdb.timelock.plugins.plugin_utils.maker import made_by, now
from ansible_collections.atlasdb.timelock.plugins.plugin_utils.report_page.page import page


class ActionModule(ActionBase):
    """See the module's documentation."""

    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _validated, params = self.validate_argument_spec(ARGUMENT_SPEC)
        paths = {"path": file_of(params, "json"), "page": file_of(params, "html")}
        try:
            report = report_of(params, now(), made_by())
            if not self._task.check_mode:
                # First: there is a report whatever becomes of its page.
                write(paths["path"], json.dumps(report, indent=4, sort_keys=True, default=str) + "\n")
                write(paths["page"], page(report))
        except OSError as error:
            found = f"{error.filename or params['directory']}: {error.strerror}"
            return {**result, **paths, "failed": True, "changed": False, "msg": found}
        return {**result, **paths, "changed": False, "summary": summary(report)}
