//! Locks by name among all contexts of the extension. The browser gives a lock free when the context that holds it ends,
//! however it ends.
//!
//! | lock | held by | while |
//! | --- | --- | --- |
//! | `disks` | any worker | records are read and changed, or layers come and go |
//! | `instance:ID` | its machine worker, or work on its disks or shared files | the machine runs, or the work lasts |
//! | `jobs` (shared) | export and import | frozen layers are read that no record may name any more |
//! | `job:ID` | a worker with long work | it is at it, so that what is left of it can be removed afterwards |
//! | `catalog` | the catalog's worker | it has the catalog's file open |
//! | `warm` | a machine worker, or the storage worker | a state of a first boot is kept or removed |
//! | `image:SHA256` | a machine worker | a base image is put into the private file system |
//!
//! Who needs several takes them in this order: `catalog`, `job:ID`, `jobs`, `instance:ID`, `disks`, `warm`, `image:SHA256`.

use crate::bridge::{log, text_of};
use js_sys::{Array, Function, Object, Promise, Reflect};
use protocol::{InstanceId, JobId, Problem, ProblemCode};
use std::collections::BTreeSet;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = ["navigator", "locks"], js_name = request, catch)]
    async fn request_lock(name: &str, options: &Object, work: &JsValue) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(js_namespace = ["navigator", "locks"], js_name = query, catch)]
    async fn query_locks() -> Result<JsValue, JsValue>;
}

/// What an instance's lock is called.
const INSTANCE: &str = "instance:";

/// A lock; dropping it gives it free.
#[derive(Debug)]
pub struct Lock {
    release: Function,
}

/// The right to read and change records and layers.
#[derive(Debug)]
pub struct Structure(#[expect(dead_code, reason = "held, not used")] Lock);

impl Structure {
    /// Waits for it.
    pub async fn take() -> Result<Self, Problem> {
        Lock::take("disks").await.map(Self)
    }
}

impl Lock {
    /// Waits until the lock is free, and takes it.
    pub async fn take(name: &str) -> Result<Self, Problem> {
        Self::ask(name, &[]).await?.ok_or_else(|| Problem::new(ProblemCode::Internal, "A lock could not be taken."))
    }

    /// Takes the lock if nobody has it.
    pub async fn try_take(name: &str) -> Result<Option<Self>, Problem> {
        Self::ask(name, &[("ifAvailable", JsValue::TRUE)]).await
    }

    /// Waits until nobody has the lock for himself alone, and has it with others.
    pub async fn share(name: &str) -> Result<Self, Problem> {
        let lock = Self::ask(name, &[("mode", JsValue::from_str("shared"))]).await?;
        lock.ok_or_else(|| Problem::new(ProblemCode::Internal, "A lock could not be taken."))
    }

    /// Waits until nothing else is done with this instance.
    pub async fn instance(id: &InstanceId) -> Result<Self, Problem> {
        Self::take(&format!("{INSTANCE}{id}")).await
    }

    /// Takes the instance's lock if nothing is done with it.
    pub async fn try_instance(id: &InstanceId) -> Result<Option<Self>, Problem> {
        Self::try_take(&format!("{INSTANCE}{id}")).await
    }

    /// Waits until nobody works at this job.
    pub async fn job(id: &JobId) -> Result<Self, Problem> {
        Self::take(&format!("job:{id}")).await
    }

    async fn ask(name: &str, settings: &[(&str, JsValue)]) -> Result<Option<Self>, Problem> {
        let (send, taken) = futures_channel::oneshot::channel();
        let work = Closure::once_into_js(move |lock: JsValue| {
            if lock.is_null() {
                let _ = send.send(None);
                return Promise::resolve(&JsValue::UNDEFINED);
            }
            Promise::new(&mut {
                let mut send = Some(send);
                move |resolve, _| {
                    if let Some(send) = send.take() {
                        // Nobody waits for it any more: then it is free again at once.
                        if let Err(Some(release)) = send.send(Some(resolve)) {
                            let _ = release.call0(&JsValue::NULL);
                        }
                    }
                }
            })
        });
        let options = Object::new();
        for (key, value) in settings {
            // Setting a property of a plain object does not fail.
            let _ = Reflect::set(&options, &JsValue::from_str(key), value);
        }
        let name = name.to_owned();
        // Settles only when the lock is given free again.
        spawn_local(async move {
            if let Err(error) = request_lock(&name, &options, &work).await {
                log(&format!("the lock {name} was not given: {}", text_of(&error)));
            }
        });
        let lost = |_| Problem::new(ProblemCode::Internal, "A lock could not be taken.");
        Ok(taken.await.map_err(lost)?.map(|release| Self { release }))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = self.release.call0(&JsValue::NULL);
    }
}

/// The instances whose locks are `held`, or are waited for (`pending`).
async fn instances(which: &str) -> Result<BTreeSet<InstanceId>, Problem> {
    let failed = |error: JsValue| {
        Problem::new(ProblemCode::Internal, format!("The locks could not be looked at: {}.", text_of(&error)))
    };
    let state = query_locks().await.map_err(failed)?;
    let locks: Array = Reflect::get(&state, &JsValue::from_str(which)).map_err(failed)?.unchecked_into();
    let name = |lock: JsValue| Reflect::get(&lock, &JsValue::from_str("name")).ok()?.as_string();
    let instance = |name: String| InstanceId::try_from(name.strip_prefix(INSTANCE)?.to_owned()).ok();
    Ok(locks.iter().filter_map(name).filter_map(instance).collect())
}

/// The instances that run or are worked on.
pub async fn busy_instances() -> Result<BTreeSet<InstanceId>, Problem> {
    instances("held").await
}

/// Whether somebody waits for this instance's lock.
pub async fn is_wanted(id: &InstanceId) -> Result<bool, Problem> {
    Ok(instances("pending").await?.contains(id))
}
