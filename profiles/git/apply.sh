# The user's own settings, if there are any, say what they say.
[ -e "$root/etc/gitconfig" ] || put gitconfig /etc/gitconfig
