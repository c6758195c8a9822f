# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read a node's client configuration: one module on the node, and the reading here."""

from __future__ import annotations

from ansible_collections.atlasdb.timelock.plugins.module_utils.node_look import describe
from ansible_collections.atlasdb.timelock.plugins.module_utils.operations.client_config_info import (
    ARGUMENT_SPEC,
    CONFIG,
    TARGET,
    TIMELOCK_BLOCK,
)
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal
from ansible_collections.atlasdb.timelock.plugins.plugin_utils.node_action import NodeAction, went_wrong
from ansible_collections.atlasdb.timelock.plugins.plugin_utils.rendering import Rendering


def _absolute_files(timelock: dict | None) -> list:
    """The files on the node that the new configuration will name; a relative path is the service's own affair."""
    ssl = timelock["ssl"] if timelock else {}
    paths = [ssl.get(key) for key in ("trustStorePath", "keyStorePath")]
    return [path for path in paths if path and path.startswith("/")]


def _require_known_options(timelock: object) -> None:
    """Refuse what an inventory has misspelt, which the check of arguments would not call by its name."""
    given = timelock.get("ssl") if isinstance(timelock, dict) else None
    known = TIMELOCK_BLOCK["options"]["ssl"]["options"]
    names = f"It may have {', '.join(known)}."
    if given is not None and not isinstance(given, dict):
        raise Refusal("config-tls-missing", "timelock_client_ssl is no dictionary.", names)
    unknown = [str(key) for key in given or {} if key not in known]
    if unknown:
        found = f"timelock_client_ssl has {', '.join(unknown)}, which AtlasDB does not know."
        raise Refusal("config-tls-missing", found, names)


def _require_login(new_login: object) -> None:
    """The same of the login of the fence; what it says is nobody's business."""
    if new_login is not None and not (isinstance(new_login, dict) and {*new_login} == {"username", "password"}):
        found = "atlasdb_kvs_new_login has to have username and password, and nothing else."
        raise Refusal("fence-login", found)


class ActionModule(Rendering, NodeAction):
    """See the module's documentation."""

    argument_spec = ARGUMENT_SPEC

    def run(self, tmp=None, task_vars=None):
        try:
            _require_known_options(self._task.args.get("timelock"))
            _require_login(self._task.args.get("new_login"))
        except Refusal as refusal:
            return refusal.result()
        return super().run(tmp, task_vars)

    def act(self, params: dict, task_vars: dict) -> dict:
        target = {key: params[key] for key in (*TARGET, "library_paths")}
        target["required_files"] = _absolute_files(params["timelock"])
        probe = self.on_node("node_info", target, task_vars)
        if went_wrong(probe):
            return probe
        leaving = params["reverse"] or params["rename_to"]
        rendered = None if leaving else self.rendered(params["template"], task_vars)
        return {
            "changed": False,
            "ports": params["service"].get("ports") or [],
            "unit": params["service"].get("unit") or "",
            "servers": params["timelock"]["servers"] if params["timelock"] else [],
            **describe(probe, {key: params[key] for key in (*CONFIG, "reverse", "rename_to")}, rendered),
        }
