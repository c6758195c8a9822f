# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run still does after another one has taken its service over, or somebody has stopped a node: nothing."""

from __future__ import annotations

import shlex
import signal
import sys
from pathlib import Path

import pytest

from cassandra_here import WIDE
from fleet import Fleet, fleet, lab, wait_for
from lab import processes

__all__ = ["lab"]

LATE = ("node_stage", "node_offline", "node_online") if WIDE else ("node_offline", "node_online")
"""The modules that change a node, in the order in which a handover needs them; staging in the wider run only."""

INTERPRETER = """\
#!/bin/sh
# Python for the modules of a node. One that is to be late is suspended before it has begun, in a session of its own:
# the end of its controller does not reach it. Modules come on standard input, several at once, and of one that is late
# the sender is dead: so each is kept in a file of its own, which only we can read.
cd {folder} || exit 1
PAYLOAD=$(mktemp payload.XXXXXX)
cat >"$PAYLOAD"
for MODULE in $(ls | sed -n 's/^late-//p'); do
    if grep -q "plugins.modules.$MODULE" "$PAYLOAD"; then
        mv "late-$MODULE" "is-late-$MODULE"
        export PAYLOAD MODULE
        exec setsid -w sh -c 'echo $$ >pid-$MODULE.new; mv pid-$MODULE.new pid-$MODULE; kill -STOP $$
            exec {python} "$@" <$PAYLOAD' sh "$@"
    fi
done
exec {python} "$@" <"$PAYLOAD"
"""


def interpreter(folder: Path) -> Path:
    folder.mkdir()
    script = folder / "python"
    script.write_text(INTERPRETER.format(folder=shlex.quote(str(folder)), python=shlex.quote(sys.executable)))
    script.chmod(0o755)
    return script


def _everything(services: Fleet) -> dict:
    """What a run can change. Each has reports of its own, asks TimeLock how far it is, and signs a node's lock."""
    found = services.look()
    found.pop("reports")
    found["namespaced calls"] = [target for target in found["namespaced calls"] if "/fast-forward" in target]
    found["files"] = {name: about for name, about in found["files"].items() if not name.endswith(".timelock-lock")}
    return found


def _killed_before_it_began(services: Fleet, told: Path) -> processes.Process:
    """The suspended command of a run that was killed as soon as ``told`` had its number."""
    run = services.begin("migrate.yml")
    try:
        wait_for(lambda: told.exists() or run.process.poll() is not None, told.name)
        assert run.process.poll() is None, run.tail
    finally:
        run.kill_with_workers()
    return processes.identify(int(told.read_text()))


@pytest.mark.refuses("operator-locked", "operator-lock-lost")
def test_a_service_is_moved_by_one_run_alone_and_one_that_lost_it_does_nothing_more_nor_does_its_rescue(lab, tmp_path):
    with fleet(lab, tmp_path, 1) as services:
        with services.paused("begin-fast_forward") as first:
            refused = services.refused()
            assert [reason.split(": ")[1] for reason in refused.reasons] == ["operator-locked"], refused.tail
            (journal,) = services.reports.glob("*.jsonl")
            second = services.play("migrate.yml", "-e", f"timelock_take_over_run={journal.stem}")
            assert second.ok, second.tail
            services.assert_migrated()
            services.load(0)
            running = [node.process() for node in services.nodes]
            before = _everything(services)
        assert not first.ok
        assert "operator-lock-lost" in first.codes, first.tail
        assert _everything(services) == before
        assert [node.process() for node in services.nodes] == running
        services.load()
        services.assert_migrated()


def test_what_has_come_up_since_the_plan_is_refused_in_one_sentence_by_a_service_of_several_nodes(lab, tmp_path):
    with fleet(lab, tmp_path, 2) as services:
        first, second = services.nodes
        with services.paused("begin-prepare") as refused:
            second.kill()
        assert set(refused.codes) == {"node-unhealthy-before"}
        (told,) = [line for line in refused.verdict if line.startswith(f"{first.service.name}: in step ")]
        assert "in step 'prepare': node-unhealthy-before: " in told and second.name in told
        failed = [(event["host"], event["task"]) for event in refused.events if event.get("outcome") == "failed"]
        assert len([task for _host, task in failed if not task.startswith("Fail the hosts")]) == 1, failed
        second.start()
        second.wait_healthy()
        services.assert_as_before()


def test_a_command_of_a_killed_run_that_begins_after_its_successors_proofs_does_nothing(lab, tmp_path):
    with fleet(lab, tmp_path, 1) as services:
        (node,) = services.nodes
        folder = tmp_path / "interpreter"
        services.set_for(node, ansible_python_interpreter=str(interpreter(folder)))
        suspended = []
        for module in LATE:
            (folder / f"late-{module}").touch()
            suspended.append(_killed_before_it_began(services, folder / f"pid-{module}"))
        services.migrate()
        services.assert_migrated()
        services.load(0)
        running = node.process()
        before = _everything(services)
        for process in suspended:
            assert processes.is_alive(process)
            processes.send(process, signal.SIGCONT)
        assert not processes.wait_gone(suspended, 60)
        after = _everything(services)
        for found in (before, after):
            found["processes"] = [process for process in found["processes"] if process not in suspended]
        assert after["files"].items() ^ before["files"].items() == set()
        assert after == before
        assert node.process() == running
        services.load()
        services.assert_migrated()
