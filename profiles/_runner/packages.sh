# Packages, through the guest's own apk and its signatures. What comes for a profile hangs on one virtual package, so apk counts what several need.

# A repository that is laid here serves without a network. Its key is trusted only if somebody has put it into /etc/apk/keys.
cache=/mnt/host/cache/alpine

# The names of all installed packages.
installed() {
    apk info 2> /dev/null | sort
}

names_in() {
    cut -d : -f 1 "$1" | sort
}

add_packages() {
    packages=$(words alpine "$bundle/plan")
    if [ -z "$packages" ]; then
        return 0
    fi
    if ! command -v apk > /dev/null; then
        say "This machine has no apk: profiles with packages are for Alpine."
        return 1
    fi
    # What it was like before, for accounts and files that packages' scripts make.
    installed > "$var/$profile/packages.before"
    for file in passwd group; do
        names_in "/etc/$file" > "$var/$profile/$file.before"
    done
    for file in passwd- group- shadow- gshadow-; do
        [ -e "/etc/$file" ] || echo "$file"
    done > "$var/$profile/backups.before"
    find /etc -type f | sort > "$var/$profile/etc.before"
    journal "packages .workbench-$profile" || return 1
    install
}

# Installs what the profile's plan names, or completes what was begun.
install() {
    virtual=.workbench-$profile
    packages=$(words alpine "$bundle/plan")
    sources="--no-cache"
    if [ -r "$cache/$(apk --print-arch)/APKINDEX.tar.gz" ]; then
        offline="--no-network --repositories-file /dev/null -X $cache"
        if run apk add --simulate --quiet $offline --virtual "$virtual" $packages > /dev/null 2>&1; then
            say "All packages are in the cache."
            sources=$offline
        else
            sources="--no-cache -X $cache"
        fi
    fi
    run apk add --no-progress $sources --virtual "$virtual" $packages
    result=$?
    # apk notes what it has installed at its end. Cut short, it leaves files that are nobody's.
    [ "$result" -ge 128 ] || : > "$var/$profile/complete"
    note_accounts
    [ "$result" = 0 ] || say "apk ended with status $result."
    return "$result"
}

# Accounts that have come with packages, and copies that adding them leaves, are noted with those packages: they go when the last of these goes,
# whichever profile that is.
note_accounts() {
    [ -r "$var/$profile/packages.before" ] || return 0
    came=$(installed | comm -13 "$var/$profile/packages.before" - | tr '\n' ' ')
    [ -n "$came" ] || return 0
    for file in passwd group; do
        for account in $(names_in "/etc/$file" | comm -13 "$var/$profile/$file.before" -); do
            note "$file $account $came"
        done
    done
    while read -r backup; do
        [ ! -e "/etc/$backup" ] || note "backup $backup $came"
    done < "$var/$profile/backups.before"
    durable
}

note() {
    grep -qF -- "${1% } " "$var/accounts" 2> /dev/null || echo "$1" >> "$var/accounts"
}

remove_packages() {
    command -v apk > /dev/null || return 0
    virtual=$1
    if [ ! -e "$var/$profile/complete" ]; then
        # Let it end first, so that all is known that it had begun to unpack.
        install > "$work/again" 2>&1 || say "What apk had begun could not be completed; files of packages may be left over."
    fi
    note_accounts
    if apk info -e "$virtual" > /dev/null 2>&1; then
        apk del --no-progress --no-network --repositories-file /dev/null --purge "$virtual" || return 1
    fi
    if [ -r "$var/$profile/etc.before" ]; then
        # Beside what an interrupted run had left, apk lays its own files under another name.
        find /etc -type f -name '*.apk-new' | sort | comm -23 - "$var/$profile/etc.before" > "$work/new"
        while read -r file; do
            rm -f "$file"
        done < "$work/new"
    fi
    sweep_accounts
}

# Removes the accounts of which no package is left.
sweep_accounts() {
    [ -r "$var/accounts" ] || return 0
    : > "$work/accounts"
    while read -r file account of; do
        left=
        for package in $of; do
            apk info -e "$package" > /dev/null 2>&1 && left=1 && break
        done
        if [ -n "$left" ]; then
            echo "$file $account $of" >> "$work/accounts"
            continue
        fi
        case $file in
            backup) rm -f "/etc/$account" ;;
            passwd) drop_account "$account" /etc/passwd /etc/shadow && drop_member "$account" ;;
            group) drop_account "$account" /etc/group /etc/gshadow ;;
        esac
    done < "$var/accounts"
    if [ -s "$work/accounts" ]; then
        cp "$work/accounts" "$var/accounts.new" && mv -f "$var/accounts.new" "$var/accounts"
    else
        rm -f "$var/accounts"
    fi
}

drop_account() {
    who=$1
    shift
    for file; do
        [ -e "$file" ] || continue
        cp -a "$file" "$file.workbench-new" || return 1
        grep -v "^$who:" "$file" > "$file.workbench-new"
        mv -f "$file.workbench-new" "$file"
    done
}

# A user that is gone is in no group any more.
drop_member() {
    cp -a /etc/group /etc/group.workbench-new || return 1
    awk -F : -v OFS=: -v who="$1" '{
        count = split($4, members, ","); list = ""
        for (at = 1; at <= count; at++) if (members[at] != who) list = list (list == "" ? "" : ",") members[at]
        $4 = list; print
    }' /etc/group > /etc/group.workbench-new
    mv -f /etc/group.workbench-new /etc/group
}

# Whether all of a profile's packages are there.
check_packages() {
    [ -n "$(words alpine "$bundle/plan")" ] || return 0
    apk info -e ".workbench-$profile" > /dev/null 2>&1 || { say "Its packages are not there any more."; return 1; }
}
