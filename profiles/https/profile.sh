# Node.js, pip and Python bring their own lists of whom to trust; here they take the system's.
export NODE_EXTRA_CA_CERTS=/usr/local/share/ca-certificates/workbench.crt
export PIP_CERT=/etc/ssl/certs/ca-certificates.crt
export REQUESTS_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt
export SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
