# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation of the options that say which TimeLock cluster is meant, and how to reach it."""

from __future__ import annotations


class ModuleDocFragment:
    """Used as C(extends_documentation_fragment: atlasdb.timelock.timelock)."""

    DOCUMENTATION = r"""
options:
  servers:
    description:
      - The base URLs of all servers of one cluster, each V(https://HOST:PORT) or V(https://HOST:PORT/CONTEXT).
      - More than half of them must answer, and together they must have one leader.
      - TimeLock's redirects are followed only to servers of this list. A server that others call by another name is
        recognised by its address and port.
      - A proxy set in the environment is not used, since AtlasDB's nodes reach TimeLock directly.
    type: list
    elements: str
    required: true
  ca_path:
    description:
      - A PEM file with the certificate authorities to trust, and no others. By default, those of the system.
    type: path
  client_cert:
    description:
      - A PEM file with the certificate to show to TimeLock, and with its key unless O(client_key) is given.
    type: path
  client_key:
    description:
      - A PEM file with the key of O(client_cert). It must not have a passphrase.
    type: path
  validate_certs:
    description:
      - Whether the servers' certificates are checked.
    type: bool
    default: true
  timeout:
    description:
      - The seconds for the whole module, waiting for an election and repeated requests included.
      - One request is given up after five seconds, and asked again.
    type: float
    default: 30.0
"""
