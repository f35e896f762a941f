# What apk has unpacked and could not note, because the disk was full just then: it would be nobody's, and stay for ever.

# The paths that apk's own list of installed packages has.
noted_paths() {
    awk '/^F:/ { folder = substr($0, 3); if (folder != "") print folder; next } /^R:/ { print (folder == "" ? "" : folder "/") substr($0, 3) }' /lib/apk/db/installed
}

# sweep SOURCES…: removes what these packages would bring, came since the profile began, and belongs to no package. Its lists are in memory.
sweep() {
    lists=$(mktemp -d "$root/run/workbench-sweep.XXXXXX") || return 1
    began=$(stat -c %Z "$var/$profile/packages.before")
    noted_paths > "$lists/noted"
    apk add --simulate "$@" --virtual "$virtual" $packages 2> /dev/null | sed -n 's/^([0-9/]*) Installing \([^ .][^ ]*\) .*/\1/p' > "$lists/packages"
    while read -r package; do
        apk fetch --quiet --stdout "$@" "$package" 2> /dev/null | tar -tz 2> /dev/null | sed -n 's,/$,,; /^[^.]/p'
    done < "$lists/packages" | sort -u | awk 'NR == FNR { noted[$0]; next } !($0 in noted)' "$lists/noted" - > "$lists/unpacked"
    # The deepest first, so that folders are empty when it is their turn.
    sort -r "$lists/unpacked" | while read -r path; do
        [ -e "/$path" ] || [ -L "/$path" ] || continue
        [ "$(stat -c %Z "/$path")" -ge "$began" ] || continue
        if [ -d "/$path" ] && [ ! -L "/$path" ]; then
            rmdir "/$path" 2> /dev/null
        else
            rm -f "/$path"
        fi
    done
    rm -rf "$lists"
    return 0
}
