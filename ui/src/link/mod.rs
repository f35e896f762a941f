//! The link to the background: a port that is opened again whenever the browser ended the service worker at its other
//! end, and the calls that wait for their answers meanwhile.

mod backoff;
mod calls;
mod client;

pub use client::{Client, Link};
pub(crate) use client::{Update, silent};

#[cfg(test)]
pub(crate) mod samples {
    //! Worlds for tests.

    use protocol::{Instance, InstanceId, MemoryMib, Plan, Settings, State, Template, TemplateId, Theme, World};

    pub(crate) fn id(bits: u64) -> InstanceId {
        InstanceId::from_random(bits)
    }

    pub(crate) fn template() -> TemplateId {
        TemplateId::try_from("alpine".to_owned()).unwrap()
    }

    /// A world with these machines.
    pub(crate) fn world(machines: &[(u64, State)]) -> World {
        let instance = |&(bits, state): &(u64, State)| Instance {
            state,
            boot: 1,
            ..Instance::new(id(bits), format!("alpine-{bits}"), template(), MemoryMib::DEFAULT, 0)
        };
        World {
            instances: machines.iter().map(instance).collect(),
            templates: vec![Template {
                id: template(),
                packaged: true,
                plan: Plan::plain("Alpine", "", template()),
                disk: None,
            }],
            images: vec![],
            removed_templates: vec![],
            settings: Settings { memory: MemoryMib::DEFAULT, template: template(), theme: Theme::System },
            jobs: vec![],
            removed: vec![],
            tellings: vec![],
        }
    }
}
