# Keys that packages are signed with, which somebody has put into the cache or among the shared files. Neither the runner nor the host trusts one by itself.

host=${catalog%/*}
KEY_BYTES_MAX=16384

# Where this machine's package manager looks for a key of this name; status 1 if it would not look.
place_of() {
    case $1 in
        [!A-Za-z0-9]* | *[!A-Za-z0-9._@+-]*) return 1 ;;
        *.rsa.pub) place=$root/etc/apk/keys ;;
        *.asc | *.gpg) place=$root/etc/apt/trusted.gpg.d ;;
        *) return 1 ;;
    esac
    [ -d "$place" ] && echo "$place"
}

# Lines "NAME SHA256 FILE" of the keys that are not trusted, or are trusted with another content.
waiting_keys() {
    for key in "$host"/cache/keys/* "$host"/share/*.rsa.pub "$host"/share/*.asc "$host"/share/*.gpg; do
        [ -f "$key" ] && [ ! -L "$key" ] && [ "$(stat -c %s "$key")" -le $KEY_BYTES_MAX ] || continue
        name=${key##*/}
        place=$(place_of "$name") || continue
        cmp -s "$key" "$place/$name" || echo "$name $(sha256sum < "$key" | cut -c 1-64) $key"
    done
}
