# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What docs/privileges.md lists, as it stands there, for a service `orders`; and on PostgreSQL how to have no more."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = (Path(__file__).resolve().parents[2] / "docs/privileges.md").read_text(encoding="utf-8")
STATEMENTS = re.search(r"## PostgreSQL\n.*?```sql\n(.*?)```", PAGE, re.DOTALL).group(1).splitlines()
CASSANDRA = re.search(r"## Cassandra\n.*?```sql\n(.*?)```", PAGE, re.DOTALL).group(1).splitlines()
SINCE_4_0 = re.search(r"since Cassandra 4\.0 `(.*?)`", PAGE).group(1)
SCHEMA = re.search(r"CREATE SCHEMA .*;", PAGE).group()


def taken_away(database: str) -> list[str]:
    """A superuser's statements after which the service's login has no right in the database at all."""
    return [
        f"ALTER DATABASE {database} OWNER TO postgres",
        "ALTER TABLE _timestamp OWNER TO postgres",
        "ALTER TABLE _punch OWNER TO postgres",
        f"REVOKE ALL ON DATABASE {database} FROM PUBLIC",
        "REVOKE ALL ON SCHEMA public FROM PUBLIC",
        "REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC",
    ]
