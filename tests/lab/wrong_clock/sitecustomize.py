# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wall clock is wrong by the seconds of LAB_CLOCK. Python imports this file by itself, by its name."""

from __future__ import annotations

import datetime
import os
import time

WRONG = int(os.environ["LAB_CLOCK"])
_time, _time_ns, _clock_gettime = time.time, time.time_ns, time.clock_gettime


def _of_now(function):
    """The function, for which no moment means now."""
    return lambda moment=None: function(time.time() if moment is None else moment)


_strftime = time.strftime
time.time = lambda: _time() + WRONG
time.time_ns = lambda: _time_ns() + WRONG * 10**9
time.clock_gettime = lambda clock: _clock_gettime(clock) + (WRONG if clock == time.CLOCK_REALTIME else 0)
time.gmtime, time.localtime = _of_now(time.gmtime), _of_now(time.localtime)
time.strftime = lambda form, moment=None: _strftime(form, time.localtime() if moment is None else moment)


class Datetime(datetime.datetime):
    """By the wrong clock."""

    @classmethod
    def now(cls, tz=None):
        return super().now(tz) + datetime.timedelta(seconds=WRONG)

    @classmethod
    def utcnow(cls):
        return cls.now(datetime.UTC).replace(tzinfo=None)

    def __repr__(self):
        """Ansible writes it into the modules that it sends."""
        return f"datetime.datetime{super().__repr__().removeprefix(type(self).__name__)}"


datetime.datetime = Datetime
