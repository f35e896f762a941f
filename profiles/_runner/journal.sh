# What a profile's apply.sh calls to change the guest, and how that is taken back.
#
# Each change is a line of the journal before it is done, and durable there, so that whatever was begun can be undone, as often as it takes:
#
# dir PATH .              a folder was made
# file PATH KEPT SUM .    a file was laid; KEPT is the number of what was there before, or "-"; SUM its checksum
# line PATH TEXT .        a line was added to a file
# owned PATH .            what appears there later belongs to the profile
# packages NAME .         packages came with this virtual package
# service NAME .          init was told to keep it running
#
# A line without the dot at its end was being written when the power was cut, and nothing was done about it yet.

journal() {
    echo "$* ." >> "$journal" && durable
}

# Reads the next whole line of a journal into kind, path and rest.
read_entry() {
    while IFS= read -r entry; do
        case $entry in
            *" .") ;;
            *) continue ;;
        esac
        entry=${entry% .}
        kind=${entry%% *}
        rest=${entry#"$kind "}
        path=${rest%% *}
        rest=${rest#"$path"}
        rest=${rest# }
        return 0
    done
    return 1
}

fail() {
    say "$*"
    exit 1
}

# A path that is taken as it is.
check_path() {
    case $1 in
        *[!A-Za-z0-9._/@+-]* | */../* | */.. | */./* | *//* | */) fail "“$1” can't be a path: letters, digits and ._@+- between single slashes." ;;
        /*/* | /[!/]*) ;;
        *) fail "“$1” is no path from the root." ;;
    esac
}

sum_of() {
    if [ -L "$1" ]; then
        readlink "$1" | sha256sum | cut -c 1-64
    else
        sha256sum < "$1" | cut -c 1-64
    fi
}

# directory PATH [MODE]: a folder with all above it, if it is not there.
directory() {
    check_path "$1"
    [ -d "$root$1" ] && return 0
    case ${1%/*} in
        ?*) directory "${1%/*}" ;;
    esac
    journal "dir $1" || exit 1
    mkdir "$root$1" || exit 1
    [ -z "$2" ] || chmod "$2" "$root$1" || exit 1
}

# Keeps what is at a path; says its number, or "-".
keep() {
    if [ ! -e "$1" ] && [ ! -L "$1" ]; then
        echo -
        return
    fi
    [ ! -d "$1" ] || return 1
    mkdir -p "$kept" || return 1
    kept_as=1
    while [ -e "$kept/$kept_as" ] || [ -L "$kept/$kept_as" ]; do
        kept_as=$((kept_as + 1))
    done
    cp -a "$1" "$kept/new" && durable && mv "$kept/new" "$kept/$kept_as" && echo "$kept_as"
}

# put FILE PATH [MODE]: lays a file of the bundle; "-" is the standard input.
put() {
    check_path "$2"
    case ${2%/*} in
        ?*) directory "${2%/*}" ;;
    esac
    new=$root$2.workbench-new
    was=$(keep "$root$2") || fail "$2 could not be kept."
    if [ "$1" = - ]; then
        laid=$work/input
        cat > "$laid" || exit 1
    else
        laid=$bundle/$1
    fi
    [ -r "$laid" ] || fail "$1 is not in the profile."
    journal "file $2 $was $(sum_of "$laid")" || exit 1
    cp "$laid" "$new" && chmod "${3:-644}" "$new" && mv -f "$new" "$root$2" || exit 1
}

# line TEXT PATH: a line in a file, added at its end if it is not there.
line() {
    check_path "$2"
    [ -e "$root$2" ] || fail "$2 is not there."
    grep -qxF -- "$1" "$root$2" && return 0
    journal "line $2 $1" || exit 1
    cp -a "$root$2" "$root$2.workbench-new" && echo "$1" >> "$root$2.workbench-new" && mv -f "$root$2.workbench-new" "$root$2" || exit 1
}

# owned PATH: what the profile's programs will make there goes with it. What is there already stays.
owned() {
    check_path "$1"
    case $1 in
        /*/*) ;;
        *) fail "$1 belongs to the system." ;;
    esac
    [ -e "$root$1" ] || [ -L "$root$1" ] || journal "owned $1" || exit 1
}

drop_line() {
    [ -e "$root$1" ] || return 0
    without "$root$1" -xF -- "$2"
}

# without FILE GREP'S ARGUMENTS: takes lines out of a file, all of them or none.
without() {
    from=$1
    shift
    # Status 1: no line is left.
    if cp -a "$from" "$from.workbench-new" && { grep -v "$@" "$from" > "$from.workbench-new" || [ $? = 1 ]; }; then
        mv -f "$from.workbench-new" "$from"
    else
        rm -f "$from.workbench-new"
        return 1
    fi
}

undo_file() {
    rm -f "$root$1.workbench-new"
    if [ -e "$root$1" ] || [ -L "$root$1" ]; then
        now=$(sum_of "$root$1")
        if [ "$2" != - ] && [ -e "$kept/$2" ] && [ "$now" = "$(sum_of "$kept/$2")" ]; then
            return 0 # As it was: it had not been laid yet, or has been taken back.
        fi
        if [ "$now" = "$3" ]; then
            [ "$2" != - ] || rm -f "$root$1"
        elif [ "$2" = - ] || [ -e "$kept/$2" ] || [ -L "$kept/$2" ]; then
            say "$1 was changed meanwhile: that is now $1.workbench-changed."
            mv -f "$root$1" "$root$1.workbench-changed"
        fi
    fi
    [ "$2" = - ] && return 0
    if [ -e "$kept/$2" ] || [ -L "$kept/$2" ]; then
        # On the same disk: it takes no room, and is whole or not at all.
        mv -f "$kept/$2" "$root$1"
    fi
}

undo_entry() {
    case $kind in
        dir) [ ! -d "$root$path" ] || rmdir "$root$path" 2> /dev/null || say "$path stays: something else is in it." ;;
        file) undo_file "$path" "${rest% *}" "${rest##* }" ;;
        line) drop_line "$path" "$rest" ;;
        owned) rm -rf "$root$path" ;;
        packages) remove_packages "$path" ;;
        service) ;; # They were stopped first.
    esac
}

# Takes a profile back, with all that was begun of it. It can be repeated, and leaves nothing of it but the log.
undo() {
    [ -d "$var/$1" ] || return 0
    use "$1"
    read_mark "$1"
    write_mark "$1" leaving "${mark_version:-0}" "${mark_reason:-user}" || say "The disk is full."
    undone=0
    if [ -r "$journal" ]; then
        while read_entry; do
            [ "$kind" != service ] || stop_service "$1" "$path"
        done < "$journal"
        run_hook rollback.sh || say "rollback.sh of $1 ended with status $?; the rest is taken back all the same."
        # Without a file, for which there may be no room.
        entries=$(reversed "$(cat "$journal")")
        while read_entry <&8; do
            undo_entry || undone=1
        done 8<< END
$entries
END
    fi
    [ "$undone" = 0 ] || return 1
    rm -rf "${var:?}/$1"
    durable
}

# Makes this profile the one that is at work.
use() {
    profile=$1
    bundle=$var/$1/bundle
    journal=$var/$1/journal
    kept=$var/$1/kept
    work=$var/$1/work
    mkdir -p "$work"
}
