#!/bin/sh
# Has this machine trust a key that packages are signed with. Whoever has its other half can then bring programs into the machine.
#
# sh /mnt/host/profiles/trust.sh                says which keys wait
# sh /mnt/host/profiles/trust.sh NAME SHA256    trusts that one, if it still is what was looked at

catalog=${0%/*}
for part in lib keys; do
    . "$catalog/$part.sh"
done

waiting=$(waiting_keys)
if [ $# = 0 ]; then
    [ -n "$waiting" ] || die 0 "No key waits."
    echo "$waiting" | while read -r name sum _; do
        say "sh $0 $name $sum"
    done
    exit
fi
[ $# = 2 ] || die 1 "Usage: sh $0 [NAME SHA256]"
while read -r name sum key; do
    [ "$name" = "$1" ] && [ "$sum" = "$2" ] || continue
    place=$(place_of "$name")
    [ ! -e "$place/$name" ] || die 1 "Another key called $name is trusted already. Give this one another name, or remove $place/$name."
    new=$place/.$name.workbench-new
    # What was copied is looked at, and not what may have become of the file meanwhile.
    if cp "$key" "$new" && [ "$(sha256sum < "$new" | cut -c 1-64)" = "$sum" ] && chmod 644 "$new" && durable && mv -f "$new" "$place/$name"; then
        durable
        die 0 "$name is trusted."
    fi
    rm -f "$new"
    die 1 "$name could not be copied to $place."
done << END
$waiting
END
die 1 "No key $1 with this checksum waits."
