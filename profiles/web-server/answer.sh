#!/bin/busybox sh
# Answers one HTTP/1.0 request for a file in /workspace/www, or in the folder that is named; nc has connected it to the browser.

root=${1:-/workspace/www}

# head STATUS TYPE [LENGTH]
head() {
    printf 'HTTP/1.0 %s\r\nContent-Type: %s\r\n%sConnection: close\r\n\r\n' "$1" "$2" "${3:+Content-Length: $3
}" | busybox sed 's/\r*$/\r/'
}

refuse() {
    head "$1" "text/plain; charset=utf-8"
    echo "$1"
    exit
}

type_of() {
    case $1 in
        *.html | *.htm) echo "text/html; charset=utf-8" ;;
        *.css) echo "text/css; charset=utf-8" ;;
        *.js | *.mjs) echo "text/javascript; charset=utf-8" ;;
        *.json) echo "application/json" ;;
        *.svg) echo "image/svg+xml" ;;
        *.png) echo "image/png" ;;
        *.jpg | *.jpeg) echo "image/jpeg" ;;
        *.wasm) echo "application/wasm" ;;
        *.txt | *.md | *.log) echo "text/plain; charset=utf-8" ;;
        *) echo "application/octet-stream" ;;
    esac
}

# Names are of the user's own files, and may have anything in them.
escaped() {
    echo "$1" | busybox sed 's/&/\&amp;/g; s/</\&lt;/g; s/>/\&gt;/g; s/"/\&quot;/g'
}

list() {
    head "200 OK" "text/html; charset=utf-8"
    [ "$method" = HEAD ] && exit
    echo "<!doctype html><meta charset=utf-8><title>Files</title><h1>$(escaped "$path")</h1><ul>"
    for file in "$1"/*; do
        [ -e "$file" ] || continue
        name=${file##*/}
        [ -d "$file" ] && name=$name/
        link=$(printf %s "$name" | busybox od -An -v -tx1 | busybox tr -d ' \n' | busybox sed 's/../%&/g; s/%2f/\//g')
        echo "<li><a href=\"./$link\">$(escaped "$name")</a>"
    done
    echo "</ul>"
    exit
}

read -r method path _ || exit
while IFS= read -r line; do
    case $line in
        "" | "$(printf '\r')") break ;;
    esac
done
case $method in
    GET | HEAD) ;;
    *) refuse "405 Method Not Allowed" ;;
esac
path=${path%%[?#]*}
case $path in
    *\\* | *%00*) refuse "400 Bad Request" ;;
esac
path=$(printf '%b.' "$(echo "$path" | busybox sed 's/%\([0-9A-Fa-f][0-9A-Fa-f]\)/\\x\1/g')")
path=${path%.}
case $path/ in
    */../* | [!/]* | *[[:cntrl:]]*) refuse "400 Bad Request" ;;
esac
file=$root$path
if [ -d "$file" ]; then
    # Links in a page count from its folder.
    case $path in
        */) ;;
        *) printf 'HTTP/1.0 301 Moved Permanently\r\nLocation: %s/\r\n\r\n' "$path" && exit ;;
    esac
    [ -f "${file}index.html" ] || list "${file%/}"
    file=${file}index.html
fi
[ -f "$file" ] && [ -r "$file" ] || refuse "404 Not Found"
head "200 OK" "$(type_of "$file")" "$(busybox stat -L -c %s "$file")"
[ "$method" = HEAD ] || exec busybox cat "$file"
