directory /workspace/www
[ -e "$root/workspace/www/index.html" ] || put index.html /workspace/www/index.html
put answer.sh /usr/lib/workbench-web-server/answer 755
