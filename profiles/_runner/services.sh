# Services: init keeps them running. Each is a line of its table, which starts a script that says who it is.

inittab=$root/etc/inittab

service_line() {
    echo "::respawn:/var/lib/workbench/profiles/$1/start-$2"
}

# init reads its table again. In a test there is no init.
tell_init() {
    [ -n "$root" ] || kill -HUP 1
}

start_service() {
    start=$var/$profile/start-$1
    pids=/run/workbench-service-$profile-$1.pid
    cat > "$start" << END
#!/bin/sh
# $1 of the profile $profile, started by init.
echo \$\$ > $pids
exec < /dev/null > /dev/null 2>&1
exec /bin/sh /var/lib/workbench/profiles/$profile/bundle/$1.service
END
    chmod 755 "$start" || return 1
    journal "service $1" || return 1
    ( line "$(service_line "$profile" "$1")" /etc/inittab ) || return 1
    tell_init
}

# stop_service PROFILE SERVICE: a session of init's own, so all of its processes are one group.
stop_service() {
    drop_line /etc/inittab "$(service_line "$1" "$2")"
    tell_init
    pids=$root/run/workbench-service-$1-$2.pid
    for try in 1 2 3 4 5 6 7 8 9 10; do
        [ -r "$pids" ] && read -r leader < "$pids" && kill -0 "$leader" 2> /dev/null || break
        if [ "$try" -lt 6 ]; then
            kill -TERM "-$leader" 2> /dev/null
        else
            kill -KILL "-$leader" 2> /dev/null
        fi
        sleep 1
    done
    rm -f "$pids"
}

check_service() {
    pids=/run/workbench-service-$profile-$1.pid
    [ -r "$pids" ] && read -r leader < "$pids" && kill -0 "$leader" 2> /dev/null && return 0
    say "The service $1 does not run."
    return 1
}
