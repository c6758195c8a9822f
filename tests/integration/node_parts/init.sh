#!/bin/sh
# Like the start script of an SLS distribution. Python and the service are put in by the test.
cd "$(dirname "$0")/../.." || exit 1
PID_FILE=var/run/orders.pid
# A process that has ended, and was not waited for, still has its number: kill -0 would take it for alive.
running() { [ -s "$PID_FILE" ] && grep -q "^State:.[^ZX]" "/proc/$(cat "$PID_FILE")/status" 2>/dev/null; }
case "$1" in
start)
    running && exit 0
    nohup "@PYTHON@" -S -E "@SERVICE@" var/conf/install.yml "$PID_FILE" </dev/null >>var/log/startup.log 2>&1 &
    ;;
stop)
    running || exit 0
    kill "$(cat "$PID_FILE")"
    ;;
status)
    running || exit 3
    ;;
*)
    exit 2
    ;;
esac
