#!/bin/sh
# Runs a script of a profile's bundle, with what it may call. For the runner.
#
# hook.sh NAME SCRIPT

catalog=${0%/*}
for part in lib journal; do
    . "$catalog/$part.sh"
done
use "$1"
cd "$bundle" || exit 1
set -e
. "./$2"
