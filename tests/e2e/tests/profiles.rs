//! Profiles in a real guest: applied, checked and rolled back by the host.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure fails the test")]

mod common;

use common::{SOON, WORK, browser, launched, run, text};
use driver::Kind;
use e2e::{Console, Workbench};
use profile::{MarkState, Reason};
use protocol::{InstanceId, ProfileAsk, ProfileVerb, ProfilesNow};
use std::time::Duration;

/// Applying what needs packages, on a busy machine.
const LONG: Duration = Duration::from_secs(900);

/// Waits in the guest until the runner is there: it is laid behind the first prompt.
const LAID: &str = "until [ -r /mnt/host/profiles/web-server/plan ]; do sleep 0.2; done";

/// All files with their checksums, modes and owners, the packages and the programs that run, but for what the runner keeps for itself and what the system
/// writes by the way.
const EVERYTHING: &str = "cd /
    find . -xdev \\( -path ./proc -o -path ./sys -o -path ./dev -o -path ./run -o -path ./tmp -o -path ./mnt/host -o -path ./root/.ash_history \
        -o -path ./var/lib/workbench -o -path ./var/log/workbench -o -path ./lib/apk/db/scripts.tar \\) -prune -o -print | sort > /tmp/paths
    while read -r path; do stat -c '%N %a %u:%g' \"$path\"; done < /tmp/paths
    find . -xdev \\( -path ./proc -o -path ./sys -o -path ./dev -o -path ./run -o -path ./tmp -o -path ./mnt/host -o -path ./root/.ash_history \
        -o -path ./var/lib/workbench -o -path ./var/log/workbench -o -path ./lib/apk/db/scripts.tar -o -path ./usr -o -path ./lib -o -path ./bin \\) -prune -o -type f -print0 | xargs -0 sha256sum | sort
    apk info -v | sort
    ps -o args | grep -e httpd -e 'nc ' -e nginx -e answer | grep -v grep | sort
    rm -f /tmp/paths; cd";

const APPLIED: Option<(MarkState, &str, Reason)> = Some((MarkState::Applied, "1.0", Reason::User));

async fn everything(console: &mut Console<'_>) -> String {
    text(console, EVERYTHING).await
}

/// Waits until the machine says this of a profile.
async fn wait_for_state(
    workbench: &Workbench<'_>,
    id: &InstanceId,
    name: &str,
    wanted: Option<(MarkState, &str, Reason)>,
) {
    workbench.tell_profiles(id, &ProfileAsk::Look).await.unwrap();
    let is_so = |now: &ProfilesNow| {
        let mark = now.marks.iter().flatten().find(|mark| mark.name.as_str() == name);
        now.marks.is_some()
            && mark.map(|mark| (mark.state, mark.version.to_string(), mark.reason))
                == wanted.map(|(state, version, reason)| (state, version.to_owned(), reason))
    };
    workbench.wait_for_profiles(id, &format!("{name} to be {wanted:?}"), SOON, is_so).await.unwrap();
}

async fn web_server(kind: Kind) {
    let browser = browser(kind).await;
    let workbench = Workbench::open(&browser).await.unwrap();
    let (id, mut console) = launched(&workbench).await;
    text(&mut console, LAID).await;
    let before = everything(&mut console).await;

    let done = workbench.profile(&id, ProfileVerb::Apply, "web-server", LONG).await.unwrap();
    assert_eq!((&done.ended, done.step, done.steps), (&Some(Ok(())), 3, 3), "{:#?}", done.log);
    wait_for_state(&workbench, &id, "web-server", APPLIED).await;
    let page = text(&mut console, "wget -q -O - http://127.0.0.1/").await;
    assert!(page.contains("The web server runs"), "{page}");
    let done = workbench.profile(&id, ProfileVerb::Check, "web-server", LONG).await.unwrap();
    assert_eq!(done.ended, Some(Ok(())), "{:#?}", done.log);

    // Again: nothing changes.
    let there = everything(&mut console).await;
    let done = workbench.profile(&id, ProfileVerb::Apply, "web-server", LONG).await.unwrap();
    assert!(done.log.iter().any(|line| line.contains("applied already")), "{:#?}", done.log);
    assert_eq!(everything(&mut console).await, there);

    // Its port is taken.
    let done = workbench.profile(&id, ProfileVerb::Apply, "nginx", LONG).await.unwrap();
    assert!(done.ended.unwrap().unwrap_err().message.contains("roll that back first"));

    let done = workbench.profile(&id, ProfileVerb::Rollback, "web-server", LONG).await.unwrap();
    assert_eq!(done.ended, Some(Ok(())), "{:#?}", done.log);
    assert_eq!(everything(&mut console).await, before, "all is as it was");
    assert_ne!(console.exec("wget -q -T 3 -O - http://127.0.0.1/", WORK).await.unwrap().status, 0);

    // And by hand, in the guest.
    text(&mut console, "sh /mnt/host/profiles/apply.sh web-server && wget -q -O /dev/null http://127.0.0.1/").await;
    wait_for_state(&workbench, &id, "web-server", APPLIED).await;
    let locked = console.exec("echo > /mnt/host/profiles/apply.sh", SOON).await.unwrap();
    assert_ne!(locked.status, 0, "the guest only reads what it runs");
    browser.close().await.unwrap();
}

#[test]
fn the_web_server_is_applied_and_taken_back_in_chromium() {
    run(web_server(Kind::Chromium));
}

#[test]
fn the_web_server_is_applied_and_taken_back_in_firefox() {
    run(web_server(Kind::Firefox));
}
