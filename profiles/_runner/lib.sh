# What the runner's programs share. docs/profiles.md says what they promise. POSIX shell and BusyBox only.
#
# catalog  where the profiles are laid, read-only: this file's folder
# root     what stands before every path in the guest; empty but in tests
# var      the runner's own: a folder for each profile, with its mark, journal, what was there before, and a copy of its bundle
# bundle   the copy of the profile that is at work

root=${WORKBENCH_ROOT:-}
var=$root/var/lib/workbench/profiles
logs=$root/var/log/workbench
pid_file=$root/run/workbench-profile.pid
reserve=$var/.reserve

# Exit statuses beside 0 and 1.
NEEDED=3  # It stays, because others need it.
BUSY=75   # Another run is at work.
CANCELED=130

say() {
    echo "$*"
}

# For the host, which shows how far it is.
step() {
    number=$((number + 1))
    echo "## $number/$steps $*"
}

die() {
    status=$1
    shift
    say "$*"
    exit "$status"
}

# Runs this program once more, so that all it says is in the log too: "again" is what it is called with.
logged() {
    [ -z "$WORKBENCH_INNER" ] || return 0
    case $1 in
        "" | -* | *[!a-z0-9-]*) die 1 "Usage: sh ${0##*/} NAME" ;;
    esac
    mkdir -p "$logs" "$root/run" "$var" || die 1 "There is no room for the log in $logs."
    ended=$root/run/workbench-profile.status.$$
    said=$root/run/workbench-profile.said.$$
    { WORKBENCH_INNER=1 sh "$0" "$@" 2>&1; echo $? > "$ended"; } | tee "$logs/$1.log" "$said"
    # A disk that was full for a while has lost the lines that say so.
    cmp -s "$said" "$logs/$1.log" || cp "$said" "$logs/$1.log"
    read -r status < "$ended"
    rm -f "$ended" "$said"
    exit "${status:-1}"
}

# One run at a time. The lock goes with the process that holds it, however it ends; what it starts does not hold it.
lock() {
    exec 9> "$var/.lock"
    flock -n 9 || die $BUSY "Another profile is being applied or rolled back: try again when that is done."
    echo $$ > "$pid_file"
    canceled=
    child=
    trap 'canceled=1; [ -z "$child" ] || kill -TERM "-$child"' TERM INT HUP
    trap 'rm -f "$pid_file" "$reserve"' EXIT
}

# Runs a program in a session of its own, and ends all of that when the run is canceled.
run() {
    [ -z "$canceled" ] || return $CANCELED
    setsid "$@" < /dev/null &
    child=$!
    wait "$child"
    result=$?
    if [ -n "$canceled" ]; then
        # The first wait was ended by the signal, maybe before the command was.
        wait "$child"
        result=$CANCELED
    fi
    child=
    return "$result"
}

# A script of the profile at work. What it leaves running must not keep the lock.
run_hook() {
    run sh "$catalog/hook.sh" "$profile" "$1" 9>&-
}

# Puts room aside, so that what was done can be taken back though the disk has filled up meanwhile.
put_aside() {
    dd if=/dev/zero of="$reserve" bs=65536 count=16 2> /dev/null && durable && return 0
    rm -f "$reserve"
    return 1
}

# From now on nothing can be canceled: what is taken back is taken back to the end.
calm() {
    rm -f "$reserve"
    durable
    was_canceled=$canceled
    canceled=
    trap : TERM INT HUP
}

# All that was written outlives a power cut.
durable() {
    sync
}

# write TEXT FILE: whole or not at all.
write() {
    echo "$1" > "$2.new" && durable && mv -f "$2.new" "$2" && durable
}

# words KIND PLAN-FILE: what the plan's lines of this kind say.
words() {
    while read -r kind rest; do
        [ "$kind" = "$1" ] && echo "$rest"
    done < "$2"
    return 0
}

# The plan of a profile of the catalog.
catalog_plan() {
    plan=$catalog/$1/plan
    [ -r "$plan" ] || die 1 "There is no profile $1${2:+; $2 needs it}."
    read -r word format < "$plan"
    [ "$word $format" = "plan 1" ] || die 1 "The profile $1 can't be understood."
}

# Reads a profile's mark into mark_state, mark_version, mark_reason; all are empty if it has none.
read_mark() {
    mark_state= mark_version= mark_reason=
    [ -r "$var/$1/mark" ] && read -r _ mark_state mark_version mark_reason _ < "$var/$1/mark"
    return 0
}

# write_mark NAME STATE VERSION REASON
write_mark() {
    mkdir -p "$var/$1" && write "1 $2 $3 $4 $(date +%s)" "$var/$1/mark"
}

is_applied() {
    read_mark "$1"
    [ "$mark_state" = applied ]
}

# The profiles that are applied.
applied() {
    for mark in "$var"/*/mark; do
        [ -r "$mark" ] || continue
        name=${mark%/mark}
        name=${name##*/}
        read -r _ state _ < "$mark"
        [ "$state" = applied ] && echo "$name"
    done
    return 0
}

# The applied profiles that need this one, but for those that are named behind it.
dependents() {
    needed=$1
    shift
    for other in $(applied); do
        case " $* " in *" $other "*) continue ;; esac
        for depends in $(words depends "$var/$other/bundle/plan"); do
            [ "$depends" = "$needed" ] && echo "$other"
        done
    done
}

# What was begun and not ended: by a kill, a crash or a power cut.
recover() {
    rm -f "$reserve"
    [ -e "$var/.run" ] || return 0
    say "An earlier run was cut short: putting that right first."
    { read -r verb begun; left=$(cat); } < "$var/.run"
    for name in $(reversed "$left"); do
        undo "$name" || die 1 "$name could not be taken back: see $logs."
    done
    if [ "$verb" = upgrade ]; then
        restore_old "$begun" || die 1 "The earlier version of $begun could not be put back."
    fi
    rm -f "$var/.run"
    durable
    say "That is done."
}

# The lines, the last one first.
reversed() {
    echo "$1" | sed '1!G;h;$!d'
}
