command -v dropbear > /dev/null
# It says who it is to anybody who connects.
echo | nc -w 5 127.0.0.1 22 | head -n 1 | grep -q '^SSH-2.0-'
