//! What guests on one LAN do with each other, with their own tools.

use super::{BOOT, SOON, text};
use e2e::Console;

/// Repeats a command of the guest until it succeeds, and fails after a minute of the guest's.
pub fn until(command: &str) -> String {
    format!("n=0; until {command}; do n=$((n+1)); [ $n -gt 600 ] && exit 1; usleep 100000; done 2> /dev/null")
}

/// Waits until a command of the guest succeeds.
pub async fn succeeds(console: &mut Console<'_>, command: &str) {
    let done = console.exec(&until(command), BOOT).await.unwrap();
    if done.status != 0 {
        // What it was waited for is quiet about why it fails.
        let said = console.exec(&format!("{} 2>&1", command.replace("> /dev/null", "")), BOOT).await.unwrap();
        panic!("{command}: {}", said.text());
    }
}

/// The address that the machine has been given.
pub async fn address(console: &mut Console<'_>) -> String {
    let show = "ip -4 -o address show dev eth0 | awk '{print $4}'";
    succeeds(console, &format!("[ -n \"$({show})\" ]")).await;
    let shown = text(console, show).await;
    let address = shown.trim().strip_suffix("/8").unwrap_or_else(|| panic!("no address: {shown:?}"));
    assert!(address.starts_with("10."), "{address}");
    address.to_owned()
}

/// Waits until another machine answers by its name; then it answers every time.
pub async fn pings(console: &mut Console<'_>, name: &str) {
    succeeds(console, &format!("ping -c 1 -W 1 {name} > /dev/null")).await;
    let done = console.exec(&format!("ping -c 3 -W 5 {name}"), BOOT).await.unwrap();
    assert!(done.status == 0 && done.text().contains(" 0% packet loss"), "{}", done.text());
}

/// Bytes of one machine reach another as they are.
pub async fn transfer(from: &mut Console<'_>, to: &mut Console<'_>, name: &str, mib: u32) {
    let listen = "rm -f /tmp/got /tmp/all; (nc -l -p 7000 -e sh -c 'cat > /tmp/got; touch /tmp/all' < /dev/null > /dev/null 2>&1 &)";
    to.exec(listen, SOON).await.unwrap();
    text(from, &format!("head -c {} /dev/urandom > /tmp/sent", mib << 20)).await;
    succeeds(from, &format!("nc {name} 7000 < /tmp/sent")).await;
    succeeds(to, "[ -e /tmp/all ]").await;
    let sent = text(from, "sha256sum < /tmp/sent").await;
    assert_eq!(sent, text(to, "sha256sum < /tmp/got").await);
    assert!(sent.len() > 64, "{sent}");
}
