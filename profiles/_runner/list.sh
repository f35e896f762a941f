#!/bin/sh
# Lists what has become of profiles in this machine: "mark NAME" and the mark's words.

for mark in "${WORKBENCH_ROOT:-}"/var/lib/workbench/profiles/*/mark; do
    [ -r "$mark" ] || continue
    name=${mark%/mark}
    read -r words < "$mark"
    echo "mark ${name##*/} $words"
done
