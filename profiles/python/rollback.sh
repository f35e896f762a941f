# What Python has compiled beside its modules is in no package; without this, folders would stay for it. Debian's packages see to it themselves.
command -v apk > /dev/null || return 0
find /usr/lib/python3* -name __pycache__ -type d -prune > "$work/compiled" 2> /dev/null || true
while read -r folder; do
    for file in "$folder"/*; do
        apk info -qW "$file" > /dev/null 2>&1 || rm -f "$file"
    done
    rmdir "$folder" 2> /dev/null || true
done < "$work/compiled"
