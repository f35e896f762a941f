//! Bundles: in and out of files, and what is refused.

#![allow(clippy::unwrap_used, reason = "a failure fails the test")]

use profile::{
    ARCHIVE_MAX, BUNDLE_BYTES_MAX, Bundle, BundleError, FILES_MAX, Mark, Profile, Report, from_catalog, marks,
    to_catalog,
};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Write as _};
use std::process::Command;

fn files(name: &str) -> BTreeMap<String, Vec<u8>> {
    let toml =
        format!("name = {name:?}\nversion = '1.0'\ndescription = 'A thing.'\nsize-mib = 1\nservices = ['web']\n");
    let file = |path: &str, text: &str| (path.to_owned(), text.as_bytes().to_vec());
    BTreeMap::from([
        file("profile.toml", &toml),
        file("apply.sh", "put page.html /var/www/index.html\n"),
        file("rollback.sh", ":\n"),
        file("check.sh", "true\n"),
        file("web.service", "exec httpd -f\n"),
        file("pages/page.html", "<p>"),
    ])
}

fn bundle(name: &str) -> Bundle {
    Bundle::new(files(name)).unwrap()
}

fn refused(change: impl FnOnce(&mut BTreeMap<String, Vec<u8>>)) -> String {
    let mut files = files("thing");
    change(&mut files);
    Bundle::new(files).unwrap_err().to_string()
}

#[test]
fn what_goes_out_comes_in_as_it_was() {
    let bundle = bundle("thing");
    assert_eq!(Bundle::from_archive(&bundle.to_tar().unwrap()).unwrap(), bundle);
    assert_eq!(Bundle::from_archive(&bundle.to_zip().unwrap()).unwrap(), bundle);
    let two = [bundle.clone(), self::bundle("other")];
    let catalog = from_catalog(&to_catalog(&two).unwrap()).unwrap();
    assert_eq!(catalog.iter().map(|bundle| bundle.profile().name.as_str()).collect::<Vec<_>>(), ["other", "thing"]);
}

#[test]
fn an_archive_of_gnu_tar_is_read_with_and_without_a_folder_and_in_gzip() {
    let folder = tempfile::tempdir().unwrap();
    for (path, bytes) in files("thing") {
        let path = folder.path().join("mine").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    for arguments in [["-cf", "a.tar", "mine"], ["-czf", "a.tar", "mine"]] {
        let done = Command::new("tar").args(arguments).current_dir(folder.path()).status().unwrap();
        assert!(done.success());
        let bytes = fs::read(folder.path().join("a.tar")).unwrap();
        assert_eq!(Bundle::from_archive(&bytes).unwrap(), bundle("thing"), "{arguments:?}");
    }
    let done =
        Command::new("tar").args(["-cf", "b.tar", "-C", "mine", "."]).current_dir(folder.path()).status().unwrap();
    assert!(done.success());
    assert_eq!(Bundle::from_archive(&fs::read(folder.path().join("b.tar")).unwrap()).unwrap(), bundle("thing"));
}

#[test]
fn nothing_leads_out_of_the_bundle() {
    for bad in ["../x", "/x", "a/../x", "a//b", "a/./b", ".hidden", "-x", "a b", "a\\b", "ä", "plan", &"a/".repeat(60)]
    {
        let message = refused(|files| drop(files.insert(bad.to_owned(), vec![])));
        assert!(message.contains("can’t be a file of a profile"), "{bad}: {message}");
    }
    let message = refused(|files| drop(files.insert("apply.sh/x".to_owned(), vec![])));
    assert_eq!(message, "“apply.sh” is a file and a folder");
}

#[test]
fn a_link_in_an_archive_is_refused() {
    let mut builder = tar_with_link();
    assert!(matches!(Bundle::from_archive(&builder).unwrap_err(), BundleError::Archive(_)));
    builder.truncate(700);
    assert!(Bundle::from_archive(&builder).is_err());
}

fn tar_with_link() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/etc/passwd", folder.path().join("apply.sh")).unwrap();
    let done = Command::new("tar").args(["-cf", "a.tar", "apply.sh"]).current_dir(folder.path()).status().unwrap();
    assert!(done.success());
    fs::read(folder.path().join("a.tar")).unwrap()
}

#[test]
fn what_is_missing_or_too_much_is_said() {
    assert_eq!(refused(|files| drop(files.remove("check.sh"))), "check.sh is missing");
    assert_eq!(refused(|files| drop(files.remove("web.service"))), "web.service is missing");
    assert!(
        refused(|files| drop(files.insert("apply.sh".into(), b"a\r\n".to_vec()))).starts_with("apply.sh is not UTF-8")
    );
    assert!(refused(|files| drop(files.insert("big".into(), vec![0; BUNDLE_BYTES_MAX]))).contains("KiB"));
    let many = |files: &mut BTreeMap<String, Vec<u8>>| {
        (0..FILES_MAX).for_each(|at| drop(files.insert(format!("f{at}"), vec![])))
    };
    assert!(refused(many).contains("at most 200 files"));
    assert!(Bundle::from_archive(&vec![0; ARCHIVE_MAX + 1]).is_err());
}

#[test]
fn a_catalogs_folder_has_the_profiles_name() {
    let tar = bundle("thing").to_tar().unwrap();
    let other: Vec<u8> = String::from_utf8(tar).unwrap().replace("thing/", "thong/").into_bytes();
    // The names in the heads have changed and their sums have not: damaged, or another folder, but no bundle.
    assert!(from_catalog(&other).is_err());
}

#[test]
fn a_bomb_is_not_unpacked() {
    let mut writer = zip::ZipWriter::new(Cursor::new(vec![]));
    for (path, bytes) in files("thing").into_iter().chain([("zeros".to_owned(), vec![0; 64 << 20])]) {
        writer.start_file(path, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(&bytes).unwrap();
    }
    let zip = writer.finish().unwrap().into_inner();
    assert!(zip.len() < 200_000, "it is small: {}", zip.len());
    assert!(Bundle::from_archive(&zip).unwrap_err().to_string().starts_with("the file is larger than"));
}

proptest! {
    #[test]
    fn no_bytes_make_a_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..2000), text in ".{0,300}") {
        let _ = Bundle::from_archive(&bytes);
        let _ = from_catalog(&bytes);
        let _ = Profile::parse(&text);
        let _ = marks(&text);
        let _ = Mark::parse(&text);
        Report::default().push(&bytes);
    }

    #[test]
    fn an_archive_with_damage_is_refused_or_right(at in 0_usize..8000, bit in 0_u8..8, zip in any::<bool>()) {
        let bundle = bundle("thing");
        let mut bytes = if zip { bundle.to_zip() } else { bundle.to_tar() }.unwrap();
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        if let Ok(read) = Bundle::from_archive(&bytes) {
            prop_assert!(read.files().len() <= FILES_MAX);
            prop_assert!(read.files().keys().all(|path| !path.contains("..") && !path.starts_with('/')));
        }
    }
}
