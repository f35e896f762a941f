grep -qF "$(busybox sed -n 2p /usr/local/share/ca-certificates/workbench.crt)" /etc/ssl/certs/ca-certificates.crt
