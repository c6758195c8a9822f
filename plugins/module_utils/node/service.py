# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the inventory says of a node's service."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal


@dataclass(frozen=True)
class Service:
    """How a node is started, stopped and seen. Time-outs are seconds; the commands are argument lists."""

    name: str
    manager: str
    unit: str
    start_command: list[str]
    stop_command: list[str]
    pid_file: str
    ports: list[int]
    health_url: str
    stop_timeout: int
    start_timeout: int
    stop_kill: bool

    @classmethod
    def from_options(cls, name: str, options: dict) -> Service:
        """From a module's option ``service``. Raises Refusal probe-blind on a command that cannot be split, and on what
        the system takes for no name."""
        for option in ("unit", "start_command", "stop_command", "pid_file"):
            if "\0" in (options[option] or ""):
                raise Refusal("probe-blind", f"The service's {option} {options[option]!r} holds a character NUL.")
        return cls(
            name=name,
            manager=options["manager"],
            unit=options["unit"],
            start_command=_split(options["start_command"]),
            stop_command=_split(options["stop_command"]),
            pid_file=options["pid_file"] or "",
            ports=sorted(set(options["ports"])),
            health_url=options["health_url"],
            stop_timeout=options["stop_timeout"],
            start_timeout=options["start_timeout"],
            stop_kill=options["stop_kill"],
        )


def _split(command: str | None) -> list[str]:
    try:
        return shlex.split(command or "")
    except ValueError as error:
        raise Refusal("probe-blind", f"The command {command!r} cannot be split into arguments: {error}.") from error
