//! Takes in a profile out of a file, and keeps and deletes the user's own.

use bundles::{Catalog, own as store};
use profile::{Bundle, Name};
use protocol::{Problem, ProblemCode, ProfileAsk};
use wasm_bindgen_futures::spawn_local;
use web_sys::File;
use yew::Callback;

/// What the user's own profiles can be changed with.
#[derive(Clone, PartialEq)]
pub(super) struct Own {
    pub(super) catalog: Catalog,
    pub(super) ask: Callback<ProfileAsk>,
    /// Hears what went wrong, or that nothing did.
    pub(super) ended: Callback<Result<(), Problem>>,
}

impl Own {
    /// A name that the package's own profiles have would hide one of the two.
    fn allowed(&self, name: &Name) -> Result<(), Problem> {
        let taken = self
            .catalog
            .entries
            .iter()
            .flat_map(|all| all.iter())
            .any(|entry| !entry.own && entry.bundle.profile().name == *name);
        if !taken {
            return Ok(());
        }
        let message = format!("{name} is a profile of the extension itself.");
        Err(Problem { code: ProblemCode::Refused, message, advice: "Give yours another name.".to_owned() })
    }

    fn end(&self, done: Result<(), Problem>) {
        if done.is_ok() {
            self.catalog.reload.emit(());
            self.ask.emit(ProfileAsk::Lay);
        }
        self.ended.emit(done);
    }

    /// Keeps a profile; `before` is the name that it had.
    pub(super) fn keep(&self, bundle: Bundle, before: Option<Name>) {
        let own = self.clone();
        spawn_local(async move {
            let done = async {
                let name = bundle.profile().name.clone();
                own.allowed(&name)?;
                store::keep(&bundle).await?;
                match before.filter(|before| *before != name) {
                    Some(before) => store::forget(&before).await,
                    None => Ok(()),
                }
            };
            let done = done.await;
            own.end(done);
        });
    }

    /// Deletes a profile.
    pub(super) fn delete(&self, name: Name) {
        let own = self.clone();
        spawn_local(async move {
            let done = store::forget(&name).await;
            own.end(done);
        });
    }

    /// Takes in a file.
    pub(super) fn import(&self, file: File) {
        let own = self.clone();
        spawn_local(async move {
            match store::bundle(&file).await {
                Ok(bundle) => own.keep(bundle, None),
                Err(problem) => own.end(Err(problem)),
            }
        });
    }
}
