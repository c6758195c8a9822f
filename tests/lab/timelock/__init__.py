# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A TimeLock simulator: several processes, one elected leader, durable bounds, faults by command.

It answers as TimeLock 0.905.0 was recorded to answer (``tests/lab/data/README.md``).
"""
