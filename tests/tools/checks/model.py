# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The model of the handover, checked by spin: whole in every configuration, and without each of its guards.

usage: python -m checks.model

Whole, every state must be visited and no invariant broken; without a guard, one must be. Says one line of each. What
spin generates, and the trail of each counterexample, goes to .build/model.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from checkout import BUILD, ROOT
from checks.outcome import Failed, Log, Skipped

MODEL = ROOT / "docs/model/handover.pml"
WORK = BUILD / "model"
TOOLS = ("spin", "gcc")
DEPTH = 100_000
AT_ONCE = 2

# What each covers stands in docs/model/README.md.
CONFIGURATIONS = {
    "side_by_side": "NODES=3 RUN_1=Forward RUN_2=Forward BLOCKS=1 AHEAD=1",
    "against_reverse": "NODES=2 RUN_1=Forward RUN_2=Reverse REVERSE BLOCKS=1 AHEAD=2",
    "reverse_against": "NODES=3 MIGRATED RUN_1=Reverse RUN_2=Forward REVERSE BLOCKS=1 AHEAD=2",
    "run_again": "NODES=2 RUN_1=Forward RUN_2=Forward IN_TURN BLOCKS=2 AHEAD=2",
    "there_and_back": "NODES=2 RUN_1=Forward RUN_2=Reverse RUN_3=Forward IN_TURN REVERSE BLOCKS=1 AHEAD=2",
    "skipped": "NODES=2 RUN_1=Forward RUN_2=Forward IN_TURN SKIPS BLOCKS=1 AHEAD=1",
}

# In which of these configurations, the smallest in which it is, a counterexample is found.
SMALL = {
    "one": "NODES=2 RUN_1=Forward BLOCKS=2 AHEAD=2",
    "one_skips": "NODES=2 RUN_1=Forward SKIPS BLOCKS=2 AHEAD=2",
    "two": "NODES=2 RUN_1=Forward RUN_2=Forward BLOCKS=1 AHEAD=1",
    "reverse_two": "NODES=2 MIGRATED RUN_1=Reverse RUN_2=Forward REVERSE BLOCKS=1 AHEAD=2",
    "three": CONFIGURATIONS["there_and_back"],
}
GUARDS = {
    "NO_SIGHT": "one",
    "NO_HOLD": "one",
    "NO_PROCESS_PROOF": "one",
    "NO_SESSION_PROOF": "one",
    "NO_FRESH_ABOVE": "one",
    "NO_READ_BACK": "one",
    "NO_READ_OF_THE_WAY": "one",
    "NO_RAISE": "one",
    "NO_PROOFS": "one_skips",
    "NO_HANDOVER": "one_skips",
    "NO_NEW_EPOCH": "two",
    "NO_OBEDIENCE": "two",
    "NO_LOCK_AT_STORE": "two",
    "NO_CONDITION": "two",
    "NO_LOCK_AT_READ_BACK": "two",
    "NO_RAISE_OF_LIVE_ONLY": "two",
    "NO_ONE_WAY": "reverse_two",
    "NO_REVERSE_FRESH": "three",
}

BROKEN = re.compile(r"assertion violated (.*) \(at depth (\d+)\)")
INVARIANTS = {
    "1 (a timestamp at or below one issued)": re.compile(r">issued"),
    "2 (invalidated, and TimeLock not above)": re.compile(r"counter<bound"),
    "3 (a mixed fleet)": re.compile(r"process\["),
    "4 (an effect of a run that has put the service back)": re.compile(r"given_up"),
}


@dataclass(frozen=True)
class Verdict:
    """What spin said of one configuration; ``as_expected`` is what counts."""

    name: str
    as_expected: bool
    words: str

    def __str__(self) -> str:
        return f"{self.name}: {self.words}{'' if self.as_expected else ' -- NOT AS EXPECTED'}"


def missing() -> list[str]:
    return [tool for tool in TOOLS if shutil.which(tool) is None]


def explore(name: str, definitions: list[str]) -> str:
    """What the generated checker prints. Raises Failed where it cannot be made, or does not end."""
    folder = WORK / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    commands = [
        ["spin", *(f"-D{each}" for each in definitions), "-a", str(MODEL)],
        # Compiling well takes longer than a small search does.
        ["gcc", "-O1" if "NODES=3" in definitions else "-O0", "-w", "-DSAFETY", "-o", "pan", "pan.c"],
        ["./pan", f"-m{DEPTH}", "-w22"],
    ]
    said = ""
    for command in commands:
        done = subprocess.run(
            command, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
        )
        said = done.stdout
        (folder / f"{Path(command[0]).name}.log").write_text(said)
        if done.returncode != 0:
            raise Failed(f"{name}: {command[0]} ended with status {done.returncode}: {said[-400:]}")
    return said


def whole(name: str) -> Verdict:
    """No error, and every state visited: nothing too deep, nothing dropped, nothing approximated."""
    said = explore(name, CONFIGURATIONS[name].split())
    counted = re.search(r"^ *([\d.e+]+) states, stored$", said, re.MULTILINE)
    if broken := BROKEN.search(said):
        return Verdict(name, False, f"breaks {invariant(broken)} after {broken[2]} steps")
    incomplete = [
        words
        for words in ("Search not completed", "max search depth too small", "Bit statespace", "out of memory")
        if words in said
    ]
    if incomplete or "errors: 0" not in said or "Full statespace search" not in said or not counted:
        return Verdict(name, False, f"was not checked to the end: {', '.join(incomplete) or said[-400:]}")
    return Verdict(name, True, f"holds, in all of its {int(float(counted[1])):,} states")


def without(guard: str) -> Verdict:
    """A counterexample, by an invariant that is broken."""
    said = explore(guard, [*SMALL[GUARDS[guard]].split(), guard])
    if broken := BROKEN.search(said):
        return Verdict(guard, True, f"breaks {invariant(broken)} after {broken[2]} steps")
    return Verdict(guard, False, f"has no counterexample: {' '.join(re.findall('.*errors: .*', said))}")


def invariant(broken: re.Match) -> str:
    return next((name for name, pattern in INVARIANTS.items() if pattern.search(broken[1])), broken[1])


def main() -> int:
    if lacking := missing():
        print(f"not installed: {', '.join(lacking)}")
        return 1
    wrong = 0
    with ThreadPoolExecutor(AT_ONCE) as pool:
        waiting = [pool.submit(whole, name) for name in CONFIGURATIONS]
        waiting += [pool.submit(without, guard) for guard in GUARDS]
        for each in waiting:
            try:
                verdict = each.result()
            except Failed as why:
                verdict = Verdict("model", False, str(why))
            wrong += not verdict.as_expected
            print(verdict, flush=True)
    print(f"{len(waiting) - wrong} as expected, {wrong} not")
    return 1 if wrong else 0


def model(log: Log) -> None:
    if lacking := missing():
        why = f"not installed: {', '.join(lacking)}"
        raise Failed(why) if os.environ.get("CI") == "true" else Skipped(why)
    log.run(sys.executable, "-m", "checks.model")


if __name__ == "__main__":
    sys.exit(main())
