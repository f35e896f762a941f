#!/bin/sh
# Tells a run to end: it takes back what it has done, and says so.

pid_file=${WORKBENCH_ROOT:-}/run/workbench-profile.pid
[ -r "$pid_file" ] && read -r pid < "$pid_file" && kill -TERM "$pid"
