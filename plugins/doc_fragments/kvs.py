# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation of the options that say which key-value service is meant, and how to reach it."""

from __future__ import annotations


class ModuleDocFragment:
    """Used as C(extends_documentation_fragment: atlasdb.timelock.kvs)."""

    DOCUMENTATION = r"""
options:
  kvs:
    description:
      - The key-value service, as M(atlasdb.timelock.client_config_info) reads it from a node's configuration.
    type: dict
    required: true
    suboptions:
      type:
        description:
          - The kind of store. V(oracle) is not built yet, and refused with C(config-store-unsupported).
        type: str
        choices: [postgres, oracle, cassandra]
        required: true
      hosts:
        description:
          - Where it is. For PostgreSQL exactly one host, as in AtlasDB's own configuration; for Cassandra the hosts to
            begin with, of the datacentre that is to answer.
        type: list
        elements: str
        required: true
      port:
        description: Its port. By default 5432 for PostgreSQL, and 9042, where it speaks CQL, for Cassandra.
        type: int
      user:
        description:
          - The login. Use the service's own, since it owns the timestamp table, and its search path decides which
            table is meant.
        type: str
      password:
        description: The login's password.
        type: str
      service_login:
        description:
          - The login that the service itself has on Cassandra, where O(kvs.user) is another one. Only
            M(atlasdb.timelock.kvs_login) and M(atlasdb.timelock.fleet_plan) use it, to see whether it is shut out.
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
      database:
        description: The database, for PostgreSQL and Oracle.
        type: str
      keyspace:
        description: The keyspace, for Cassandra, in upper and lower case as it was made.
        type: str
      thrift_port:
        description: The port that AtlasDB's own connections to Cassandra go to, by default 9160.
        type: int
      table_prefix:
        description: What stands before the names of AtlasDB's tables (C(ddl.tablePrefix)).
        type: str
        default: ""
      tls:
        description:
          - Whether to encrypt the connection to Cassandra. O(kvs.ca_path) and O(kvs.client_cert) say so as well. For
            PostgreSQL they are what decides.
        type: bool
        default: false
      ca_path:
        description:
          - A PEM file with the certificate authorities that the server's certificate must come from.
          - Without it a connection to PostgreSQL is encrypted if the server offers that, and the server is not
            verified; one to Cassandra that is encrypted is verified by the system's own authorities.
        type: path
      client_cert:
        description: A PEM file with the certificate to show to the server.
        type: path
      client_key:
        description: A PEM file with the key of O(kvs.client_cert). By default the same file.
        type: path
      validate_certs:
        description:
          - Whether the server's certificate and name are checked. Of Cassandra the driver checks the address that it
            connects to, which the certificate must name.
        type: bool
        default: true
requirements:
  - psycopg (for PostgreSQL), where the module runs
  - cassandra-driver (for Cassandra), where the module runs
notes:
  - No call waits without end. PostgreSQL is given up after 20 seconds without an answer, a lock after 5. On Cassandra
    what finds too few replicas is tried again for 45 seconds.
  - On Cassandra the bound and the record are read at SERIAL, and changed by conditional statements alone.
  - On PostgreSQL the login must own the timestamp table, and, where a run takes its lock, be able to make the schema
    C(atlasdb_timelock) in the database. On Cassandra it needs C(SELECT) and C(MODIFY) on the timestamp table, and
    C(CREATE) for a keyspace C(atlasdb_timelock) with a table of its own there. What is missing is named as the
    C(GRANT) that gives it.
"""
