#!/bin/sh
# Says whether a profile is there as it was applied, and works. Changes nothing.
#
# sh /mnt/host/profiles/check.sh NAME

catalog=${0%/*}
for part in lib journal services packages sweep apt profile; do
    . "$catalog/$part.sh"
done

logged "$@"
wanted=$1
lock
[ ! -e "$var/.run" ] || die 1 "An earlier run was cut short: apply or roll back anything, and it is put right."
is_applied "$wanted" || die 1 "$wanted is not applied."
use "$wanted"
bad=0
check_packages || bad=1
while read_entry; do
    case $kind in
        file)
            if [ ! -e "$root$path" ]; then
                say "$path is missing."
                bad=1
            elif [ "$(sum_of "$root$path")" != "${rest##* }" ]; then
                say "$path was changed." # By the user, who may.
            fi
            ;;
        line) grep -qxF -- "$rest" "$root$path" || { say "A line is missing in $path: $rest"; bad=1; } ;;
        service) [ -n "$root" ] || check_service "$path" || bad=1 ;;
    esac
done < "$journal"
run_hook check.sh || { say "check.sh says that $wanted does not work."; bad=1; }
rm -rf "$work"
[ "$bad" = 0 ] || exit 1
say "$wanted $mark_version is there and works."
