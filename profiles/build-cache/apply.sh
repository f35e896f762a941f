directory /workspace/.cache
put profile.sh /etc/profile.d/workbench-build-cache.sh
