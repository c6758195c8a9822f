#!/bin/sh
# Stops what a pid file names, and leaves the file.
kill "$(cat "$1")"
