use gloo_events::EventListener;
use protocol::{ImportWhat, Problem};
use ui::{FilePicker, FormDialog, PageDrop, bytes, use_world};
use web_sys::File;
use yew::prelude::*;

/// The address that leads to this part of the page.
const HASH: &str = "#import";
/// How the file of a whole machine ends.
const MACHINE_ENDS: [&str; 2] = [".machine.tar", ".vmw"];

/// A place to import disks and machines; the whole page takes a file that is dropped.
#[component]
pub(crate) fn Import() -> Html {
    let file = use_state(|| None::<File>);
    let wanted = use_state(is_wanted);
    use_effect_with((), {
        let wanted = wanted.setter();
        move |()| {
            let listener = web_sys::window()
                .map(|window| EventListener::new(&window, "hashchange", move |_| wanted.set(is_wanted())));
            move || drop(listener)
        }
    });
    let on_file = use_callback((), {
        let file = file.setter();
        move |chosen: File, ()| file.set(Some(chosen))
    });
    let close = {
        let file = file.setter();
        Callback::from(move |()| file.set(None))
    };
    html! {
        <section class="section" aria-labelledby="import">
            <h2 id="import">{ "Import" }</h2>
            <FilePicker label="Import a disk or a machine" accept="" first={*wanted} on_file={on_file.clone()}
                hint="A qcow2 or raw disk, also through gzip or zstd, or the file of a whole machine. Drop it on this page, or press to choose one." />
            <PageDrop text="Drop a disk or a machine’s file to import it" {on_file} />
            if let Some(file) = (*file).clone() { <ImportDialog {file} {close} /> }
        </section>
    }
}

fn is_wanted() -> bool {
    web_sys::window().and_then(|window| window.location().hash().ok()).is_some_and(|hash| hash == HASH)
}

/// What a file of this name probably is.
fn guess(name: &str) -> ImportWhat {
    let name = name.to_ascii_lowercase();
    if MACHINE_ENDS.iter().any(|end| name.ends_with(end)) { ImportWhat::Machine } else { ImportWhat::Disk }
}

#[derive(Properties, PartialEq)]
struct ImportDialogProps {
    file: File,
    close: Callback<()>,
}

/// Asks what the file is, with a guess.
#[component]
fn ImportDialog(props: &ImportDialogProps) -> Html {
    let workbench = use_world();
    let name = props.file.name();
    let what = use_state(|| guess(&name));
    let busy = use_state(|| false);
    let problem = use_state(|| None::<Problem>);
    let on_confirm = {
        let (what, file, close) = ((*what).clone(), props.file.clone(), props.close.clone());
        let (busy, problem) = (busy.setter(), problem.setter());
        Callback::from(move |()| {
            busy.set(true);
            let (busy, problem, close) = (busy.clone(), problem.clone(), close.clone());
            workbench.import(what.clone(), file.clone(), move |answer| {
                busy.set(false);
                match answer {
                    Ok(_) => close.emit(()),
                    Err(failed) => problem.set(Some(failed)),
                }
            });
        })
    };
    let choice = |label: &'static str, hint: &'static str, to: ImportWhat| {
        let chosen = *what == to;
        let setter = what.setter();
        html! {
            <label class="tick">
                <input type="radio" name="import-what" aria-label={label} checked={chosen}
                    onchange={Callback::from(move |_: Event| setter.set(to.clone()))} />
                <span>{ label }<small>{ hint }</small></span>
            </label>
        }
    };
    html! {
        <FormDialog title={format!("Import {name}")} text={format!("{}. What is in it?", size_words(&props.file))} confirm="Import"
            busy={*busy} problem={(*problem).clone()} {on_confirm} on_cancel={props.close.clone()}>
            <div role="radiogroup" aria-label="What is in the file">
                { choice("A disk", "Becomes a new machine that starts from it.", ImportWhat::Disk) }
                { choice("A whole machine", "With its snapshots and settings, as Export wrote it.", ImportWhat::Machine) }
            </div>
        </FormDialog>
    }
}

fn size_words(file: &File) -> String {
    // A whole number of bytes, below 2^53.
    bytes(file.size() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_files_name_says_what_it_probably_is() {
        assert_eq!(guess("alpine-1.machine.tar"), ImportWhat::Machine);
        for name in ["a.qcow2", "debian.img.gz", "a.raw.zst", "tar", "a"] {
            assert_eq!(guess(name), ImportWhat::Disk, "{name}");
        }
    }
}
