use protocol::{ArchiveFormat, DiskFormat, DiskName, DiskReply, DiskRequest, ExportWhat, SnapshotInfo};
use ui::{FormDialog, SelectField, bytes, use_asking};
use yew::prelude::*;

/// What can be exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Thing {
    Files,
    Disk(DiskName),
    Machine,
}

const DISK_FORMATS: [(DiskFormat, &str, &str); 6] = [
    (DiskFormat::Qcow2, "qcow2", "For QEMU, UTM and virt-manager; only what is in use."),
    (DiskFormat::Qcow2Deflate, "qcow2, deflate", "The same, compressed: small, and every QEMU reads it."),
    (DiskFormat::Qcow2Zstd, "qcow2, zstd", "The same, compressed, in less time; for QEMU 5.1 and newer."),
    (DiskFormat::Raw, "Raw (.img)", "Every byte of the disk: as large as the disk itself."),
    (DiskFormat::RawGzip, "Raw, gzip (.img.gz)", "Every byte, compressed."),
    (DiskFormat::RawZstd, "Raw, zstd (.img.zst)", "Every byte, compressed: faster than gzip."),
];

const ARCHIVE_FORMATS: [(ArchiveFormat, &str, &str); 3] = [
    (ArchiveFormat::TarGzip, "tar.gz", "Keeps owners, permissions and links; compressed."),
    (ArchiveFormat::Tar, "tar", "Keeps owners, permissions and links."),
    (ArchiveFormat::Zip, "zip", "Opens everywhere; owners and some links are left out."),
];

#[derive(Properties, PartialEq)]
pub(super) struct ExportDialogProps {
    pub(super) subject: super::Subject,
    /// As it was then.
    pub(super) snapshot: Option<SnapshotInfo>,
    pub(super) end: Callback<Option<DiskReply>>,
}

/// Asks what is exported, and how it is written.
#[component]
pub(super) fn ExportDialog(props: &ExportDialogProps) -> Html {
    let disks = &props.subject.disks;
    let things = things(disks.workspace_size.is_some());
    let thing = use_state(|| 0);
    let format = use_state(|| 0);
    let asking = use_asking(props.end.reform(Some));
    let chosen = things.get(*thing).copied().unwrap_or(Thing::Machine);
    let formats = formats(chosen);
    let request = DiskRequest::Export {
        id: props.subject.instance.id.clone(),
        snapshot: props.snapshot.as_ref().map(|snapshot| snapshot.id.clone()),
        what: what(chosen, *format),
    };
    let name = &props.subject.instance.name;
    let title = match &props.snapshot {
        Some(snapshot) => format!("Export {name} as of {}", snapshot.name),
        None => format!("Export {name}"),
    };
    let options = things.iter().map(|thing| AttrValue::from(label(*thing))).collect::<Vec<_>>();
    let choose_thing = {
        let (thing, format) = (thing.setter(), format.setter());
        Callback::from(move |index| {
            thing.set(index);
            format.set(0);
        })
    };
    let hint = match chosen {
        Thing::Files => "The files of the workspace, in one archive.".to_owned(),
        Thing::Disk(DiskName::System) => {
            format!("The disk that the machine starts from: {}.", bytes(disks.system_size))
        }
        Thing::Disk(DiskName::Workspace) => format!("The second disk: {}.", bytes(disks.workspace_size.unwrap_or(0))),
        Thing::Machine => "Its disks, snapshots and settings in one file, for another browser.".to_owned(),
    };
    html! {
        <FormDialog {title} confirm="Export" busy={asking.busy} problem={asking.problem.clone()}
            on_confirm={asking.ask.reform(move |()| request.clone())} on_cancel={props.end.reform(|()| None)}>
            <SelectField id="export-what" label="What" {options} chosen={*thing} {hint} onchoose={choose_thing} />
            if !formats.is_empty() {
                <SelectField id="export-format" label="Format" chosen={*format}
                    options={formats.iter().map(|(label, _)| AttrValue::from(*label)).collect::<Vec<_>>()}
                    hint={formats.get(*format).map(|(_, hint)| AttrValue::from(*hint))}
                    onchoose={Callback::from({ let format = format.setter(); move |index| format.set(index) })} />
            }
        </FormDialog>
    }
}

fn things(workspace: bool) -> Vec<Thing> {
    let mut things = vec![Thing::Disk(DiskName::System), Thing::Machine];
    if workspace {
        things.insert(0, Thing::Files);
        things.insert(2, Thing::Disk(DiskName::Workspace));
    }
    things
}

fn label(thing: Thing) -> &'static str {
    match thing {
        Thing::Files => "Workspace files",
        Thing::Disk(DiskName::System) => "System disk",
        Thing::Disk(DiskName::Workspace) => "Workspace disk",
        Thing::Machine => "Whole machine",
    }
}

/// The names and explanations of the formats that there are for it.
fn formats(thing: Thing) -> Vec<(&'static str, &'static str)> {
    match thing {
        Thing::Files => ARCHIVE_FORMATS.map(|(_, label, hint)| (label, hint)).to_vec(),
        Thing::Disk(_) => DISK_FORMATS.map(|(_, label, hint)| (label, hint)).to_vec(),
        Thing::Machine => vec![],
    }
}

fn what(thing: Thing, format: usize) -> ExportWhat {
    match thing {
        Thing::Files => ExportWhat::Workspace(ARCHIVE_FORMATS[format.min(ARCHIVE_FORMATS.len() - 1)].0),
        Thing::Disk(disk) => ExportWhat::Disk(disk, DISK_FORMATS[format.min(DISK_FORMATS.len() - 1)].0),
        Thing::Machine => ExportWhat::Machine,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_machine_has_can_be_exported() {
        assert_eq!(things(true).len(), 4);
        assert_eq!(things(false), [Thing::Disk(DiskName::System), Thing::Machine]);
    }

    #[test]
    fn the_format_that_is_shown_is_the_one_that_is_written() {
        assert_eq!(formats(Thing::Files)[2].0, "zip");
        assert_eq!(what(Thing::Files, 2), ExportWhat::Workspace(ArchiveFormat::Zip));
        assert_eq!(formats(Thing::Disk(DiskName::System))[3].0, "Raw (.img)");
        assert_eq!(what(Thing::Disk(DiskName::System), 3), ExportWhat::Disk(DiskName::System, DiskFormat::Raw));
        assert_eq!(what(Thing::Machine, 7), ExportWhat::Machine);
    }
}
