//! Package repositories for the guests' profiles.

use super::{SOON, text, upload};
use apkrepo::{Key, Package};
use e2e::{Console, Workbench};
use protocol::{InstanceId, ProfileAsk};
use std::fs;
use std::path::{Path, PathBuf};

/// Waits in the guest until the runner is there: it is laid behind the first prompt.
pub const LAID: &str = "until [ -r /mnt/host/profiles/web-server/plan ]; do sleep 0.2; done";

/// Makes a repository, and puts it where the guest's runner looks: through the shared files, as a person would. The machine trusts the test's key
/// because its user says so.
pub async fn lay_packages(workbench: &Workbench<'_>, id: &InstanceId, console: &mut Console<'_>, packages: &[Package]) {
    let folder = tempfile::tempdir().unwrap();
    let key = Key::new("test").unwrap();
    apkrepo::repository(folder.path(), packages, &key).unwrap();
    let files: Vec<PathBuf> =
        fs::read_dir(folder.path().join("x86")).unwrap().map(|file| file.unwrap().path()).collect();
    let mut paths: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    let public = key.public();
    paths.push(&public);
    upload(workbench, id, "", &paths).await;
    text(
        console,
        "mkdir -p /mnt/host/cache/alpine/x86 /mnt/host/cache/keys && cd /mnt/host/share &&
            mv *.apk APKINDEX.tar.gz /mnt/host/cache/alpine/x86/ && mv test.rsa.pub /mnt/host/cache/keys/ && cd && sync",
    )
    .await;
    workbench.tell_profiles(id, &ProfileAsk::Look).await.unwrap();
    let now = workbench.wait_for_profiles(id, "a key that waits", SOON, |now| now.keys.len() == 1).await.unwrap();
    workbench.tell_profiles(id, &ProfileAsk::Trust(now.keys[0].clone())).await.unwrap();
    workbench.wait_for_profiles(id, "the key to be trusted", SOON, |now| now.keys.is_empty()).await.unwrap();
}

/// A Debian package as an Alpine one of this name, with all its libraries and these of its own files.
pub fn debian(name: &str, of: &str, own: &[&str]) -> Result<Package, String> {
    let work = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/guest").join(of);
    fs::create_dir_all(&work).unwrap();
    let tree = guest_build::unpacked(of, &work.canonicalize().unwrap()).map_err(|error| error.to_string())?;
    let package = Package::new(name, "2.0.0-r0").folder(&tree).map_err(|error| error.to_string())?;
    let library = |name: &str| format!("usr/lib/i386-linux-gnu/{name}");
    let [libraries, perl, gconv] = ["lib", "libperl", "gconv"].map(library);
    let kept = [own, &[libraries.as_str(), "usr/lib/ld-linux.so.2"]].concat();
    let linker = library("ld-linux.so.2");
    let kept = [kept, vec![linker.as_str()]].concat();
    Ok(package.only(&kept).without(&[&perl, &gconv]).link("lib/ld-linux.so.2", "/usr/lib/ld-linux.so.2"))
}
