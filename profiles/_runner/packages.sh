# Packages, through the guest's own apk and its signatures, or its apt (apt.sh). What comes for a profile hangs on one virtual package, so apk counts
# what several need.

if command -v apk > /dev/null; then
    manager=apk
elif command -v apt-get > /dev/null; then
    manager=apt
else
    manager=
fi

# A repository that is laid here serves without a network. Its key is trusted only if somebody has put it into /etc/apk/keys.
cache=/mnt/host/cache/alpine

# The names of all installed packages.
installed() {
    case $manager in
        apk) apk info 2> /dev/null | sort ;;
        apt) apt_installed ;;
    esac
}

has_package() {
    case $manager in
        apk) apk info -e "$1" > /dev/null 2>&1 ;;
        apt) apt_installed | grep -qxF "$1" ;;
    esac
}

# What a profile's plan names for this machine.
wanted_packages() {
    case $manager in
        apt) words debian "$1" ;;
        *) words alpine "$1" ;;
    esac
}

names_in() {
    cut -d : -f 1 "$1" | sort
}

add_packages() {
    [ -n "$(wanted_packages "$bundle/plan")" ] || return 0
    if [ -z "$manager" ]; then
        say "This machine has neither apk nor apt: only profiles without packages can be applied."
        return 1
    fi
    # What it was like before, for accounts and files that packages' scripts make.
    installed > "$var/$profile/packages.before" || return 1
    for file in passwd group; do
        names_in "/etc/$file" > "$var/$profile/$file.before" || return 1
    done
    for file in passwd- group- shadow- gshadow-; do
        [ -e "/etc/$file" ] || echo "$file"
    done > "$var/$profile/backups.before"
    find /etc -type f | sort > "$var/$profile/etc.before" || return 1
    journal "packages .workbench-$profile" || return 1
    case $manager in
        apk) install ;;
        apt) install_with_apt; result=$?; end_apt; return $result ;;
    esac
}

# What the profile's plan names, in "$packages", and where it comes from, in "$sources".
find_sources() {
    virtual=.workbench-$profile
    packages=$(words alpine "$bundle/plan")
    sources="--no-cache"
    [ -r "$cache/$(apk --print-arch)/APKINDEX.tar.gz" ] || return 0
    offline="--no-network --repositories-file /dev/null -X $cache"
    if run apk add --simulate --quiet $offline --virtual "$virtual" $packages > /dev/null 2>&1; then
        say "All packages are in the cache."
        sources=$offline
    else
        sources="--no-cache -X $cache"
    fi
}

# Installs that, or completes what was begun.
install() {
    find_sources
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
    came=${1:-$(installed | comm -13 "$var/$profile/packages.before" - | tr '\n' ' ')}
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
    case $manager in
        apk) remove_with_apk "$1" || return 1 ;;
        apt) remove_with_apt || return 1 ;;
    esac
    sweep_accounts
}

remove_with_apk() {
    virtual=$1
    if [ ! -e "$var/$profile/complete" ]; then
        # Let it end first, so that all is known that it had begun to unpack.
        install > "$work/again" 2>&1 || say "What apk had begun could not be completed; files of packages may be left over."
    fi
    note_accounts
    if has_package "$virtual"; then
        apk del --no-progress --no-network --repositories-file /dev/null --purge "$virtual" || return 1
    else
        remove_unnoted
    fi
    if [ -r "$var/$profile/etc.before" ]; then
        # Beside what an interrupted run had left, apk lays its own files under another name.
        find /etc -type f -name '*.apk-new' | sort | comm -23 - "$var/$profile/etc.before" > "$work/new"
        while read -r file; do
            rm -f "$file"
        done < "$work/new"
    fi
}

# apk ended without a note of what it has done: there was nothing that it could do, or the disk was too full for the note.
remove_unnoted() {
    find_sources > /dev/null
    apk add --simulate --quiet $sources --virtual "$virtual" $packages > /dev/null 2>&1 || return 0
    sweep $sources
    # Accounts of no package at all.
    note_accounts nothing
}

# Removes the accounts of which no package is left.
sweep_accounts() {
    [ -r "$var/accounts" ] || return 0
    : > "$work/accounts"
    while read -r file account of; do
        left=
        for package in $of; do
            has_package "$package" && left=1 && break
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
        without "$file" "^$who:" || return 1
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
    if [ "$(wc -l < /etc/group.workbench-new)" = "$(wc -l < /etc/group)" ]; then
        mv -f /etc/group.workbench-new /etc/group
    else
        rm -f /etc/group.workbench-new
        return 1
    fi
}

# Whether all of a profile's packages are there.
check_packages() {
    case $manager in
        apk)
            [ -z "$(wanted_packages "$bundle/plan")" ] || has_package ".workbench-$profile" && return 0
            say "Its packages are not there any more."
            return 1
            ;;
        apt)
            for package in $(asked_of_apt "$bundle/plan"); do
                has_package "$package" || { say "The package $package is not there any more."; return 1; }
            done
            ;;
    esac
}
