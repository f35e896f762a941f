use crate::{Error, Result, Workbench};
use protocol::{InstanceId, ProfileAsk, ProfileNews, ProfileRun, ProfileVerb, ProfilesNow};
use serde_json::{Value, json};
use std::time::Duration;

/// Keeps the newest news of a machine's profiles in `window.profiles`, and asks.
const SCRIPT: &str = "
    window.profiles ??= new Map();
    const [id, ask] = arguments;
    let known = window.profiles.get(id);
    if (!known) {
        known = { channel: new BroadcastChannel(`profiles:${id}`), news: null, count: 0 };
        known.channel.onmessage = ({ data }) => {
            if (data?.Now) { known.news = data; known.count++; }
        };
        window.profiles.set(id, known);
    }
    if (ask) known.channel.postMessage(ask);
    return known.news && JSON.stringify(known.news);";

impl Workbench<'_> {
    async fn profiles(&self, id: &InstanceId, ask: Option<&ProfileAsk>) -> Result<Option<ProfilesNow>> {
        let ask = serde_json::to_value(ask).map_err(|error| Error::Answer(error.to_string()))?;
        let news = self.browser().eval(SCRIPT, vec![json!(id), ask]).await?;
        match news {
            Value::String(text) => match serde_json::from_str(&text) {
                Ok(ProfileNews::Now(now)) => Ok(Some(*now)),
                Err(error) => Err(Error::Answer(format!("{error}: {text}"))),
            },
            _ => Ok(None),
        }
    }

    /// Says something about profiles to a machine that runs; it is not waited for.
    pub async fn tell_profiles(&self, id: &InstanceId, ask: &ProfileAsk) -> Result<()> {
        self.profiles(id, Some(ask)).await.map(drop)
    }

    /// Waits until what the machine tells of its profiles is so.
    pub async fn wait_for_profiles(
        &self,
        id: &InstanceId,
        what: &str,
        timeout: Duration,
        is_so: impl Fn(&ProfilesNow) -> bool,
    ) -> Result<ProfilesNow> {
        let mut last = None;
        let found = self
            .browser()
            .wait_for(what, timeout, async || {
                let now = self.profiles(id, None).await.ok().flatten();
                last.clone_from(&now);
                Ok(now.filter(&is_so))
            })
            .await;
        found.map_err(|error| Error::Answer(format!("{error}\nThe profiles: {last:#?}")))
    }

    /// Does something with a profile in a machine whose agent is there, and waits until it has ended.
    pub async fn profile(
        &self,
        id: &InstanceId,
        verb: ProfileVerb,
        name: &str,
        timeout: Duration,
    ) -> Result<ProfileRun> {
        let name = profile::Name::try_from(name).map_err(|error| Error::Answer(error.to_string()))?;
        self.tell_profiles(id, &ProfileAsk::Look).await?;
        self.wait_for_profiles(id, "the machine’s agent", timeout, |now| now.ready).await?;
        self.tell_profiles(id, &ProfileAsk::Dismiss).await?;
        self.wait_for_profiles(id, "no run", timeout, |now| now.run.is_none()).await?;
        self.tell_profiles(id, &ProfileAsk::Run { verb, name: name.clone() }).await?;
        let over = |now: &ProfilesNow| now.run.as_ref().is_some_and(|run| run.name == name && run.ended.is_some());
        let now = self.wait_for_profiles(id, "the end of the run", timeout, over).await?;
        now.run.ok_or_else(|| Error::Answer("no run".to_owned()))
    }
}
