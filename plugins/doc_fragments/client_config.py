# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation of the options that say whose configuration is meant, and what stands in it for TimeLock."""

from __future__ import annotations


class ModuleDocFragment:
    """Used as C(extends_documentation_fragment: atlasdb.timelock.client_config)."""

    DOCUMENTATION = r"""
options:
  path:
    description: The service's configuration file (install configuration) on the node. Absolute.
    type: path
    required: true
  runtime_path:
    description: Its runtime configuration file, if that is another one.
    type: path
  service_name:
    description: Name of the service that the node belongs to.
    type: str
    required: true
  service:
    description: How the service is started, stopped and seen; as O(atlasdb.timelock.node_info#module:service).
    type: dict
    required: true
  template:
    description:
      - A Jinja2 template on the controller that gives the whole install configuration with TimeLock in it, in place of
        an edited one. Held to the same rules, and refused with C(config-template).
    type: path
  new_login:
    description:
      - The login that the configuration for TimeLock carries, in place of the one that the file has.
    type: dict
    suboptions:
      username:
        description: The login.
        type: str
        required: true
      password:
        description: Its password.
        type: str
        required: true
"""
