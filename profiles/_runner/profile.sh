# One profile: applying it, and putting an earlier version back.

# apply_one NAME VERSION REASON FROM: FROM is the folder that the bundle is in.
apply_one() {
    use "$1"
    write_mark "$1" applying "$2" "$3" || return 1
    rm -rf "$bundle" "$journal" "$kept"
    cp -r "$4" "$bundle" && : > "$journal" && durable || return 1
    step "$1: packages"
    add_packages || return 1
    step "$1: files"
    run_hook apply.sh || return 1
    for service in $(words service "$bundle/plan"); do
        start_service "$service" || return 1
    done
    step "$1: checking"
    check_one || return 1
    rm -rf "$work"
    write_mark "$1" applied "$2" "$3"
}

# A service may take a moment until it answers.
check_one() {
    tries=1
    [ -z "$(words service "$bundle/plan")" ] || tries=20
    while [ -z "$canceled" ]; do
        run_hook check.sh && return 0
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || break
        sleep 1
    done
    [ -n "$canceled" ] || say "check.sh says that $profile does not work."
    return 1
}

# Puts back the version that was there before an upgrade.
restore_old() {
    old=$var/.old
    undo "$1" || return 1
    [ -d "$old/bundle" ] || return 0
    read -r version reason < "$old/mark"
    apply_one "$1" "$version" "$reason" "$old/bundle" || return 1
    rm -rf "$old"
}
