git --version > /dev/null
