if [ -d "$root/etc/nginx/sites-available" ]; then
    # Debian's.
    put site.conf /etc/nginx/sites-available/default
else
    put site.conf /etc/nginx/http.d/default.conf
fi
put index.html /var/www/workbench/index.html
# What it writes goes with it.
owned /var/log/nginx/access.log
owned /var/log/nginx/error.log
