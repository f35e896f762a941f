# Login shells: prompt, aliases, locale; and on the consoles what a login program would do.
export LANG="${LANG:-C.UTF-8}"
if [ -n "$BASH_VERSION$BB_ASH_VERSION" ]; then
    PS1='\[\e[1;32m\]\h\[\e[0m\]:\[\e[1;34m\]\w\[\e[0m\]\$ '
fi
alias ll='ls -la'

if [ "$PPID" = 1 ]; then
    export HOME=/root USER=root LOGNAME=root SHELL="${BASH:-/bin/sh}" TERM=xterm-256color
    cd
    # So that a backspace in what programs read line by line takes away a character and not a byte. init leaves terminals without; setting it
    # costs a twentieth of a second, so it is done where people type.
    [ /dev/hvc0 -ef /proc/self/fd/0 ] && stty iutf8 -ixoff
    # A machine that many start from waits here, until it is one of them (see /usr/lib/workbench/late).
    if [ -p /run/workbench.gate ]; then
        echo >> /run/workbench.waiting
        read -r _ < /run/workbench.gate
    fi
    # As in /etc/motd, which would cost a tenth of a second to read here.
    echo 'VM Workbench: a small machine inside your browser.
Files persist on its disk. Type poweroff to stop it.
'
fi
