//! Profiles in a real guest: applied, checked and rolled back by the host.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure fails the test")]

mod common;

use apkrepo::Package;
use common::packages::{LAID, lay_packages};
use common::{
    BOOT, SOON, WORK, are_long_wanted, at_prompt, browser, browser_with, launched, run, started, text, upload,
};
use driver::thirtyfour::By;
use driver::{Browser, Kind};
use e2e::{Console, Workbench};
use profile::{Bundle, MarkState, Reason};
use protocol::{InstanceId, ProfileAsk, ProfileVerb, ProfilesNow, State};
use serde_json::json;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// Applying what needs packages, on a busy machine.
const LONG: Duration = Duration::from_secs(900);

/// All files with their checksums, modes and owners, the packages and the programs that run, but for what the runner keeps for itself and what the system
/// writes by the way.
const EVERYTHING: &str = "cd /
    find . -xdev \\( -path ./proc -o -path ./sys -o -path ./dev -o -path ./run -o -path ./tmp -o -path ./mnt/host -o -path ./root/.ash_history \
        -o -path ./var/lib/workbench -o -path ./var/log/workbench -o -path ./lib/apk/db/scripts.tar \\) -prune -o -print0 | xargs -0 stat -c '%N %a %u:%g' | sort
    find . -xdev \\( -path ./proc -o -path ./sys -o -path ./dev -o -path ./run -o -path ./tmp -o -path ./mnt/host -o -path ./root/.ash_history \
        -o -path ./var/lib/workbench -o -path ./var/log/workbench -o -path ./lib/apk/db/scripts.tar -o -path ./usr -o -path ./lib -o -path ./bin \\) -prune -o -type f -print0 | xargs -0 sha256sum | sort
    apk info -v | sort
    ps -o args | grep -e httpd -e 'nc ' -e nginx -e answer | grep -v grep | sort
    cd";

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

fn tool(name: &str) -> Package {
    Package::new(name, "1.0-r0").file(&format!("usr/bin/{name}"), format!("#!/bin/sh\necho {name}\n"), 0o755)
}

/// Keeps a profile of the user's as the panel does, and has the machine lay it.
async fn keep(workbench: &Workbench<'_>, id: &InstanceId, console: &mut Console<'_>, bundle: &Bundle) {
    let script = "
        const [name, bytes] = arguments;
        const root = await navigator.storage.getDirectory();
        const folder = await root.getDirectoryHandle('profiles', { create: true });
        const file = await (await folder.getFileHandle(`${name}.tar`, { create: true })).createWritable();
        await file.write(new Uint8Array(bytes));
        await file.close();
        return true;";
    let name = bundle.profile().name.as_str();
    workbench.browser().eval_async(script, vec![json!(name), json!(bundle.to_tar().unwrap())]).await.unwrap();
    workbench.tell_profiles(id, &ProfileAsk::Lay).await.unwrap();
    let laid = format!(
        "until grep -qx 'version {}' /mnt/host/profiles/{name}/plan; do sleep 0.2; done",
        bundle.profile().version
    );
    text(console, &laid).await;
}

fn bundle(name: &str, version: &str, more: &str, apply: &str) -> Bundle {
    let toml = format!("name = {name:?}\nversion = {version:?}\ndescription = 'A test.'\nsize-mib = 1\n{more}\n");
    let files = [
        ("profile.toml", &toml[..]),
        ("apply.sh", apply),
        ("rollback.sh", ":\n"),
        ("check.sh", ":\n"),
        ("page", version),
    ];
    Bundle::new(files.into_iter().map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec())).collect()).unwrap()
}

async fn packages(kind: Kind) {
    let browser = browser(kind).await;
    let workbench = Workbench::open(&browser).await.unwrap();
    let (id, mut console) = launched(&workbench).await;
    text(&mut console, LAID).await;
    text(&mut console, "mkdir /opt; : > /etc/apk/repositories").await;
    // Three of them fit where five MiB are free, and a part of the fourth.
    let noise = |seed: u32| (0..1_500_000_u32).map(move |n| ((n ^ seed).wrapping_mul(2_654_435_761) >> 11) as u8);
    let heavy = (0..4).fold(tool("heavy"), |package, part| {
        package.file(&format!("usr/share/heavy/{part}"), noise(part).collect::<Vec<_>>(), 0o644)
    });
    let packages = [tool("base"), tool("left").depends("base"), tool("right").depends("base"), heavy];
    lay_packages(&workbench, &id, &mut console, &packages).await;
    let needs = |package: &str| format!("packages = {{ alpine = [{package:?}] }}");
    keep(&workbench, &id, &mut console, &bundle("one", "1.0", &needs("left"), "put page /opt/one\n")).await;
    let two = format!("depends = ['one']\n{}", needs("right"));
    keep(&workbench, &id, &mut console, &bundle("two", "1.0", &two, "put page /opt/two\n")).await;
    keep(&workbench, &id, &mut console, &bundle("heavy", "1.0", &needs("heavy"), ":\n")).await;
    keep(&workbench, &id, &mut console, &bundle("lacks", "1.0", &needs("nowhere"), ":\n")).await;
    keep(
        &workbench,
        &id,
        &mut console,
        &bundle("fails", "1.0", &two, "put page /opt/two; put page /etc/motd; false\n"),
    )
    .await;
    let before = everything(&mut console).await;
    let act = async |verb, name: &str| workbench.profile(&id, verb, name, LONG).await.unwrap();

    // What can't be: nothing is left of it, and the log says why.
    let done = act(ProfileVerb::Apply, "lacks").await;
    assert!(done.ended.as_ref().unwrap().is_err());
    assert!(done.log.iter().any(|line| line.contains("nowhere (no such package)")), "{:#?}", done.log);
    wait_for_state(&workbench, &id, "lacks", Some((MarkState::Failed, "1.0", Reason::User))).await;
    let done = act(ProfileVerb::Apply, "fails").await;
    assert!(done.ended.as_ref().unwrap().is_err());
    assert_eq!(everything(&mut console).await, before, "{:#?}", done.log);

    // What another needs comes along, and goes with it; packages are counted.
    let done = act(ProfileVerb::Apply, "two").await;
    assert_eq!(done.ended, Some(Ok(())), "{:#?}", done.log);
    wait_for_state(&workbench, &id, "one", Some((MarkState::Applied, "1.0", Reason::Dependency))).await;
    assert_eq!(text(&mut console, "left; right; base; cat /opt/one").await, "left\nright\nbase\n1.0");
    assert!(act(ProfileVerb::Rollback, "one").await.ended.unwrap().unwrap_err().message.contains("others need it"));

    // A newer version.
    keep(&workbench, &id, &mut console, &bundle("two", "1.1", &two, "put page /opt/two\n")).await;
    let done = act(ProfileVerb::Apply, "two").await;
    assert_eq!(done.ended, Some(Ok(())), "{:#?}", done.log);
    wait_for_state(&workbench, &id, "two", Some((MarkState::Applied, "1.1", Reason::User))).await;
    assert_eq!(text(&mut console, "cat /opt/two").await, "1.1");
    assert_eq!(act(ProfileVerb::Rollback, "two").await.ended, Some(Ok(())));
    assert_eq!(everything(&mut console).await, before);

    // The disk fills up in the midst of it.
    let fill = "set -- $(stat -f -c '%a %S' /) && fallocate -l $(($1 * $2 - 5242880)) /var/lib/workbench/fill && sync";
    text(&mut console, fill).await;
    let done = act(ProfileVerb::Apply, "heavy").await;
    assert!(done.ended.as_ref().unwrap().is_err(), "{:#?}", done.log);
    assert!(done.log.iter().any(|line| line.contains("No space left on device")), "{:#?}", done.log);
    assert_eq!(everything(&mut console).await, before, "{:#?}", done.log);
    let log = text(&mut console, "cat /var/log/workbench/heavy.log; rm /var/lib/workbench/fill").await;
    assert!(log.contains("No space left on device") && log.contains("as it was before"), "{log}");
    assert_eq!(act(ProfileVerb::Apply, "heavy").await.ended, Some(Ok(())));
    assert_eq!(act(ProfileVerb::Rollback, "heavy").await.ended, Some(Ok(())));
    assert_eq!(everything(&mut console).await, before);

    // What somebody has changed after it was signed.
    let spoil = "cd /mnt/host/cache/alpine/x86 && size=$(stat -c %s left-1.0-r0.apk) && printf X | dd of=left-1.0-r0.apk bs=1 seek=$((size - 40)) conv=notrunc 2> /dev/null";
    text(&mut console, spoil).await;
    let done = act(ProfileVerb::Apply, "one").await;
    assert!(
        done.ended.as_ref().unwrap().is_err() && done.log.iter().any(|line| line.contains("ERROR: left")),
        "{:#?}",
        done.log
    );
    assert_eq!(everything(&mut console).await, before, "{:#?}", done.log);
    browser.close().await.unwrap();
}

/// A run that a killed browser has cut short is put right by the next one.
async fn killed(kind: Kind) {
    let profile = tempfile::tempdir().unwrap();
    let browser = browser_with(kind, profile.path()).await;
    let workbench = Workbench::open(&browser).await.unwrap();
    let (id, mut console) = launched(&workbench).await;
    text(&mut console, LAID).await;
    text(&mut console, "mkdir /opt").await;
    keep(
        &workbench,
        &id,
        &mut console,
        &bundle("slow", "1.0", "", "put page /etc/motd; put page /opt/slow; sleep 1000\n"),
    )
    .await;
    let before = everything(&mut console).await;
    let name = profile::Name::try_from("slow").unwrap();
    workbench.tell_profiles(&id, &ProfileAsk::Run { verb: ProfileVerb::Apply, name }).await.unwrap();
    text(&mut console, "until [ -e /opt/slow ]; do sleep 0.2; done; sync").await;
    browser.kill();

    let browser = browser_with(kind, profile.path()).await;
    let workbench = Workbench::open(&browser).await.unwrap();
    workbench.wait_for_state(&id, &[State::Stopped], BOOT).await.unwrap();
    let mut console = started(&workbench, &id).await;
    text(&mut console, LAID).await;
    assert_eq!(text(&mut console, "cat /opt/slow").await, "1.0", "it was cut short");
    let done = workbench.profile(&id, ProfileVerb::Apply, "web-server", LONG).await.unwrap();
    assert!(done.log.iter().any(|line| line.contains("cut short")), "{:#?}", done.log);
    assert_eq!(done.ended, Some(Ok(())), "{:#?}", done.log);
    assert_eq!(workbench.profile(&id, ProfileVerb::Rollback, "web-server", LONG).await.unwrap().ended, Some(Ok(())));
    assert_eq!(everything(&mut console).await, before);
    browser.close().await.unwrap();
}

/// Node.js itself: Debian's for the guests' processor, as an Alpine package of the name that the profile asks for.
async fn nodejs(kind: Kind) {
    let work = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/guest/nodejs");
    fs::create_dir_all(&work).unwrap();
    let tree = match guest_build::unpacked("nodejs", &work.canonicalize().unwrap()) {
        Ok(tree) => tree,
        Err(error) => return eprintln!("skipped: Debian’s Node.js can’t be had: {error}"),
    };
    let node = Package::new("nodejs", "20.0.0-r0").folder(&tree).unwrap();
    let unread = [
        "usr/share/doc/",
        "usr/share/man/",
        "usr/share/bug/",
        "usr/share/lintian/",
        "usr/lib/i386-linux-gnu/gconv/",
        "etc/",
        "var/",
    ];
    let node = node.without(&unread).link("lib/ld-linux.so.2", "/usr/lib/ld-linux.so.2");
    let npm = Package::new("npm", "9.0.0-r0").depends("nodejs").file("usr/bin/npm", "#!/bin/sh\necho 9.0.0\n", 0o755);

    let browser = browser(kind).await;
    let workbench = Workbench::open(&browser).await.unwrap();
    let (id, mut console) = launched(&workbench).await;
    text(&mut console, LAID).await;
    text(&mut console, ": > /etc/apk/repositories").await;
    lay_packages(&workbench, &id, &mut console, &[node, npm]).await;
    let before = everything(&mut console).await;
    let done = workbench.profile(&id, ProfileVerb::Apply, "nodejs-22", LONG).await.unwrap();
    assert_eq!(done.ended, Some(Ok(())), "{:#?}", done.log);
    let version = console.exec("node -e 'console.log(process.version)'", LONG).await.unwrap().text();
    eprintln!("Node.js says {version}");
    assert!(version.starts_with('v') && version.contains('.'), "{version}");
    let serve = "cd /tmp; echo \"require('http').createServer((q, a) => a.end('hello ' + q.url)).listen(3000)\" > s.js
        node s.js > /dev/null 2>&1 & server=$!
        for try in $(seq 200); do wget -q -O - http://127.0.0.1:3000/you 2> /dev/null && break; sleep 1; done; kill $server; rm /tmp/s.js";
    assert_eq!(console.exec(serve, LONG).await.unwrap().text(), "hello /you");
    let done = workbench.profile(&id, ProfileVerb::Rollback, "nodejs-22", LONG).await.unwrap();
    assert_eq!(done.ended, Some(Ok(())), "{:#?}", done.log);
    assert_eq!(everything(&mut console).await, before);
    browser.close().await.unwrap();
}

/// What the panel says of a profile.
async fn shown(browser: &Browser, name: &str) -> driver::Result<String> {
    let script =
        "return document.querySelector(`.profile[aria-label='${arguments[0]}'] .profile-state`)?.textContent ?? ''";
    Ok(browser.eval(script, vec![json!(name)]).await?.as_str().unwrap_or_default().to_owned())
}

async fn wait_for_shown(browser: &Browser, name: &str, wanted: &str) {
    let is_so = async || Ok(shown(browser, name).await? == wanted);
    if let Err(error) = browser.wait_until(&format!("{name} to be “{wanted}”"), LONG, is_so).await {
        panic!("{error}\nIt is {:?}", shown(browser, name).await);
    }
}

async fn panel(kind: Kind) {
    let browser = browser(kind).await;
    let id = Workbench::open(&browser).await.unwrap().launch().await.unwrap();
    browser.open(&format!("console/index.html?id={id}")).await.unwrap();
    browser.click("button", "Profiles").await.unwrap();
    browser.by_role("complementary", "Profiles").await.unwrap();
    wait_for_shown(&browser, "web-server", "Not applied").await;

    // In and out, with a snapshot before.
    browser.click("checkbox", "Take a snapshot first").await.unwrap();
    browser.click("button", "Apply web-server").await.unwrap();
    wait_for_shown(&browser, "web-server", "Applied 1.0").await;
    let workbench = Workbench::here(&browser);
    let disks = workbench.show_disks(&id).await.unwrap();
    assert!(disks.snapshots.iter().any(|snapshot| snapshot.name == "Before web-server"), "{disks:?}");
    browser.click("button", "Apply nginx").await.unwrap();
    browser.by_role("alert", "").await.unwrap();
    browser.click("button", "Check web-server").await.unwrap();
    let checked = async || Ok(browser.names("button").await?.iter().any(|name| name == "Dismiss Check web-server"));
    browser.wait_until("the check to end", LONG, checked).await.unwrap();
    browser.click("button", "Dismiss Check web-server").await.unwrap();
    browser.click("button", "Roll back web-server").await.unwrap();
    browser.click("button", "Roll back").await.unwrap();
    wait_for_shown(&browser, "web-server", "Not applied").await;

    // One of the user's own.
    browser.click("button", "New profile…").await.unwrap();
    browser.by_role("dialog", "New profile").await.unwrap();
    let toml = |version: &str| format!("name = 'mine'\nversion = '{version}'\ndescription = 'Mine.'\nsize-mib = 1\n");
    browser.type_into("textbox", "Content of profile.toml", "name = 'no name'").await.unwrap();
    assert!(!browser.by_role("button", "Save").await.unwrap().is_enabled().await.unwrap());
    browser.type_into("textbox", "Content of profile.toml", &toml("1.0")).await.unwrap();
    browser.click("button", "Save").await.unwrap();
    wait_for_shown(&browser, "mine", "Not applied").await;
    // Somebody has brought a key for packages.
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("me@example.org-1.rsa.pub");
    fs::write(&key, "-----BEGIN PUBLIC KEY-----\n").unwrap();
    upload(&workbench, &id, "", &[&key]).await;
    browser.open(&format!("console/index.html?id={id}")).await.unwrap();
    browser.click("button", "Profiles").await.unwrap();
    browser.click("button", "Trust me@example.org-1.rsa.pub…").await.unwrap();
    browser.by_role("dialog", "Trust me@example.org-1.rsa.pub?").await.unwrap();
    browser.click("button", "Trust key").await.unwrap();
    let trusted = async || Ok(!browser.names("button").await?.contains(&"Trust me@example.org-1.rsa.pub…".to_owned()));
    browser.wait_until("no key to wait", SOON, trusted).await.unwrap();
    let mut console = at_prompt(&workbench, &id).await;
    assert_eq!(text(&mut console, "cat /etc/apk/keys/me*").await, "-----BEGIN PUBLIC KEY-----\n");
    browser.click("button", "Apply mine").await.unwrap();
    wait_for_shown(&browser, "mine", "Applied 1.0").await;
    browser.click("button", "More for mine").await.unwrap();
    browser.click("menuitem", "Export mine").await.unwrap();
    let saved = browser.downloads().join("mine-1.0.zip");
    let whole = async || Ok(fs::read(&saved).is_ok_and(|bytes| Bundle::from_archive(&bytes).is_ok()));
    browser.wait_until("the exported profile", SOON, whole).await.unwrap();
    browser.click("button", "More for mine").await.unwrap();
    browser.click("menuitem", "Edit… mine").await.unwrap();
    browser.type_into("textbox", "Content of profile.toml", &toml("1.1")).await.unwrap();
    browser.click("button", "Save").await.unwrap();
    wait_for_shown(&browser, "mine", "Applied 1.0, the catalog has 1.1").await;
    browser.click("button", "Upgrade mine").await.unwrap();
    wait_for_shown(&browser, "mine", "Applied 1.1").await;
    browser.click("button", "More for mine").await.unwrap();
    browser.click("menuitem", "Delete… mine").await.unwrap();
    browser.click("button", "Delete").await.unwrap();
    let gone = async || Ok(!browser.names("listitem").await?.contains(&"mine".to_owned()));
    browser.wait_until("the profile to be gone", SOON, gone).await.unwrap();
    let picker = browser.driver().find(By::Css(".profiles-own input[type=file]")).await.unwrap();
    picker.send_keys(saved.to_str().unwrap()).await.unwrap();
    wait_for_shown(&browser, "mine", "Applied 1.1, the catalog has only 1.0").await;
    browser.close().await.unwrap();
}

#[test]
fn the_web_server_is_applied_and_taken_back_in_chromium() {
    run(web_server(Kind::Chromium));
}

#[test]
fn the_web_server_is_applied_and_taken_back_in_firefox() {
    if are_long_wanted() {
        run(web_server(Kind::Firefox));
    }
}

#[test]
fn packages_come_from_a_signed_repository_and_are_counted_in_chromium() {
    if are_long_wanted() {
        run(packages(Kind::Chromium));
    }
}

#[test]
fn packages_come_from_a_signed_repository_and_are_counted_in_firefox() {
    if are_long_wanted() {
        run(packages(Kind::Firefox));
    }
}

#[test]
fn a_killed_browser_leaves_what_the_next_run_puts_right_in_chromium() {
    run(killed(Kind::Chromium));
}

#[test]
fn a_killed_browser_leaves_what_the_next_run_puts_right_in_firefox() {
    if are_long_wanted() {
        run(killed(Kind::Firefox));
    }
}

#[test]
fn nodejs_answers_in_chromium() {
    if are_long_wanted() {
        run(nodejs(Kind::Chromium));
    }
}

#[test]
fn nodejs_answers_in_firefox() {
    if are_long_wanted() {
        run(nodejs(Kind::Firefox));
    }
}

#[test]
fn the_panel_applies_profiles_and_keeps_the_users_own_in_chromium() {
    run(panel(Kind::Chromium));
}

#[test]
fn the_panel_applies_profiles_and_keeps_the_users_own_in_firefox() {
    run(panel(Kind::Firefox));
}
