//! What can be applied: the packaged profiles and the user's own.

use crate::{Entry, own};
use js_sys::{ArrayBuffer, Uint8Array};
use profile::{Bundle, Profile, from_catalog};
use protocol::{Problem, ProblemCode};
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::Response;
use yew::prelude::*;

/// Where the package has them, from any page.
const PACKAGED: &str = "../profiles/catalog.tar";

/// All that is known of what can be applied.
#[derive(Clone, PartialEq, Default)]
struct Known {
    entries: Option<Rc<Vec<Entry>>>,
    problem: Option<Problem>,
}

/// What can be applied, and a way to look again.
#[derive(Clone, PartialEq)]
pub struct Catalog {
    /// The packaged profiles, then the user's own; none until they have been read.
    pub entries: Option<Rc<Vec<Entry>>>,
    /// What can't be read.
    pub problem: Option<Problem>,
    /// Looks again.
    pub reload: Callback<()>,
}

impl Catalog {
    /// What they all say of themselves.
    pub fn profiles(&self) -> Vec<Profile> {
        self.entries.iter().flat_map(|all| all.iter()).map(|entry| entry.bundle.profile().clone()).collect()
    }
}

async fn packaged() -> Result<Vec<Bundle>, Problem> {
    let failed =
        |why: &str| Problem::new(ProblemCode::ImageDamaged, format!("The packaged profiles can’t be read: {why}."));
    let window = web_sys::window().ok_or_else(|| failed("there is no page"))?;
    let response = JsFuture::from(window.fetch_with_str(PACKAGED)).await.map_err(|_| failed("they are missing"))?;
    let response: Response = response.unchecked_into();
    let bytes = JsFuture::from(response.array_buffer().map_err(|_| failed("they are missing"))?).await;
    let bytes: ArrayBuffer = bytes.map_err(|_| failed("they are missing"))?.unchecked_into();
    from_catalog(&Uint8Array::new(&bytes).to_vec()).map_err(|error| failed(&error.to_string()))
}

async fn look() -> Known {
    let entry = |own| move |bundle| Entry { bundle: Rc::new(bundle), own };
    let mut problem = None;
    let mut entries: Vec<Entry> = match packaged().await {
        Ok(bundles) => bundles.into_iter().map(entry(false)).collect(),
        Err(failed) => return Known { entries: None, problem: Some(failed) },
    };
    match own::load().await {
        Ok((bundles, bad)) => {
            entries.extend(bundles.into_iter().map(entry(true)));
            if !bad.is_empty() {
                problem = Some(Problem::new(ProblemCode::BadFile, bad.join(" ")));
            }
        }
        Err(failed) => problem = Some(failed),
    }
    Known { entries: Some(Rc::new(entries)), problem }
}

/// What can be applied.
#[hook]
pub fn use_catalog() -> Catalog {
    let known = use_state(Known::default);
    let reload = {
        let known = known.setter();
        Callback::from(move |()| {
            let known = known.clone();
            spawn_local(async move { known.set(look().await) });
        })
    };
    use_effect_with((), {
        let reload = reload.clone();
        move |()| reload.emit(())
    });
    let Known { entries, problem } = (*known).clone();
    Catalog { entries, problem, reload }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, own: bool) -> Entry {
        let toml = format!("name = {name:?}\nversion = '1.0'\ndescription = 'A test.'\nsize-mib = 1\n");
        let files = [("profile.toml", &toml[..]), ("apply.sh", ":\n"), ("rollback.sh", ":\n"), ("check.sh", ":\n")];
        let files = files.into_iter().map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec())).collect();
        Entry { bundle: Rc::new(Bundle::new(files).unwrap()), own }
    }

    #[test]
    fn what_has_been_read_is_told_and_nothing_before() {
        let none = Catalog { entries: None, problem: None, reload: Callback::noop() };
        assert!(none.profiles().is_empty());
        let some = Catalog { entries: Some(Rc::new(vec![entry("git", false), entry("mine", true)])), ..none };
        let names: Vec<_> = some.profiles().iter().map(|profile| profile.name.as_str().to_owned()).collect();
        assert_eq!(names, ["git", "mine"]);
    }
}
