//! `cargo xtask run --template ci --exec …`: a script in a machine that vanishes.

use super::{BOOT, COMMAND, SHUTDOWN};
use anyhow::{Context, Result, bail};
use e2e::Workbench;
use protocol::{InstanceId, PageRequest, TASK_SECONDS_MAX, Task, TaskEnd, Template, TemplateId, World};
use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;
use std::process::ExitCode;

/// The template of this name or title.
pub fn template(world: &World, name: &str) -> Result<Template> {
    let same = |template: &&Template| template.id.as_str() == name || template.plan.title.eq_ignore_ascii_case(name);
    if let Some(found) = world.templates.iter().find(same) {
        return Ok(found.clone());
    }
    let known: Vec<_> = world.templates.iter().map(|template| template.id.as_str()).collect();
    bail!("there is no template “{name}”; there are {}", known.join(", "))
}

/// Runs the script, prints what it says, puts what it made into `artifacts`, and gives its status.
pub async fn run(
    workbench: &Workbench<'_>,
    template: &TemplateId,
    script: &str,
    artifacts: Option<&Path>,
) -> Result<ExitCode> {
    let id = workbench.launch_for_task(template).await?;
    eprintln!("Starting {}…", workbench.instance(&id).await?.name);
    let task = Task { script: script.to_owned(), seconds: TASK_SECONDS_MAX };
    let mut failed = None;
    let end = workbench.run_task(&id, &task, BOOT + COMMAND, |bytes| {
        let mut out = std::io::stdout().lock();
        if let Err(error) = out.write_all(bytes).and_then(|()| out.flush()) {
            failed.get_or_insert(error);
        }
    });
    let end = end.await?;
    if let Some(error) = failed {
        return Err(error.into());
    }
    if let Some(place) = artifacts
        && let Some(zip) = workbench.artifacts(&id, COMMAND).await?
    {
        unpack(zip, place).with_context(|| format!("the artifacts can’t be put into {}", place.display()))?;
    }
    vanish(workbench, &id).await?;
    match end {
        TaskEnd::Exit(status) => Ok(ExitCode::from(u8::try_from(status).unwrap_or(u8::MAX))),
        TaskEnd::Failed(problem) => bail!("{} {}", problem.message, problem.advice),
        TaskEnd::Canceled => bail!("the script was canceled"),
        TaskEnd::TimedOut => bail!("the script took longer than a day"),
    }
}

/// The zip's folder itself is the place: what is in `artifacts` in the machine is in the folder.
fn unpack(zip: Vec<u8>, place: &Path) -> Result<()> {
    fs::create_dir_all(place)?;
    zip::ZipArchive::new(Cursor::new(zip))?.extract(place)?;
    Ok(())
}

/// Ends the machine, and waits until nothing of it is left in the list.
async fn vanish(workbench: &Workbench<'_>, id: &InstanceId) -> Result<()> {
    workbench.call(&PageRequest::ForceStop(id.clone())).await?;
    let gone = async || Ok(workbench.world().await.is_ok_and(|world| world.instance(id).is_none()));
    workbench.browser().wait_until("the machine to be gone", SHUTDOWN, gone).await?;
    Ok(())
}
