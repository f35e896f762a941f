# Interactive shells: prompt, aliases, locale.
export LANG=${LANG:-C.UTF-8} PAGER=less
if [ -n "$BASH_VERSION$BB_ASH_VERSION" ]; then
    PS1='\[\e[1;32m\]\h\[\e[0m\]:\[\e[1;34m\]\w\[\e[0m\]\$ '
fi
HISTSIZE=1000
alias ll='ls -la'
