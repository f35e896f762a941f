put site.conf /etc/nginx/http.d/default.conf
put index.html /var/www/workbench/index.html
# What it writes goes with it.
owned /var/log/nginx/access.log
owned /var/log/nginx/error.log
