directory /etc/dropbear
directory /root/.ssh 700
# The machine's own keys are made at the first start, and go with the profile: nobody shall meet the same machine without them.
for kind in rsa ecdsa ed25519; do
    owned /etc/dropbear/dropbear_${kind}_host_key
done
# The keys that may come in: put the file among the machine's shared files before.
keys=$root/mnt/host/share/authorized_keys
if [ -r "$keys" ] && [ ! -e "$root/root/.ssh/authorized_keys" ]; then
    put - /root/.ssh/authorized_keys 600 < "$keys"
fi
