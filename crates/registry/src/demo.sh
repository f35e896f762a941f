cat > /etc/motd <<'END'

  Welcome to the demo box: a whole Linux machine inside your browser.

    wget -qO- http://localhost        the web server that runs here
    top                               what the machine does (q ends it)
    ls /mnt/host/share                files that you drop into the panel Files
    poweroff                          stops it; its disk stays

  What you change stays on its disk. Launch a second one, and they find
  each other by name: ping demo-2.lan

END
cat > /etc/profile.d/zz-motd.sh <<'END'
cat /etc/motd
END
clear > /dev/hvc0
cat /etc/motd > /dev/hvc0
