# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write a node's client configuration: computed here, put in place by one module on the node."""

from __future__ import annotations

import base64

from ansible_collections.atlasdb.timelock.plugins.module_utils.client_config.reading import TIMELOCK
from ansible_collections.atlasdb.timelock.plugins.module_utils.node_look import NodeConfig
from ansible_collections.atlasdb.timelock.plugins.module_utils.operations.client_config import ARGUMENT_SPEC, RUN
from ansible_collections.atlasdb.timelock.plugins.module_utils.operations.client_config_info import CONFIG, TARGET
from ansible_collections.atlasdb.timelock.plugins.plugin_utils.journalled import Journalled
from ansible_collections.atlasdb.timelock.plugins.plugin_utils.node_action import NodeAction, went_wrong
from ansible_collections.atlasdb.timelock.plugins.plugin_utils.rendering import Rendering


def _encoded(text: str | None) -> str | None:
    return None if text is None else base64.b64encode(text.encode("utf-8")).decode("ascii")


class ActionModule(Journalled, Rendering, NodeAction):
    """See the module's documentation."""

    argument_spec = ARGUMENT_SPEC

    def act(self, params: dict, task_vars: dict) -> dict:
        target = {key: params[key] for key in (*TARGET, *RUN)}
        if params["state"] == "held":
            return self.on_node("node_offline", {**target, "state": "held"}, task_vars)
        if params["state"] == "embedded" and not params["stage"]:
            return self.on_node("node_online", {**target, "state": "embedded", "start": False}, task_vars)
        if not params["stage"]:
            arguments = {**target, "state": "timelock", "start": False, "handover": params["handover"] or {}}
            return self.on_node("node_online", arguments, task_vars)
        return self._stage(params, target, task_vars)

    def _stage(self, params: dict, target: dict, task_vars: dict) -> dict:
        if params["looked"]:
            probe = {**params["looked"]["probe"], **params["looked"]["content"]}
        else:
            probe = self.on_node("node_info", {key: params[key] for key in TARGET}, task_vars)
        if went_wrong(probe):
            return probe
        embedded = params["state"] == "embedded"
        namespace = params["rename_to"]
        rendered = None if embedded or namespace else self.rendered(params["template"], task_vars)
        node = NodeConfig(probe, {key: params[key] for key in CONFIG}, rendered)
        before = node.read()
        new = node.transformed(embedded, namespace)
        files = probe["files"]
        arguments = {
            **target,
            "embedded": embedded,
            "from_timelock": before.mode == TIMELOCK,
            "content_b64": _encoded(new.install_text),
            "source_sha256": probe["hold"]["sha256"] if node.held else files["install"]["sha256"],
        }
        if new.runtime_text is not None and new.runtime_text != node.runtime:
            arguments["runtime_content_b64"] = _encoded(new.runtime_text)
            arguments["runtime_source_sha256"] = files["runtime"]["sha256"]
        staged = self.on_node("node_stage", arguments, task_vars)
        if went_wrong(staged):
            return staged
        # A quarter of a second each, of which the service would be down.
        self.pack(("node_offline", "node_online"), task_vars)
        return {
            "changed": staged["changed"],
            "diff": {"prepared": new.diff_redacted},
            "before": {"mode": before.mode, "namespace": before.namespace},
            "after": {"mode": "embedded" if embedded else "timelock", "namespace": namespace or before.namespace},
        }
