//! Templates: the page's journey, and scripts in machines that vanish.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure fails the test")]

mod common;

use common::files::downloaded;
use common::{BOOT, SOON, WORK, are_long_wanted, at_prompt, browser, run, stop, text, upload};
use driver::thirtyfour::By;
use driver::{Browser, Kind};
use e2e::{Console, Workbench};
use protocol::{
    DiskRequest, FilePath, InstanceId, PageRequest, Plan, ShareRequest, ShareWhat, State, Task, TaskEnd, TemplateId,
    World,
};
use std::fs;

fn ci() -> TemplateId {
    TemplateId::try_from("ci".to_owned()).unwrap()
}

/// What of machines and their files is in the private file system.
async fn kept(browser: &Browser) -> Vec<String> {
    let script = "
        const root = await navigator.storage.getDirectory();
        const found = [];
        for (const top of ['instances', 'layers', 'jobs', 'exports']) {
            const folder = await root.getDirectoryHandle(top, { create: true });
            for await (const name of folder.keys()) found.push(`${top}/${name}`);
        }
        return found.sort();";
    serde_json::from_value(browser.eval_async(script, vec![]).await.unwrap()).unwrap()
}

async fn wait_for_nothing_left(browser: &Browser) {
    let workbench = Workbench::here(browser);
    let gone = async || {
        let empty = |world: World| world.instances.is_empty() && world.jobs.is_empty() && world.removed.is_empty();
        Ok(workbench.world().await.is_ok_and(empty) && kept(browser).await.is_empty())
    };
    if let Err(error) = browser.wait_until("nothing to be left", WORK, gone).await {
        panic!("{error}\n{:?}", kept(browser).await);
    }
}

async fn end(workbench: &Workbench<'_>, id: &InstanceId) {
    workbench.call(&PageRequest::ForceStop(id.clone())).await.unwrap();
}

async fn run_script(workbench: &Workbench<'_>, script: &str, seconds: u32) -> (InstanceId, TaskEnd, String) {
    let id = workbench.launch_for_task(&ci()).await.unwrap();
    let mut said = vec![];
    let task = Task { script: script.to_owned(), seconds };
    let end = workbench.run_task(&id, &task, BOOT, |bytes| said.extend_from_slice(bytes)).await.unwrap();
    (id, end, String::from_utf8_lossy(&said).into_owned())
}

async fn statuses(kind: Kind) {
    let browser = browser(kind).await;
    let workbench = Workbench::open(&browser).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let given = folder.path().join("given.txt");
    fs::write(&given, "given\n").unwrap();

    // One that goes well, with a file that goes in and one that comes out.
    let id = workbench.launch_for_task(&ci()).await.unwrap();
    let input = FilePath::try_from("input".to_owned()).unwrap();
    let what = ShareWhat::MakeFolder(input);
    workbench.disks(DiskRequest::Share(ShareRequest { id: id.clone(), what })).await.unwrap();
    upload(&workbench, &id, "input", &[&given]).await;
    let script =
        "set -e\necho one; echo two >&2\nmkdir /artifacts/deep\ntr a-z A-Z < given.txt > /artifacts/deep/made.txt\n";
    let task = Task { script: script.to_owned(), seconds: 600 };
    let mut said = vec![];
    let status = workbench.run_task(&id, &task, BOOT, |bytes| said.extend_from_slice(bytes)).await.unwrap();
    assert_eq!((status, String::from_utf8_lossy(&said).as_ref()), (TaskEnd::Exit(0), "one\ntwo\n"));
    let zip = workbench.artifacts(&id, WORK).await.unwrap().unwrap();
    assert!(zip.windows(13).any(|name| name == b"deep/made.txt"));
    end(&workbench, &id).await;
    wait_for_nothing_left(&browser).await;

    // One that fails, by its own interpreter.
    let (id, status, said) = run_script(&workbench, "#!/bin/sh -e\necho no\nfalse\necho never\n", 600).await;
    assert_eq!((status, said.as_str()), (TaskEnd::Exit(1), "no\n"));
    assert_eq!(workbench.artifacts(&id, WORK).await.unwrap(), None);
    end(&workbench, &id).await;

    // One that takes too long.
    let (id, status, said) = run_script(&workbench, "sleep 10000; echo never", 2).await;
    assert_eq!((status, said.as_str()), (TaskEnd::TimedOut, ""));
    end(&workbench, &id).await;
    wait_for_nothing_left(&browser).await;
}

#[test]
fn a_script_s_status_and_artifacts_come_out_and_nothing_is_left_in_chromium() {
    run(statuses(Kind::Chromium));
}

#[test]
fn a_script_s_status_and_artifacts_come_out_and_nothing_is_left_in_firefox() {
    if are_long_wanted() {
        run(statuses(Kind::Firefox));
    }
}

/// A machine goes while tidying up goes on that still knows it, and its directory can't be removed just then.
async fn gone_meanwhile(kind: Kind) {
    let browser = browser(kind).await;
    let workbench = Workbench::open(&browser).await.unwrap();
    let mut ids = vec![];
    for _ in 0..2 {
        let id = workbench.launch_for_task(&ci()).await.unwrap();
        workbench.wait_for_state(&id, &[State::Running], BOOT).await.unwrap();
        ids.push(id);
    }
    let is_known = async |id: &InstanceId| {
        let world = workbench.world().await;
        world.is_ok_and(|world| world.instances.iter().any(|instance| instance.id == *id))
    };

    end(&workbench, &ids[0]).await;
    browser.wait_until("the first to go", WORK, async || Ok(!is_known(&ids[0]).await)).await.unwrap();
    let hold = "
        window.held = {};
        await new Promise((taken) => navigator.locks.request('disks', () => new Promise((release) => {
            window.held.lock = release;
            taken();
        })));
        const root = await navigator.storage.getDirectory();
        const own = await (await root.getDirectoryHandle('instances')).getDirectoryHandle(arguments[0]);
        const file = await own.getFileHandle('held', { create: true });
        window.held.file = await file.createWritable();
        await window.held.file.write('held');";
    browser.eval_async(hold, vec![ids[1].as_str().into()]).await.unwrap();
    let waiting = "return (await navigator.locks.query()).pending.some((lock) => lock.name === 'disks')";
    let waits = async || Ok(browser.eval_async(waiting, vec![]).await? == true);
    browser.wait_until("tidying up to wait for the disks", WORK, waits).await.unwrap();

    end(&workbench, &ids[1]).await;
    browser.wait_until("the second to go", WORK, async || Ok(!is_known(&ids[1]).await)).await.unwrap();
    let listed = "
        const root = await navigator.storage.getDirectory();
        const own = await (await root.getDirectoryHandle('instances')).getDirectoryHandle(arguments[0]);
        return !(await Array.fromAsync(own.keys())).some((name) => name.startsWith('disks.'));";
    let without = async || Ok(browser.eval_async(listed, vec![ids[1].as_str().into()]).await? == true);
    browser.wait_until("its record to be removed", WORK, without).await.unwrap();
    browser.eval_async("await window.held.file.close(); window.held.lock();", vec![]).await.unwrap();
    wait_for_nothing_left(&browser).await;
}

#[test]
fn a_machine_that_goes_while_things_are_tidied_up_leaves_nothing_in_chromium() {
    run(gone_meanwhile(Kind::Chromium));
}

#[test]
fn a_machine_that_goes_while_things_are_tidied_up_leaves_nothing_in_firefox() {
    run(gone_meanwhile(Kind::Firefox));
}

/// Waits for the page to show this.
async fn shows(browser: &Browser, wanted: &str) {
    let there = async || {
        let text = browser.eval("return document.body.innerText", vec![]).await?;
        Ok(text.as_str().is_some_and(|text| text.contains(wanted)))
    };
    browser.wait_until(&format!("the page to show {wanted:?}"), BOOT, there).await.unwrap();
}

async fn fill(browser: &Browser, id: &str, text: &str) {
    let script = "
        const field = document.getElementById(arguments[0]);
        field.value = arguments[1];
        field.dispatchEvent(new InputEvent('input', { bubbles: true }));";
    let there = async || Ok(browser.driver().find(By::Id(id)).await.is_ok());
    browser.wait_until(&format!("the field {id}"), SOON, there).await.unwrap();
    browser.eval(script, vec![id.into(), text.into()]).await.unwrap();
}

async fn more(browser: &Browser, template: &str, item: &str) {
    browser.click("button", &format!("More for {template}")).await.unwrap();
    browser.click("menuitem", &format!("{item} {template}")).await.unwrap();
}

async fn page(kind: Kind) {
    let browser = browser(kind).await;
    browser.open("templates/index.html").await.unwrap();
    let workbench = Workbench::here(&browser);

    // From scratch, changed, and out as a file.
    browser.click("button", "New template").await.unwrap();
    fill(&browser, "title", "Mine").await;
    fill(&browser, "cmdline", "root=/dev/sdb").await;
    shows(&browser, "“root=/dev/sdb”").await;
    fill(&browser, "cmdline", "workbench=1").await;
    fill(&browser, "script", "echo made > /root/made").await;
    fill(&browser, "workspace", "0.5").await;
    for tick in ["sqlite", "web-server", "sqlite"] {
        browser.click("checkbox", tick).await.unwrap();
    }
    shows(&browser, "At a machine’s first start web-server is put in.").await;
    browser.click("button", "Save").await.unwrap();
    shows(&browser, "512 MiB workspace").await;
    more(&browser, "Mine", "Make default").await;
    let default =
        async || Ok(workbench.world().await.is_ok_and(|world| world.settings.template.as_str().starts_with("own-")));
    browser.wait_until("it to be the default", SOON, default).await.unwrap();
    more(&browser, "Mine", "Export").await;
    let world = workbench.world().await.unwrap();
    let mine = world.templates.iter().find(|template| template.plan.title == "Mine").unwrap().clone();
    let file = downloaded(&browser, "mine.template.json", mine.plan.to_file().len() as u64).await;
    assert_eq!(String::from_utf8(file).unwrap(), mine.plan.to_file());

    // Gone, and back.
    more(&browser, "Mine", "Delete").await;
    browser.click("button", "Bring back Mine").await.unwrap();
    shows(&browser, "512 MiB workspace").await;

    // In again, and what is no template is not.
    let folder = tempfile::tempdir().unwrap();
    let exported = folder.path().join("mine.template.json");
    fs::write(&exported, mine.plan.to_file()).unwrap();
    let hostile = folder.path().join("hostile.template.json");
    fs::write(&hostile, mine.plan.to_file().replace("alpine", "../alpine")).unwrap();
    let picker = browser.driver().find(By::Css("[aria-label='Import a template']")).await.unwrap();
    picker.send_keys(hostile.to_str().unwrap()).await.unwrap();
    shows(&browser, "was not imported").await;
    picker.send_keys(exported.to_str().unwrap()).await.unwrap();
    shows(&browser, "Mine 2").await;

    // A machine of it is as it says.
    browser.click("button", "Launch Mine").await.unwrap();
    let launched =
        async || Ok(workbench.world().await.ok().and_then(|world| world.instances.first().map(|one| one.id.clone())));
    let id = browser.wait_for("its machine", SOON, launched).await.unwrap();
    let mut console = at_prompt(&workbench, &id).await;
    let made = "until [ -e /root/made ]; do sleep 0.2; done; cat /root/made; grep -o workbench=1 /proc/cmdline; df -m /workspace | tail -1 | tr -s ' ' | cut -d' ' -f2,6";
    let said = text(&mut console, made).await;
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines[..2], ["made", "workbench=1"], "{said}");
    assert!(lines[2].ends_with("/workspace"), "{said}");
    let done = async || Ok(workbench.instance(&id).await.is_ok_and(|one| one.setup.is_none()));
    browser.wait_until("the machine to be set up", BOOT, done).await.unwrap();
    let served = text(&mut console, "wget -q -O - http://127.0.0.1/").await;
    assert!(served.contains("The web server runs"), "{served}");
}

#[test]
fn a_template_is_made_and_exported_and_its_machine_is_as_it_says_in_chromium() {
    run(page(Kind::Chromium));
}

#[test]
fn a_template_is_made_and_exported_and_its_machine_is_as_it_says_in_firefox() {
    run(page(Kind::Firefox));
}

/// What the layers take up, in bytes.
async fn layer_bytes(browser: &Browser) -> u64 {
    let script = "const root = await navigator.storage.getDirectory();
        const folder = await root.getDirectoryHandle('layers');
        let bytes = 0;
        for await (const file of folder.values()) bytes += (await file.getFile()).size;
        return bytes";
    browser.eval_async(script, vec![]).await.unwrap().as_u64().unwrap()
}

/// Launches the only machine of a template, on the templates page.
async fn launch_of<'a>(workbench: &Workbench<'a>, browser: &Browser, title: &str) -> (InstanceId, Console<'a>) {
    browser.click("button", &format!("Launch {title}")).await.unwrap();
    let name = format!("{}-1", title.to_lowercase());
    let made = async || {
        let world = workbench.world().await.ok();
        Ok(world.and_then(|world| world.instances.iter().find(|one| one.name == name).map(|one| one.id.clone())))
    };
    let id = browser.wait_for(&format!("the machine {name}"), SOON, made).await.unwrap();
    let console = at_prompt(workbench, &id).await;
    (id, console)
}

async fn saved(kind: Kind) {
    let browser = browser(kind).await;
    let workbench = Workbench::open(&browser).await.unwrap();
    let base = workbench.world().await.unwrap().images[0].id.clone();
    let plan = Plan {
        memory: 128.try_into().ok(),
        cmdline: "workbench-test=1".to_owned(),
        workspace: Some(256 << 20),
        ..Plan::plain("First", "", base)
    };
    workbench.call(&PageRequest::SaveTemplate { id: None, plan: Box::new(plan), like: None }).await.unwrap();
    browser.open("templates/index.html").await.unwrap();
    let (first, mut console) = launch_of(&workbench, &browser, "First").await;
    let write = "until grep -q ' /workspace ' /proc/mounts; do sleep 0.2; done
        echo kept > /root/kept; echo project > /workspace/project; sync";
    text(&mut console, write).await;
    stop(&workbench, &first).await;

    // Saved by the machine's menu; nothing is copied.
    let before = layer_bytes(&browser).await;
    browser.open("popup/index.html").await.unwrap();
    for (title, files) in [("Saved", false), ("Full", true)] {
        browser.click("button", "More for first-1").await.unwrap();
        browser.click("menuitem", "Save as template… first-1").await.unwrap();
        fill(&browser, "template-title", "First").await;
        shows(&browser, "There is another template called “First”.").await;
        fill(&browser, "template-title", title).await;
        browser.by_role("checkbox", "With the files of its workspace").await.unwrap();
        if files {
            browser.click("checkbox", "With the files of its workspace").await.unwrap();
        }
        browser.click("button", "Save").await.unwrap();
        shows(&browser, &format!("first-1 is saved as the template “{title}”.")).await;
    }
    let grown = layer_bytes(&browser).await - before;
    assert!(grown < 4 << 20, "{grown} bytes");

    // The machine may go: what the template's machines begin with stays.
    workbench.call(&PageRequest::Delete(first.clone())).await.unwrap();
    browser.open("templates/index.html").await.unwrap();
    shows(&browser, "Disk of first-1").await;
    shows(&browser, "256 MiB workspace with files").await;
    for (title, project) in [("Saved", "none"), ("Full", "project")] {
        let (made, mut console) = launch_of(&workbench, &browser, title).await;
        let said = "until grep -q ' /workspace ' /proc/mounts; do sleep 0.2; done
            cat /root/kept; cat /workspace/project 2> /dev/null || echo none
            hostname; grep -o workbench-test=1 /proc/cmdline; echo mine > /root/kept; sync";
        let name = format!("{}-1", title.to_lowercase());
        assert_eq!(text(&mut console, said).await, format!("kept\n{project}\n{name}\nworkbench-test=1\n"), "{title}");
        assert_eq!(workbench.instance(&made).await.unwrap().memory.mib(), 128);
        workbench.call(&PageRequest::ForceStop(made.clone())).await.unwrap();
        workbench.wait_for_state(&made, &[State::Stopped], SOON).await.unwrap();
        workbench.call(&PageRequest::Delete(made)).await.unwrap();
    }
    // What one machine has written is not in the next; a twin has the same disk, and no file brings it.
    more(&browser, "Full", "Duplicate").await;
    fill(&browser, "title", "Twin").await;
    browser.click("button", "Save").await.unwrap();
    shows(&browser, "Twin").await;
    let (_, mut console) = launch_of(&workbench, &browser, "Twin").await;
    assert_eq!(text(&mut console, "cat /root/kept").await, "kept\n");
    browser.click("button", "More for Twin").await.unwrap();
    let items = browser.names("menuitem").await.unwrap();
    assert!(items.contains(&"Edit Twin".to_owned()) && !items.contains(&"Export Twin".to_owned()), "{items:?}");
    let tables =
        "SELECT count(*) FROM templates JOIN disks ON templates.disk = disks.machine WHERE saved_from = 'first-1'";
    assert_eq!(workbench.rows(tables).await.unwrap(), [["5"]], "one and two and two disks");
}

#[test]
fn a_machine_is_saved_as_a_template_and_its_machines_begin_with_its_disks_in_chromium() {
    run(saved(Kind::Chromium));
}

#[test]
fn a_machine_is_saved_as_a_template_and_its_machines_begin_with_its_disks_in_firefox() {
    if are_long_wanted() {
        run(saved(Kind::Firefox));
    }
}

async fn runner(kind: Kind) {
    let browser = browser(kind).await;
    browser.open("templates/index.html").await.unwrap();
    browser.click("button", "Run a script in CI runner").await.unwrap();
    fill(&browser, "task", "echo hello from $(hostname)\necho kept > /artifacts/out.txt\nexit 3\n").await;
    browser.click("button", "Run the script").await.unwrap();
    shows(&browser, "Exit status 3").await;
    shows(&browser, "hello from ci-1").await;
    let names = browser.names("button").await.unwrap();
    let save = names.iter().find(|name| name.starts_with("Save artifacts")).unwrap();
    browser.click("button", save).await.unwrap();
    let world = Workbench::here(&browser).world().await.unwrap();
    let job = world.jobs.first().and_then(|job| match &job.stage {
        protocol::JobStage::Done(outcome) => outcome.file.clone(),
        _ => None,
    });
    let zip = downloaded(&browser, "artifacts.zip", job.unwrap().bytes).await;
    assert!(zip.windows(7).any(|name| name == b"out.txt"));
    browser.click("button", "Run another").await.unwrap();
    wait_for_nothing_left(&browser).await;

    // Canceled while it runs.
    fill(&browser, "task", "echo waiting; sleep 10000").await;
    browser.click("button", "Run the script").await.unwrap();
    shows(&browser, "waiting").await;
    browser.click("button", "Cancel the script").await.unwrap();
    shows(&browser, "It was canceled.").await;
    wait_for_nothing_left(&browser).await;
}

#[test]
fn the_page_runs_a_script_saves_what_it_made_and_cancels_one_in_chromium() {
    run(runner(Kind::Chromium));
}

#[test]
fn the_page_runs_a_script_saves_what_it_made_and_cancels_one_in_firefox() {
    if are_long_wanted() {
        run(runner(Kind::Firefox));
    }
}
