nginx -t -q
wget -q -O - http://127.0.0.1/ | grep -q workbench-page
