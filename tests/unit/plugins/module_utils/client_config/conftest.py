# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Configurations as services have them, and TimeLock as it is to be written into them."""

from __future__ import annotations

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.client_config.transform import TimelockBlock

POSTGRES = """\
server:
  applicationConnectors:
    - type: http
      port: 3828

atlasdb:
  keyValueService:
    type: relational
    ddl:
      type: postgres
    connection:
      type: postgres
      host: db.example
      port: 5433
      dbName: orders
      dbLogin: palantir
      dbPassword: "s3cret"  # rotated in May
"""

LEADER = """\
  leader:
    quorumSize: 2
    learnerLogDir: var/data/paxosLogs/learner
    acceptorLogDir: var/data/paxosLogs/acceptor
    localServer: https://orders-1:3828
    lockCreator: https://orders-1:3828
    leaders:
      - https://orders-1:3828
      - https://orders-2:3828
      - https://orders-3:3828
    sslConfiguration:
      trustStorePath: var/security/trustStore.jks
"""

CASSANDRA = """\
atlasdb:
  keyValueService:
    type: cassandra
    keyspace: myapp
    servers:
      - cassandra1:9160
    credentials:
      username: cassandra
      password: cassandra
    replicationFactor: 3
"""


@pytest.fixture
def postgres():
    return POSTGRES


@pytest.fixture
def leader():
    return LEADER


@pytest.fixture
def cassandra():
    return CASSANDRA


@pytest.fixture
def timelock():
    return TimelockBlock(
        ["https://tl1:8421", "https://tl2:8421", "https://tl3:8421"],
        {"trust_store_path": "var/security/trustStore.jks"},
    )
