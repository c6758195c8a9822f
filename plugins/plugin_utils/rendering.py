# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a fleet's own template gives for a node's configuration, with the node's variables."""

from __future__ import annotations

from ansible.errors import AnsibleError
from ansible.plugins.loader import lookup_loader
from ansible_collections.atlasdb.timelock.plugins.module_utils.client_config.redaction import redact
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal


class Rendering:
    """Mixed into an action before its base."""

    def rendered(self, template: str | None, task_vars: dict) -> str | None:
        """The text, or None where there is no template. Raises Refusal ``config-template`` where it gives none."""
        if template is None:
            return None
        lookup = lookup_loader.get("ansible.builtin.template", loader=self._loader, templar=self._templar)
        try:
            (text,) = lookup.run([template], variables=task_vars)
        except AnsibleError as error:
            said = redact(str(error)).splitlines()[0].rstrip(".")
            raise Refusal("config-template", f"{template} cannot be rendered: {said}.") from None
        return str(text)
