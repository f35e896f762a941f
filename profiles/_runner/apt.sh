# Packages through the guest's own apt and its signatures. apt has no virtual packages: what has come with profiles is noted in "$brought", and goes as
# soon as apt itself finds that nothing needs it any more.

apt_cache=/mnt/host/cache/debian
brought=$var/brought
policy=/usr/sbin/policy-rc.d

apt_installed() {
    dpkg-query -W -f '${db:Status-Status} ${Package}\n' | sed -n 's/^installed //p' | sort
}

# apt-get with lists and copies of packages of its own, which go when the run is over. What is only recommended is left out.
apt_get() {
    run env DEBIAN_FRONTEND=noninteractive LC_ALL=C apt-get -q -y $sources -o Dir::State::lists="$var/.lists" -o Dir::Cache="$var/.cache" \
        -o APT::Sandbox::User=root -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confold -o APT::Install-Recommends=false \
        -o APT::AutoRemove::RecommendsImportant=false -o APT::AutoRemove::SuggestsImportant=false "$@"
}

# Services are init's and the runner's: packages must not start any.
begin_apt() {
    mkdir -p "$var/.lists/partial" "$var/.cache/archives/partial" || return 1
    [ -e "$policy" ] || { printf '#!/bin/sh\n# For a profile.\nexit 101\n' > "$policy" && chmod 755 "$policy"; }
}

end_apt() {
    rm -rf "$var/.lists" "$var/.cache" "$var/.packages.list"
    ! grep -qsx '# For a profile.' "$policy" || rm -f "$policy"
}

# The packages that a profile asks for. apt takes no conditions; check.sh says whether the version will do.
asked_of_apt() {
    words debian "$1" | sed 's/[<>=~].*//'
}

install_with_apt() {
    packages=$(asked_of_apt "$bundle/plan")
    begin_apt || return 1
    sources=
    if [ -r "$apt_cache/Packages" ] || [ -r "$apt_cache/Packages.gz" ]; then
        echo "deb file:$apt_cache ./" > "$var/.packages.list" || return 1
        sources="-o Dir::Etc::sourcelist=$var/.packages.list -o Dir::Etc::sourceparts=-"
        if apt_get update && apt_get --simulate install $packages > /dev/null 2>&1; then
            say "All packages are in the cache."
        else
            cat /etc/apt/sources.list >> "$var/.packages.list" 2> /dev/null
            sources="-o Dir::Etc::sourcelist=$var/.packages.list"
            apt_get update || return 1
        fi
    else
        apt_get update || return 1
    fi
    apt_get install $packages
    result=$?
    note_came
    note_accounts
    [ "$result" = 0 ] || say "apt-get ended with status $result."
    return "$result"
}

# Adds what is there now and was not before the profile.
note_came() {
    [ -r "$var/$profile/packages.before" ] || return 0
    apt_installed | comm -13 "$var/$profile/packages.before" - > "$work/came" || return 1
    [ -e "$brought" ] || : > "$brought" || return 1
    sort -u "$work/came" "$brought" > "$brought.new" || return 1
    mv -f "$brought.new" "$brought" && durable
}

remove_with_apt() {
    begin_apt || say "The disk is full."
    sources=
    # What was cut short is configured first, so that it can be removed.
    run env DEBIAN_FRONTEND=noninteractive dpkg --configure -a --force-confold > /dev/null 2>&1
    note_came && note_accounts || return 1
    for package in $(asked_of_apt "$bundle/plan"); do
        grep -qxF "$package" "$brought" || continue
        for other in $(applied); do
            [ "$other" = "$profile" ] || ! asked_of_apt "$var/$other/bundle/plan" | grep -qxF "$package" || continue 2
        done
        apt-mark -qq auto "$package" > /dev/null
    done
    gone=$(apt_get --simulate autoremove | sed -n 's/^Remv \([^ ]*\) .*/\1/p' | sort | comm -12 - "$brought")
    if [ -n "$gone" ]; then
        apt_get purge $gone || return 1
    fi
    apt_installed | comm -12 - "$brought" > "$work/came" && cp "$work/came" "$brought.new" && mv -f "$brought.new" "$brought" || return 1
    [ -s "$brought" ] || rm -f "$brought"
    end_apt
}
