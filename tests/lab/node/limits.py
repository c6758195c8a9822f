# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a node tries. The real client's figures would make every test of a failure last minutes."""

STORE_RETRY_SECONDS = 2.0  # the real client: 180 (RetriableTransactions.MAX_DELAY_MS)
STORE_RETRY_PAUSE = 0.05  # the real client: none, which filled disks with log
CASSANDRA_RETRY_SECONDS = 30.0  # Cassandra takes up to 25 s to call a dead node dead, and asks it until then
CASSANDRA_RETRY_PAUSE = 0.2
CASSANDRA_REQUEST_TIMEOUT = 10.0
LEADERSHIP_RETRY_PAUSE = 0.5
TIMELOCK_CONTACT_SECONDS = 10.0  # the real client: 36
TIMELOCK_READ_TIMEOUT = 5.0  # the real client: 12.566
TIMELOCK_CONNECT_TIMEOUT = 0.5
ASYNC_INITIALIZE_PAUSE = 2.0  # the real client: 10
IDLE_WORK_PAUSE = 5.0
POOLED_SESSIONS = 8
THRIFT_CONNECTIONS = 20  # to each host; the real client begins with 2
THRIFT_CONNECT_TIMEOUT = 1.0
