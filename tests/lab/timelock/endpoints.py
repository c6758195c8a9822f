# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TimeLock's endpoints: the ones an operator calls, and the ones an idle AtlasDB client calls.

AtlasDB 0.905.0: TimestampResource, TimestampManagementResource, JerseyAsyncTimelockResource, PingableLeader,
timelock-api.yml, timelock-management-api.yml, timelock-feedback.yml.
"""
from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from lab.timelock.call import is_integer
from lab.timelock.java import MIN_LONG

JSON = "application/json"
TEXT = "text/plain"
LEASE = "PT1S"
PARTITIONS = 16


@dataclass(frozen=True)
class Endpoint:
    """A method and a path, of which ``{namespace}`` is a variable segment.

    ``handle(call)`` returns the body, or None for 204.
    """

    method: str
    path: str
    handle: Callable
    conjure: bool = False
    consumes_json: bool = False
    produces: str = JSON

    @property
    def segments(self):
        return self.path.split("/")[1:]


async def ping(call):
    await call.service.ping(call.namespace)
    return "pong"


async def fast_forward(call):
    await call.service.fast_forward(call.namespace, call.long("currentTimestamp", MIN_LONG))


async def fresh_timestamp(call):
    lowest, _highest = await call.service.take(call.namespace, 1)
    return str(lowest)


async def fresh_timestamps(call):
    return await _fresh_range(call, call.integer("number", 0))


async def async_fresh_timestamps(call):
    return await _fresh_range(call, call.primitive_integer("number"))


async def _fresh_range(call, count):
    lowest, highest = await call.service.take(call.namespace, count)
    return _json({"lowerBound": lowest, "upperBound": highest})


async def current_time_millis(call):
    await call.service.ping(call.namespace)
    return str(time.time_ns() // 10**6)


async def conjure_fresh_timestamps(call):
    count = call.field("numTimestamps", is_integer)
    lowest, highest = await call.service.take(call.namespace, count)
    return _json({"inclusiveLower": lowest, "inclusiveUpper": highest})


async def conjure_fresh_timestamps_v2(call):
    count = call.body()
    if not is_integer(count):
        raise call.mismatch()
    lowest, highest = await call.service.take(call.namespace, count)
    return _json({"start": lowest, "count": highest - lowest + 1})


async def leader_time(call):
    return _json(await call.service.leader_time(call.namespace))


async def start_transactions(call):
    count = call.field("numTransactions", is_integer)
    lowest, highest = await call.service.take(call.namespace, count * PARTITIONS)
    return _json({
        "immutableTimestamp": {"immutableTimestamp": lowest, "lock": {"requestId": str(uuid.uuid4())}},
        "timestamps": {"start": lowest, "interval": PARTITIONS, "count": (highest - lowest + 1) // PARTITIONS},
        "lease": await _lease(call),
        "lockWatchUpdate": dict(_lock_watches("snapshot"), locked=[], lockWatches=[]),
    })


async def commit_timestamps(call):
    count = call.field("numTimestamps", is_integer)
    lowest, highest = await call.service.take(call.namespace, count)
    update = dict(_lock_watches("success"), events=[])
    return _json({"inclusiveLower": lowest, "inclusiveUpper": highest, "lockWatchUpdate": update})


def _lock_watches(kind):
    return {"type": kind, "logId": str(uuid.uuid4()), "lastKnownVersion": -1}


async def lock(call):
    call.field("requestId", lambda value: isinstance(value, str))
    token = {"requestId": str(uuid.uuid4())}
    return _json({"type": "successful", "successful": {"lockToken": token, "lease": await _lease(call)}})


async def _lease(call):
    return {"leaderTime": await call.service.leader_time(call.namespace), "validity": LEASE}


async def unlock(call):
    tokens = call.body()
    if not isinstance(tokens, list):
        raise call.mismatch()
    await call.service.ping(call.namespace)
    return _json(tokens)


async def management_fast_forward(call):
    namespace = call.required_text("namespace")
    await call.service.fast_forward(namespace, call.primitive_long("currentTimestamp"))


async def namespaces(call):
    return _json(call.service.stored_namespaces())


async def active_namespaces(call):
    return _json(call.service.served_namespaces())


async def lifecycle_id(call):
    return _json(call.service.lifecycle_id)


async def report(call):
    call.body()


async def leader_ping(call):
    return _json(call.service.claims_to_lead())


async def leader_ping_v2(call):
    return _json({"timeLockVersion": call.SERVER_VERSION, "isLeader": call.service.claims_to_lead()})


async def leader_uuid(call):
    return call.service.uuid


def _json(value):
    return json.dumps(value, separators=(",", ":"))


def _conjure(path, handle):
    return Endpoint("POST", path, handle, conjure=True, consumes_json=True)


def _async(path, handle):
    return Endpoint("POST", "/{namespace}/timelock/" + path, handle, consumes_json=True)


ENDPOINTS = [
    Endpoint("GET", "/{namespace}/timestamp-management/ping", ping, produces=TEXT),
    Endpoint("POST", "/{namespace}/timestamp-management/fast-forward", fast_forward),
    Endpoint("POST", "/{namespace}/timestamp/fresh-timestamp", fresh_timestamp),
    Endpoint("POST", "/{namespace}/timestamp/fresh-timestamps", fresh_timestamps),
    _async("fresh-timestamp", fresh_timestamp),
    _async("fresh-timestamps", async_fresh_timestamps),
    _async("current-time-millis", current_time_millis),
    # With no lock held, the immutable timestamp is a fresh one.
    _async("immutable-timestamp", fresh_timestamp),
    _conjure("/tl/ts/{namespace}", conjure_fresh_timestamps),
    _conjure("/tl/t2/{namespace}", conjure_fresh_timestamps_v2),
    _conjure("/tl/ts1/{namespace}", fresh_timestamp),
    _conjure("/tl/lt/{namespace}", leader_time),
    _conjure("/tl/st/{namespace}", start_transactions),
    _conjure("/tl/gct/{namespace}", commit_timestamps),
    _conjure("/tl/l/{namespace}", lock),
    _conjure("/tl/ul2/{namespace}", unlock),
    _conjure("/tl/management/fastForward", management_fast_forward),
    _conjure("/tl/management/getNamespaces", namespaces),
    _conjure("/tl/management/getActiveNamespaces", active_namespaces),
    _conjure("/tl/management/getServerLifecycleId", lifecycle_id),
    _conjure("/tl/feedback/reportFeedback", report),
    _conjure("/tl/feedback/reportLeaderMetrics", report),
    Endpoint("GET", "/leader/ping", leader_ping),
    Endpoint("GET", "/leader/pingV2", leader_ping_v2),
    Endpoint("GET", "/leader/uuid", leader_uuid, produces=TEXT),
]
