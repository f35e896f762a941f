#!/bin/sh
# Lists what has become of profiles in this machine, "mark NAME" and the mark's words, and the keys that nobody trusts yet, "key NAME SHA256".

catalog=${0%/*}
for part in lib keys; do
    . "$catalog/$part.sh"
done

for mark in "$var"/*/mark; do
    [ -r "$mark" ] || continue
    name=${mark%/mark}
    read -r words < "$mark"
    echo "mark ${name##*/} $words"
done
waiting_keys | while read -r name sum _; do
    echo "key $name $sum"
done
