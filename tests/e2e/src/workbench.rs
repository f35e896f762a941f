use crate::{Console, Error, Result};
use driver::Browser;
use protocol::{
    CatalogReply, CatalogRequest, DiskReply, DiskRequest, Disks, Instance, InstanceId, JobId, JobStage, Outcome,
    PageRequest, Problem, Reply, State, World,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::time::Duration;

const PAGE_SCRIPT: &str = include_str!("page.js");
/// How long the background may take to answer; a start of the browser on a busy machine is in it.
const ANSWER: Duration = Duration::from_secs(30);

/// The workbench, spoken to from the current page of a browser.
#[derive(Debug, Clone, Copy)]
pub struct Workbench<'a> {
    browser: &'a Browser,
}

impl<'a> Workbench<'a> {
    /// Opens a page of the extension from which the workbench is spoken to.
    pub async fn open(browser: &'a Browser) -> Result<Self> {
        browser.open("options/index.html").await?;
        Ok(Self::here(browser))
    }

    /// Speaks from the page that is shown, which must be one of the extension.
    pub fn here(browser: &'a Browser) -> Self {
        Self { browser }
    }

    /// The browser.
    pub fn browser(&self) -> &'a Browser {
        self.browser
    }

    /// Runs the body of an asynchronous function in which `remote` is ours (see `page.js`).
    pub(crate) async fn eval(&self, body: &str, arguments: Vec<Value>) -> Result<Value> {
        Ok(self.browser.eval_async(&format!("{PAGE_SCRIPT}\n{body}"), arguments).await?)
    }

    /// The state of everything, as the background says.
    pub async fn world(&self) -> Result<World> {
        let wait = async || {
            let world =
                self.browser.eval_async(&format!("{PAGE_SCRIPT}\nreturn window.remote.worldNow()"), vec![]).await?;
            Ok((!world.is_null()).then_some(world))
        };
        let world = self.browser.wait_for("the background's state", ANSWER, wait).await?;
        parse(world)
    }

    async fn ask(&self, request: &PageRequest) -> Result<Reply> {
        let request = serde_json::to_value(request).map_err(|error| Error::Answer(error.to_string()))?;
        let answer = self.eval("return window.remote.call(arguments[0])", vec![request]).await?;
        parse::<std::result::Result<Reply, Problem>>(answer)?.map_err(Error::Problem)
    }

    /// Asks the background.
    pub async fn call(&self, request: &PageRequest) -> Result<Option<InstanceId>> {
        Ok(self.ask(request).await?.instance().cloned())
    }

    /// Asks the background about disks.
    pub async fn disks(&self, request: DiskRequest) -> Result<DiskReply> {
        match self.ask(&PageRequest::Disks(request)).await? {
            Reply::Disks(reply) => Ok(reply),
            other => Err(Error::Answer(format!("{other:?}"))),
        }
    }

    /// Asks about the catalog.
    pub async fn catalog(&self, request: CatalogRequest) -> Result<CatalogReply> {
        match self.ask(&PageRequest::Catalog(request)).await? {
            Reply::Catalog(reply) => Ok(reply),
            other => Err(Error::Answer(format!("{other:?}"))),
        }
    }

    /// The rows that a question in SQL is answered with, at most 100; NULL is an empty text.
    pub async fn rows(&self, sql: &str) -> Result<Vec<Vec<String>>> {
        match self.catalog(CatalogRequest::Query { sql: sql.to_owned(), rows: 100 }).await? {
            CatalogReply::Table(table) => {
                let row = |row: Vec<Option<String>>| row.into_iter().map(Option::unwrap_or_default).collect();
                Ok(table.rows.into_iter().map(row).collect())
            }
            other => Err(Error::Answer(format!("{other:?}"))),
        }
    }

    /// A machine's disks and snapshots.
    pub async fn show_disks(&self, id: &InstanceId) -> Result<Disks> {
        match self.disks(DiskRequest::Show(id.clone())).await? {
            DiskReply::Disks(disks) => Ok(disks),
            other => Err(Error::Answer(format!("{other:?}"))),
        }
    }

    /// Begins long work.
    pub async fn begin(&self, request: DiskRequest) -> Result<JobId> {
        match self.disks(request).await? {
            DiskReply::Job(job) => Ok(job),
            other => Err(Error::Answer(format!("{other:?}"))),
        }
    }

    /// Waits until long work is over.
    pub async fn wait_for_job(&self, id: &JobId, timeout: Duration) -> Result<Outcome> {
        let over = async || {
            let Ok(world) = self.world().await else { return Ok(None) };
            let job = world.jobs.into_iter().find(|job| job.id == *id);
            Ok(job.map(|job| job.stage).filter(JobStage::is_over))
        };
        match self.browser.wait_for(&format!("the end of job {id}"), timeout, over).await? {
            JobStage::Done(outcome) => Ok(outcome),
            JobStage::Failed(problem) => Err(Error::Problem(problem)),
            other => Err(Error::Answer(format!("{other:?}"))),
        }
    }

    /// How often the background has gone away under this page.
    pub async fn losses(&self) -> Result<u64> {
        let lost = self.eval("return window.remote.lost", vec![]).await?;
        lost.as_u64().ok_or_else(|| Error::Answer(lost.to_string()))
    }

    /// Launches a machine from the default template.
    pub async fn launch(&self) -> Result<InstanceId> {
        let id = self.call(&PageRequest::Launch { template: None }).await?;
        id.ok_or_else(|| Error::Answer("no machine".to_owned()))
    }

    /// The machine as it is now.
    pub async fn instance(&self, id: &InstanceId) -> Result<Instance> {
        let world = self.world().await?;
        world.instance(id).cloned().ok_or_else(|| Error::Answer(format!("no machine {id}")))
    }

    /// Waits until the machine is in one of the states.
    pub async fn wait_for_state(&self, id: &InstanceId, states: &[State], timeout: Duration) -> Result<Instance> {
        let what = format!("machine {id} to be {states:?}");
        let mut last = None;
        let found = self
            .browser
            .wait_for(&what, timeout, async || {
                let Ok(instance) = self.instance(id).await else { return Ok(None) };
                let there = states.contains(&instance.state);
                last = Some(instance.clone());
                Ok(there.then_some(instance))
            })
            .await;
        found.map_err(|error| match last.and_then(|instance| instance.problem) {
            Some(problem) => Error::Problem(problem),
            None => error.into(),
        })
    }

    /// Attaches to the machine's console.
    pub async fn console(&self, id: &InstanceId) -> Result<Console<'a>> {
        self.eval("window.remote.attach(arguments[0])", vec![json!(id)]).await?;
        Ok(Console::new(*self, id.clone()))
    }
}

/// An answer of the page as what it should be.
pub(crate) fn parse<T: DeserializeOwned>(value: Value) -> Result<T> {
    serde_json::from_value(value.clone()).map_err(|error| Error::Answer(format!("{value}: {error}")))
}
