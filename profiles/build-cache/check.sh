. /etc/profile.d/workbench-build-cache.sh
[ "$XDG_CACHE_HOME" = /workspace/.cache ] && [ -d "$XDG_CACHE_HOME" ]
