# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services of a lab for one test each, and what is asked of a node of theirs."""

from __future__ import annotations

import contextlib
import itertools

import pytest

from lab import processes
from lab.lab import Lab, services_named


@pytest.fixture(scope="module")
def names():
    """Gives a name that nothing in the lab has: `names()`."""
    numbers = itertools.count(1)
    return lambda: f"s{next(numbers)}"


@contextlib.contextmanager
def maker(lab: Lab, names, store: str):
    """Makes services: `make(nodes=1, leader=False)`; their processes are ended after the block."""
    made = []

    def make(nodes=1, leader=False, version="0.905.0", manager="sls", store=store):
        name = names()
        lab.add(services_named([name], nodes, [manager], version, leader, [store]))
        made.append(lab.services[name])
        return made[-1]

    try:
        yield make
    finally:
        for one in made:
            for node in one.nodes:
                with contextlib.suppress(RuntimeError):
                    node.kill()


@pytest.fixture
def one(service):
    """The node of a one-node service without a leader block."""
    return service().nodes[0]


def burn(node):
    """Ranges of 10,000 until the node gives no more; how many numbers it gave, the last, what it said then."""
    count, last = 0, 0
    for _ignored in range(250):
        try:
            lower, last = node.fresh_range(10_000)
        except RuntimeError as error:
            return count, last, str(error)
        count += last - lower + 1
    raise AssertionError(f"It still gives: {last}")


def start_and_fail(node):
    """Start a node that cannot start; what its log says about it."""
    before = len(node.log())
    node.start()
    process = node.process()
    assert process is None or not processes.wait_gone([process], 20), "it did not end"
    return node.log()[before:]
