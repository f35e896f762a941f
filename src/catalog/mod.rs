//! The catalog's worker: DuckDB on one file of the private file system.
//!
//! The host page starts it when there is something to save or to ask and ends it when it has been idle, so it closes nothing:
//! all that was answered is checkpointed. It never decides what is true: what it is given it shows, beside what the disks'
//! records say, and only the events are nowhere else once it has confirmed them.

mod duckdb;
mod file;

use crate::bridge::{from_js, log, text_of, to_js};
use crate::disks::locks::{Lock, Structure};
use crate::profiles;
use crate::storage::readable_records;
use ::catalog::{Catalog, EngineError, Found, KnownProfile, OpenError, ReadError};
use duckdb::{Duck, Loaded};
use futures_channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures_util::StreamExt;
use profile::Bundle;
use protocol::{
    CatalogAnswer, CatalogCommand, CatalogFailure, CatalogLoss, CatalogNotice, CatalogOrder, Problem, ProblemCode,
};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;
use web_sys::DedicatedWorkerGlobalScope;

/// The worker's end towards `extension/catalog.js`.
#[wasm_bindgen]
#[derive(Debug)]
pub struct CatalogWorker {
    commands: UnboundedSender<CatalogCommand>,
}

#[wasm_bindgen]
impl CatalogWorker {
    /// Waits for commands; nothing is loaded before the first.
    #[wasm_bindgen(constructor)]
    #[expect(clippy::new_without_default, reason = "it starts a task, which no default value should do")]
    pub fn new() -> Self {
        let (commands, received) = unbounded();
        spawn_local(serve(received));
        Self { commands }
    }

    /// Does what the host page says, one thing after the other.
    pub fn command(&self, message: JsValue) {
        match from_js(message) {
            Ok(command) => drop(self.commands.unbounded_send(command)),
            Err(problem) => log(&problem.message),
        }
    }
}

/// A catalog that is open, and its lock among all contexts.
struct Open {
    catalog: Catalog<Duck>,
    loss: Option<CatalogLoss>,
    _alone: Lock,
}

async fn serve(mut commands: UnboundedReceiver<CatalogCommand>) {
    let mut open = None;
    while let Some(command) = commands.next().await {
        let result = carry_out(&mut open, &command).await;
        tell(&CatalogNotice::Done { call: command.call, result });
    }
}

async fn carry_out(open: &mut Option<Open>, command: &CatalogCommand) -> Result<CatalogAnswer, CatalogFailure> {
    let order = &*command.order;
    let Open { catalog, loss, .. } = match open {
        Some(open) => open,
        none => none.insert(start(order, command.aside).await?),
    };
    let found = look().await.map_err(CatalogFailure::Problem)?;
    catalog.save(&order.events, &order.mirror, &found).map_err(|error| CatalogFailure::Problem(unsaved(&error)))?;
    tell(&CatalogNotice::Begun(command.call));
    let answer = match order.ask.as_ref().map(|request| catalog.answer(request)) {
        None => Ok(None),
        Some(Ok(table)) => Ok(table),
        Some(Err(ReadError::Problem(problem))) => Err(problem),
        Some(Err(ReadError::Broken(text))) => {
            let message = format!("The catalog’s database failed: {text}.");
            return Err(CatalogFailure::Problem(Problem::new(ProblemCode::Internal, message)));
        }
    };
    Ok(CatalogAnswer { identity: catalog.identity().to_owned(), loss: loss.take(), answer })
}

/// Looks at what the background does not know.
async fn look() -> Result<Found, Problem> {
    let records = {
        let right = Structure::take().await?;
        readable_records(&right).await?
    };
    // A history without profiles is better than none.
    let profiles = profiles::all().await.unwrap_or_else(|problem| {
        log(&problem.message);
        vec![]
    });
    let known = |(bundle, changed): (Bundle, Option<u64>)| KnownProfile {
        name: bundle.profile().name.to_string(),
        version: bundle.profile().version.to_string(),
        own: changed.is_some(),
        description: bundle.profile().description.clone(),
        changed,
    };
    Ok(Found { records, profiles: profiles.into_iter().map(known).collect() })
}

fn unsaved(error: &EngineError) -> Problem {
    Problem::new(ProblemCode::Internal, format!("The history could not be saved: {error}."))
}

/// Opens the catalog, after its damaged file was moved aside if that is wanted.
async fn start(order: &CatalogOrder, aside: bool) -> Result<Open, CatalogFailure> {
    let alone = Lock::take("catalog").await.map_err(CatalogFailure::Problem)?;
    let kept = match aside {
        true => Some(file::move_aside(order.now).await.map_err(CatalogFailure::Problem)?),
        false => None,
    };
    file::make_ready().await.map_err(CatalogFailure::Problem)?;
    let loaded = Loaded::load().await.map_err(CatalogFailure::Problem)?;
    let opened = match loaded.open(file::NAME).await {
        Ok(duck) => Catalog::open(duck, &order.fresh),
        Err(error) => Err(OpenError::Damaged(error.to_string())),
    };
    let catalog = opened.map_err(|error| match error {
        // A new file is not damaged: something else is wrong.
        OpenError::Damaged(text) if !aside => CatalogFailure::Damaged(text),
        error => CatalogFailure::Problem(Problem::new(
            ProblemCode::Internal,
            format!("The catalog can’t be opened: {error}."),
        )),
    })?;
    let missing = catalog.is_new() && order.identity.is_some();
    let loss = kept.map(CatalogLoss::Damaged).or_else(|| missing.then_some(CatalogLoss::Missing));
    Ok(Open { catalog, loss, _alone: alone })
}

/// Tells the host page.
fn tell(notice: &CatalogNotice) {
    let scope: DedicatedWorkerGlobalScope = js_sys::global().unchecked_into();
    match to_js(notice).map(|message| scope.post_message(&message)) {
        Ok(Ok(())) => {}
        Ok(Err(error)) => log(&text_of(&error)),
        Err(problem) => log(&problem.message),
    }
}
