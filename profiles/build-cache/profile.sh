# Caches of package managers and compilers on the second disk: they stay when the system is rolled back, and leave its disk alone.
export XDG_CACHE_HOME=/workspace/.cache
export npm_config_cache=$XDG_CACHE_HOME/npm
export PIP_CACHE_DIR=$XDG_CACHE_HOME/pip
export CARGO_HOME=$XDG_CACHE_HOME/cargo
export GOCACHE=$XDG_CACHE_HOME/go-build
export GOMODCACHE=$XDG_CACHE_HOME/go-mod
export CCACHE_DIR=$XDG_CACHE_HOME/ccache
