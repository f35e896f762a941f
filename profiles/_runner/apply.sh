#!/bin/sh
# Applies a profile and what it needs; brings it to the catalog's version if another one is there; does nothing if it is there.
#
# sh /mnt/host/profiles/apply.sh NAME
#
# Either all of it is done, or the guest is as it was before and the log says why.

catalog=${0%/*}
for part in lib journal services packages sweep apt profile; do
    . "$catalog/$part.sh"
done

# What is to be applied, in "$order": what a profile needs before it.
visit() {
    case " $order " in *" $1 "*) return ;; esac
    case " $path " in *" $1 "*) die 1 "These profiles need each other: $1${path##*" $1"} $1." ;; esac
    [ "$1" = "$wanted" ] || ! is_applied "$1" || return 0
    catalog_plan "$1" "${path##* }"
    path="$path $1"
    for needed in $(words depends "$catalog/$1/plan"); do
        visit "$needed"
    done
    path=${path% *}
    order="$order $1"
}

check_conflicts() {
    for one in $order; do
        for bad in $(words conflicts "$catalog/$one/plan"); do
            if is_applied "$bad"; then
                die 1 "$one can't be applied beside $bad: roll that back first."
            fi
            case " $order " in *" $bad "*) die 1 "$one and $bad can't be applied together." ;; esac
        done
    done
    for other in $(applied); do
        for bad in $(words conflicts "$var/$other/bundle/plan"); do
            case " $order " in *" $bad "*) die 1 "$bad can't be applied beside $other: roll that back first." ;; esac
        done
    done
}

# How many MiB are free on the machine's disk.
free_room() {
    set -- $(stat -f -c '%a %S' "$var")
    echo $(($1 / (1048576 / $2)))
}

check_room() {
    room=0
    for one in $order; do
        room=$((room + $(words size "$catalog/$one/plan")))
    done
    free=$(free_room)
    [ "$room" -lt "$free" ] || die 1 "The profile needs $room MiB, and only $free MiB are free on the machine's disk."
}

# Applies what is in "$order", or takes it all back; "$taken_back" says whether that was possible.
apply_order() {
    taken_back=1
    for name in $order; do
        reason=dependency
        [ "$name" != "$wanted" ] || reason=$wanted_reason
        version=$(words version "$catalog/$name/plan")
        echo "$name" >> "$var/.run" && durable && apply_one "$name" "$version" "$reason" "$catalog/$name" && continue
        [ "$(free_room)" -gt 0 ] || say "The machine's disk is full."
        calm
        [ -z "$was_canceled" ] || say "Canceled."
        say "Taking back what was done."
        { read -r _; begun=$(cat); } < "$var/.run"
        for name in $(reversed "$begun"); do
            undo "$name" || { say "$name could not be taken back whole."; taken_back=; }
        done
        return 1
    done
}

upgrade() {
    old=$var/.old
    rm -rf "$old"
    mkdir -p "$old" && cp -r "$var/$wanted/bundle" "$old/bundle" && echo "$mark_version $mark_reason" > "$old/mark" && durable ||
        die 1 "There is no room to keep the version that is there."
    write "upgrade $wanted" "$var/.run" && put_aside || { rm -f "$var/.run"; die 1 "The disk is full."; }
    say "Taking back $mark_version."
    if undo "$wanted" && apply_order; then
        rm -f "$var/.run"
        rm -rf "$old"
        return 0
    fi
    calm
    say "Putting back $(cut -d ' ' -f 1 "$old/mark")."
    # The next run tries again if this can't be done now.
    restore_old "$wanted" || die 1 "It could not be put back: make room on the disk, and roll it back or apply it again."
    rm -f "$var/.run"
    return 1
}

logged "$@"
wanted=$1
lock
number=0 steps=3
recover
catalog_plan "$wanted"
wanted_version=$(words version "$catalog/$wanted/plan")
wanted_reason=user
order= path=
visit "$wanted"
read_mark "$wanted"
if [ "$mark_state" = failed ]; then
    rm -rf "${var:?}/$wanted"
elif [ "$mark_state" = applied ] && [ "$mark_version" = "$wanted_version" ]; then
    [ "$mark_reason" = user ] || write_mark "$wanted" applied "$mark_version" user
    die 0 "$wanted $mark_version is applied already."
fi
check_conflicts
check_room
set -- $order
steps=$(($# * 3))
read_mark "$wanted"
if [ "$mark_state" = applied ]; then
    wanted_reason=$mark_reason
    upgrade || die 1 "$wanted was not upgraded."
else
    write "apply $wanted" "$var/.run" && put_aside || { rm -f "$var/.run"; die 1 "The disk is full."; }
    if ! apply_order; then
        # What is still noted there is taken up by the next run.
        [ -n "$taken_back" ] || die 1 "$wanted was not applied, and something of it is left: make room on the disk, and roll it back."
        rm -f "$var/.run"
        [ -z "$was_canceled" ] || die $CANCELED "$wanted was not applied. The machine is as it was before."
        write_mark "$wanted" failed "$wanted_version" user
        die 1 "$wanted was not applied. The machine is as it was before."
    fi
    rm -f "$var/.run"
fi
durable
say "$wanted $wanted_version is applied."
