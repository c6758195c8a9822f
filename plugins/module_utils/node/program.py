# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Programs as processes. ansible-test does not allow module_utils Python's own module for this, and the module's
run_command knows neither a limit of time nor a session."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """How a program ended (as ``wait`` says), and what it wrote to its standard output and its standard error."""

    status: int
    output: str
    words: str


def begin(arguments: list[str], folder: str, output: int, words: int) -> int:
    """Begin a program in ``folder``, in a session of its own; its process, which ``wait`` must end.

    It has nothing to read; ``output`` and ``words``, descriptors above 2, are its standard output and standard error,
    and it inherits no others. Raises OSError, with what could not be used as its filename, if it cannot be run.
    """
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            _become(arguments, folder, output, words, writer)
        finally:
            os._exit(127)
    os.close(writer)
    with open(reader, "rb") as failure:
        told = failure.read()  # nothing, once the program runs: the other end is not inherited
    if told:
        wait(pid)
        number, filename = json.loads(told)
        raise OSError(number, os.strerror(number), filename)
    return pid


def _become(arguments: list[str], folder: str, output: int, words: int, failure: int) -> None:
    used = folder
    try:
        os.setsid()
        os.chdir(folder)
        used = arguments[0]
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(output, 1)
        os.dup2(words, 2)
        for name in os.listdir("/proc/self/fd"):
            if int(name) > 2:
                with contextlib.suppress(OSError):  # the one by which the folder was read
                    os.set_inheritable(int(name), False)
        for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and a program would inherit that
            signal.signal(number, signal.SIG_DFL)
        os.execvp(arguments[0], arguments)
    except OSError as error:
        os.write(failure, json.dumps([error.errno, used]).encode())


def wait(pid: int) -> int:
    """The exit status of a process that ``begin`` began, once it has ended; the negative signal that ended it."""
    status = os.waitpid(pid, 0)[1]
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)


def ask(arguments: list[str], seconds: float) -> Answer:
    """Run a program for what it says. Raises OSError as ``begin``, and TimeoutError if it has not said all after
    ``seconds``; then it is ended."""
    deadline = time.monotonic() + seconds
    with contextlib.ExitStack() as readers:
        with contextlib.ExitStack() as writers:
            output, words = _pipe(readers, writers), _pipe(readers, writers)
            pid = begin(arguments, "/", output[1], words[1])
        said = {output[0]: b"", words[0]: b""}
        talking = list(said)
        while talking:
            ready = select.select(talking, [], [], max(0.0, deadline - time.monotonic()))[0]
            if not ready:
                os.killpg(pid, signal.SIGKILL)
                wait(pid)
                raise TimeoutError
            for reader in ready:
                data = os.read(reader, 65536)
                said[reader] += data
                if not data:
                    talking.remove(reader)
        return Answer(wait(pid), *(text.decode("utf-8", "replace") for text in said.values()))


def _pipe(readers: contextlib.ExitStack, writers: contextlib.ExitStack) -> tuple[int, int]:
    reader, writer = os.pipe()
    readers.callback(os.close, reader)
    writers.callback(os.close, writer)
    return reader, writer
