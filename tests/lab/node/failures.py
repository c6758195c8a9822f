# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a node fails, in AtlasDB's own words and names."""

from __future__ import annotations


class ConfigurationRefused(Exception):
    """The configuration cannot be used: the process does not start."""


class AtlasFailure(Exception):
    """A failure with the Java class that the real client threw; `str()` is what its log says."""

    java_class = "java.lang.RuntimeException"

    def __str__(self) -> str:
        return f"{self.java_class}: {super().__str__()}"


class MultipleRunningTimestampService(AtlasFailure):
    """The bound in memory is not the one in the store."""

    java_class = "com.palantir.timestamp.MultipleRunningTimestampServiceError"


class ServiceNotAvailable(AtlasFailure):
    """The timestamp service has ended for good."""

    java_class = "com.palantir.common.remoting.ServiceNotAvailableException"


class IllegalState(AtlasFailure):
    """The store holds what AtlasDB never leaves."""

    java_class = "java.lang.IllegalStateException"


class SafeIllegalState(IllegalState):
    """The same, thrown by newer code of AtlasDB's."""

    java_class = "com.palantir.logsafe.exceptions.SafeIllegalStateException"


class IllegalArgument(AtlasFailure):
    """The store's bytes are not a number."""

    java_class = "java.lang.IllegalArgumentException"


class StoreFailure(AtlasFailure):
    """The database refused, or was away, for longer than the client retries."""

    java_class = "com.palantir.exception.PalantirSqlException"


class CassandraFailure(StoreFailure):
    """The same of Cassandra."""

    java_class = "com.palantir.common.exception.AtlasDbDependencyException"


class DependencyFailure(AtlasFailure):
    """TimeLock could not be reached."""

    java_class = "com.palantir.common.exception.AtlasDbDependencyException"


class RemoteFailure(AtlasFailure):
    """TimeLock answered with an error."""

    java_class = "com.palantir.conjure.java.api.errors.UnknownRemoteException"


class AllocationFailure(AtlasFailure):
    """No timestamps left in memory, and no more to be had."""

    java_class = "com.palantir.logsafe.exceptions.SafeRuntimeException"


class ClocksWentBackwards(AtlasFailure):
    """TimeLock gave `lower` to `upper`, which is not above what this process had before it asked."""

    java_class = "java.lang.AssertionError"

    def __init__(self, bound: int, lower: int, upper: int):
        super().__init__(f"Expected timestamp to be greater than {bound}, but a fresh timestamp was {lower}!")
        self.lower = lower
        self.upper = upper


class NotInitialized(AtlasFailure):
    """`initializeAsync` is on, and the start has not come through yet."""

    java_class = "com.palantir.exception.NotInitializedException"
