#!/bin/sh
# Takes a profile back, and what came only because of it.
#
# sh /mnt/host/profiles/rollback.sh NAME

catalog=${0%/*}
for part in lib journal services packages sweep apt profile; do
    . "$catalog/$part.sh"
done

# What goes with the profile, in "$leaving": what was brought for others, and nobody needs then.
find_leaving() {
    leaving=$wanted
    again=1
    while [ -n "$again" ]; do
        again=
        for name in $(applied); do
            case " $leaving " in *" $name "*) continue ;; esac
            read_mark "$name"
            [ "$mark_reason" = dependency ] || continue
            [ -z "$(dependents "$name" $leaving)" ] || continue
            leaving="$leaving $name"
            again=1
        done
    done
}

logged "$@"
wanted=$1
lock
number=0 steps=1
recover
calm
read_mark "$wanted"
case $mark_state in
    applied) ;;
    failed)
        rm -rf "${var:?}/$wanted"
        die 0 "Nothing of $wanted is there."
        ;;
    *) die 0 "$wanted is not applied." ;;
esac
needing=$(dependents "$wanted" | tr '\n' ' ')
if [ -n "$needing" ]; then
    [ "$mark_reason" = dependency ] || write_mark "$wanted" applied "$mark_version" dependency
    die $NEEDED "$wanted stays as long as others need it, and goes with the last of them: ${needing% }."
fi
find_leaving
# Undone in this order: the last line first, when it is taken up again.
{ echo "rollback $wanted"; reversed "$(for name in $leaving; do echo "$name"; done)"; } > "$var/.run.new" && durable && mv -f "$var/.run.new" "$var/.run" || die 1 "The disk is full: delete something, 100 KiB are enough."
steps=$(echo "$leaving" | wc -w)
for name in $leaving; do
    step "$name: taking back"
    undo "$name" || die 1 "$name could not be taken back whole: try again."
done
rm -f "$var/.run"
durable
say "$wanted is rolled back."
