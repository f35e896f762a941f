//! What the console does with what its terminals show: copying, pasting, searching, links, and drawing.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure fails the test")]

mod common;

use common::{BOOT, ConsolePage, SOON, Variant, browser, new_tab_besides, run};
use driver::{Browser, Kind, LaunchOptions};

/// Stands for what lies beyond the page: a clipboard that needs no permission, and a window that is only noted.
const OUTSIDE: &str = "
window.clip = '';
navigator.clipboard.writeText = async (text) => { window.clip = text; };
navigator.clipboard.readText = async () => window.clip;
window.open = (address, target, features) => { window.opened = [address, target, features]; return null; };";

/// Launches a machine and shows its console, at the prompt.
async fn console(browser: &Browser) -> ConsolePage<'_> {
    browser.open("popup/index.html").await.unwrap();
    let before = browser.tabs().await.unwrap();
    browser.click("button", "Launch").await.unwrap();
    let tab = new_tab_besides(browser, &before).await;
    browser.switch_to(&tab).await.unwrap();
    let console = ConsolePage(browser);
    console.wait_for("alpine-1:~#", BOOT).await;
    browser.eval(OUTSIDE, vec![]).await.unwrap();
    console
}

/// Clears the screen and prints this, so that it begins in the upper left corner.
async fn print(console: &ConsolePage<'_>, words: &str, shown: &str) {
    console.enter(&format!("clear; printf '{words}\\n'")).await;
    console.wait_for(shown, SOON).await;
    let top = async || {
        let script = "return document.querySelector('#panel-shell .xterm-viewport') && workbenchTest.text('shell')";
        let text = console.0.eval(script, vec![]).await?;
        Ok(text.as_str().is_some_and(|text| text.starts_with(shown) && text.contains("\nalpine-1:~#")))
    };
    console.0.wait_until("the words at the top", SOON, top).await.unwrap();
}

/// Moves the pointer over a character of the shell's terminal and clicks so often.
async fn point(browser: &Browser, column: u32, row: u32, clicks: u32) {
    let script = "const [columns, rows] = workbenchTest.size();
        const place = document.querySelector('#panel-shell .xterm-screen').getBoundingClientRect();
        return [place.left + (arguments[0] + 0.5) * place.width / columns, place.top + (arguments[1] + 0.5) * place.height / rows]";
    let place = browser.eval(script, vec![column.into(), row.into()]).await.unwrap();
    let [x, y] = [0, 1].map(|axis| place[axis].as_f64().unwrap() as i64);
    // Something is found under the pointer only when it moves.
    let moved = browser.driver().action_chain().move_to(x + 60, y + 60).move_to(x, y);
    let chain = match clicks {
        0 => moved,
        1 => moved.click(),
        _ => moved.double_click(),
    };
    chain.perform().await.unwrap();
}

async fn wait_for_script(browser: &Browser, what: &str, script: &str) {
    let holds = async || Ok(browser.eval(&format!("return !!({script})"), vec![]).await? == true);
    browser.wait_until(what, SOON, holds).await.unwrap();
}

async fn copy_and_paste(kind: Kind) {
    let browser = browser(kind).await;
    let console = console(&browser).await;
    print(&console, "grüße-42 and more", "grüße-42 and more").await;
    point(&browser, 2, 0, 2).await;
    wait_for_script(&browser, "the button for copying", "document.querySelector('[aria-label=Copy]:not(:disabled)')")
        .await;
    browser.click("button", "Copy").await.unwrap();
    wait_for_script(&browser, "the word on the clipboard", "window.clip === 'grüße-42'").await;

    browser.eval("window.clip = \"echo pas''ted\\necho sec''ond\\n\"", vec![]).await.unwrap();
    browser.click("button", "Paste").await.unwrap();
    console.wait_for("\npasted\n", SOON).await;
    console.wait_for("\nsecond\n", SOON).await;
    // Whoever pasted with the pointer goes on typing.
    console.enter("echo ty''ped").await;
    console.wait_for("\ntyped\n", SOON).await;
}

#[test]
fn a_word_is_copied_and_lines_are_pasted_in_chromium() {
    run(copy_and_paste(Kind::Chromium));
}

#[test]
fn a_word_is_copied_and_lines_are_pasted_in_firefox() {
    run(copy_and_paste(Kind::Firefox));
}

async fn found(browser: &Browser, wanted: &str) {
    let status = format!("document.querySelector('[role=search] [role=status]')?.innerText === '{wanted}'");
    wait_for_script(browser, &format!("{wanted:?} in the search"), &status).await;
}

async fn search(kind: Kind) {
    let browser = browser(kind).await;
    let console = console(&browser).await;
    print(&console, "nee''dle one\\nnee''dle two\\nnee''dle three", "needle one\nneedle two\nneedle three").await;
    browser.click("button", "Search").await.unwrap();
    browser.type_into("textbox", "Search the terminal", "needle").await.unwrap();
    let count = "return document.querySelector('[role=search] [role=status]').innerText";
    wait_for_script(
        &browser,
        "a match",
        "document.querySelector('[role=search] [role=status]').innerText.endsWith('of 3')",
    )
    .await;
    let first = browser.eval(count, vec![]).await.unwrap();
    browser.click("button", "Next match").await.unwrap();
    wait_for_script(
        &browser,
        "another match",
        &format!("document.querySelector('[role=search] [role=status]').innerText !== {first}"),
    )
    .await;
    browser.click("button", "Previous match").await.unwrap();
    found(&browser, first.as_str().unwrap()).await;
    console.type_text("x").await;
    browser.type_into("textbox", "Search the terminal", "needlework").await.unwrap();
    found(&browser, "None").await;
    browser.click("button", "Close search").await.unwrap();
    wait_for_script(&browser, "the search to be gone", "!document.querySelector('[role=search]')").await;
    console.enter("echo ty''ped").await;
    console.wait_for("\ntyped\n", SOON).await;
}

#[test]
fn a_search_counts_matches_and_steps_through_them_in_chromium() {
    run(search(Kind::Chromium));
}

#[test]
fn a_search_counts_matches_and_steps_through_them_in_firefox() {
    run(search(Kind::Firefox));
}

async fn links(kind: Kind) {
    let browser = browser(kind).await;
    let console = console(&browser).await;
    print(&console, "https://example.org/a?b=c is it", "https://example.org/a?b=c is it").await;
    point(&browser, 4, 0, 0).await;
    let target = "document.querySelector('.link-target')?.innerText === 'https://example.org/a?b=c'";
    wait_for_script(&browser, "the link's address in the corner", target).await;
    point(&browser, 4, 0, 1).await;
    wait_for_script(&browser, "the link to be opened", "window.opened?.[0] === 'https://example.org/a?b=c'").await;
    let how = browser.eval("return window.opened.slice(1).join(' ')", vec![]).await.unwrap();
    assert_eq!(how.as_str(), Some("_blank noopener,noreferrer"), "the other page must know nothing of this one");

    // A program can give words any address, but no page of the browser's own, and no script.
    browser.eval("delete window.opened; window.opened = undefined", vec![]).await.unwrap();
    print(&console, "\\033]8;;javascript:alert(1)\\033\\\\press me\\033]8;;\\033\\\\", "press me").await;
    point(&browser, 2, 0, 1).await;
    console.enter("echo af''ter").await;
    console.wait_for("\nafter\n", SOON).await;
    assert!(browser.eval("return window.opened ?? null", vec![]).await.unwrap().is_null());
}

#[test]
fn an_address_of_the_web_is_a_link_and_a_script_is_none_in_chromium() {
    run(links(Kind::Chromium));
}

#[test]
fn an_address_of_the_web_is_a_link_and_a_script_is_none_in_firefox() {
    run(links(Kind::Firefox));
}

/// The terminal's text as elements draw it.
const DRAWN: &str = "document.querySelector('#panel-shell .xterm-rows')?.innerText.includes('alpine-1')";

/// Takes software for hardware, and keeps what was given.
const HARDWARE: &str = "
const give = HTMLCanvasElement.prototype.getContext;
window.contexts = [];
HTMLCanvasElement.prototype.getContext = function (kind, options) {
  const context = give.call(this, kind, { ...options, failIfMajorPerformanceCaveat: false });
  if (kind === 'webgl2' && context) window.contexts.push(context);
  return context;
};
const ask = WebGL2RenderingContext.prototype.getParameter;
WebGL2RenderingContext.prototype.getParameter = function (name) {
  return name === 0x9246 ? 'A graphics processor' : ask.call(this, name);
};
";

#[test]
fn without_a_graphics_processor_the_terminal_is_drawn_with_elements() {
    run(async {
        let browser = browser(Kind::Chromium).await;
        console(&browser).await;
        wait_for_script(&browser, "the text in elements", DRAWN).await;
        let canvases = browser.eval("return document.querySelectorAll('#panel-shell canvas').length", vec![]).await;
        assert_eq!(canvases.unwrap().as_u64(), Some(0));
    });
}

#[test]
fn a_terminal_that_loses_webgl_is_drawn_with_elements() {
    run(async {
        let variant = Variant::of(Kind::Chromium);
        variant.append("console/start.js", HARDWARE);
        // Without it Chromium has no WebGL at all where there is no graphics processor.
        let software = vec!["enable-unsafe-swiftshader".to_owned()];
        let options = LaunchOptions { extra_args: software, ..LaunchOptions::new(Kind::Chromium, variant.path("")) };
        let browser = common::launch(options).await;
        let console = console(&browser).await;
        wait_for_script(&browser, "a canvas", "document.querySelector('#panel-shell canvas')").await;
        assert_eq!(browser.eval(&format!("return !!({DRAWN})"), vec![]).await.unwrap(), false);
        let lose = "window.contexts.forEach((context) => context.getExtension('WEBGL_lose_context')?.loseContext())";
        browser.eval(lose, vec![]).await.unwrap();
        wait_for_script(&browser, "the text in elements", DRAWN).await;
        console.enter("echo st''ill").await;
        console.wait_for("\nstill\n", SOON).await;
    });
}
