//! What a Linux guest finds, message by message: the sequences are those of Linux's own client (fs/9p, net/9p).

mod support;

use ninep::{Errno, MAX_MSIZE};
use support::*;

#[test]
fn the_version_is_agreed_on_and_starts_afresh() {
    let mut guest = Client::new();
    guest.put("a", b"x");
    assert_eq!(guest.version(8192), Ok(8192));
    assert_eq!(guest.send(24, &[&ROOT, &0u64]), refused(Errno::BadF), "fids are gone");
    assert_eq!(guest.version(4_000_000), Ok(MAX_MSIZE));
    assert_eq!(guest.version(100), refused(Errno::MsgSize));
    let reply = guest.send(100, &[&8192u32, &"9P2000.u"]).unwrap();
    assert_eq!(&reply[6..], b"unknown");
    assert_eq!(guest.attach(ROOT, 0), refused(Errno::Proto), "there is no session");
}

#[test]
fn what_is_written_is_read() {
    let mut guest = Client::new();
    let fid = guest.create("a", RDWR | EXCL, 0o640).unwrap();
    assert_eq!(guest.write(fid, 0, b"hello"), Ok(5));
    assert_eq!(guest.read(fid, 1, 3), Ok(b"ell".to_vec()));
    assert_eq!(guest.read(fid, 4, 100), Ok(b"o".to_vec()));
    assert_eq!(guest.read(fid, 5, 100), Ok(Vec::new()));
    assert_eq!(guest.read(fid, u64::MAX, 100), Ok(Vec::new()));
    let stat = guest.stat_fid(fid).unwrap();
    assert_eq!((stat.mode, stat.size, stat.links, stat.blocks, stat.qid_kind), (0o100_640, 5, 1, 1, 0));
}

#[test]
fn no_reply_is_longer_than_agreed() {
    let mut guest = Client::new();
    guest.put("a", &[7; 20_000]);
    guest.version(8192).unwrap();
    guest.attach(ROOT, 0).unwrap();
    let fid = guest.open("a", RDONLY).unwrap();
    assert_eq!(guest.read(fid, 0, u32::MAX).unwrap().len(), 8192 - 11);
    assert_eq!(guest.write(fid, 0, &[0; 8192]), refused(Errno::MsgSize));
}

#[test]
fn a_fid_does_what_it_was_opened_for() {
    let mut guest = Client::new();
    guest.put("a", b"x");
    let unopened = guest.walk(ROOT, "a").unwrap();
    assert_eq!(guest.read(unopened, 0, 1), refused(Errno::BadF));
    let read = guest.open("a", RDONLY).unwrap();
    assert_eq!(guest.write(read, 0, b"y"), refused(Errno::BadF));
    let write = guest.open("a", WRONLY).unwrap();
    assert_eq!(guest.read(write, 0, 1), refused(Errno::BadF));
    assert_eq!(guest.lopen(write, RDWR), refused(Errno::BadF), "it is open already");
    assert_eq!(guest.open("", WRONLY), refused(Errno::IsDir));
    assert_eq!(guest.clunk(99), refused(Errno::BadF));
}

#[test]
fn creating_opens_what_is_there_unless_it_must_be_new() {
    let mut guest = Client::new();
    guest.put("a", b"old");
    assert_eq!(guest.create("a", RDWR | EXCL, 0o600).err(), Some(Errno::Exist.code()));
    let fid = guest.create("a", RDWR, 0o600).unwrap();
    assert_eq!(guest.read(fid, 0, 9), Ok(b"old".to_vec()));
    guest.create("a", RDWR | TRUNC, 0o600).unwrap();
    assert_eq!(guest.read(fid, 0, 9), Ok(Vec::new()));
    guest.mkdir("d").unwrap();
    assert_eq!(guest.create("d", RDWR, 0o600).err(), Some(Errno::Exist.code()));
}

#[test]
fn a_walk_ends_where_names_do() {
    let mut guest = Client::new();
    guest.mkdir("d").unwrap();
    let (fid, new) = (ROOT, 50u32);
    let reply = guest.send(110, &[&fid, &new, &3u16, &"d", &"no", &"x"]).unwrap();
    assert_eq!(reply[..2], [1, 0], "one was found");
    assert_eq!(guest.clunk(new), refused(Errno::BadF), "and no fid made");
    assert_eq!(guest.walk(ROOT, "no/x"), refused(Errno::NoEnt));
    let d = guest.walk(ROOT, "d").unwrap();
    assert_eq!(guest.send(110, &[&d, &ROOT, &0u16]), refused(Errno::BadF), "the number is taken");
    let same = guest.walk(d, "").unwrap();
    assert_eq!(guest.stat_fid(same).unwrap().ino, guest.stat_fid(d).unwrap().ino);
}

#[test]
fn nothing_is_above_the_root_and_no_name_is_a_path() {
    let mut guest = Client::new();
    guest.mkdir("d").unwrap();
    let root = guest.stat_fid(ROOT).unwrap().ino;
    let up = guest.walk(ROOT, "d/../../..").unwrap();
    assert_eq!(guest.stat_fid(up).unwrap().ino, root);
    for name in ["", ".", "..", "a/b", "../d", "a\0b"] {
        assert_eq!(guest.send(72, &[&ROOT, &name, &0u32, &0u32]), refused(Errno::Inval), "{name:?}");
        assert_eq!(guest.send(14, &[&up, &name, &0u32, &0u32, &0u32]), refused(Errno::Inval), "{name:?}");
    }
    assert_eq!(guest.send(110, &[&ROOT, &60u32, &1u16, &"d/.."]), refused(Errno::Inval));
    let long = "x".repeat(256);
    assert_eq!(guest.mkdir(&long), refused(Errno::NameTooLong));
    assert_eq!(guest.mkdir(&long[1..]), Ok(()));
}

#[test]
fn a_removed_file_lives_until_it_is_closed() {
    let mut guest = Client::new();
    let fid = guest.create("a", RDWR, 0o600).unwrap();
    guest.unlink("a").unwrap();
    assert_eq!(guest.write(fid, 0, b"still"), Ok(5));
    assert_eq!(guest.read(fid, 0, 9), Ok(b"still".to_vec()));
    assert_eq!(guest.stat_fid(fid).unwrap().links, 0);
    guest.clunk(fid).unwrap();
    assert_eq!(guest.open("a", RDONLY), refused(Errno::NoEnt));
}

#[test]
fn a_rename_takes_the_place_of_an_open_file() {
    let mut guest = Client::new();
    guest.put("config", b"old");
    guest.put("config.lock", b"new");
    let reader = guest.open("config", RDONLY).unwrap();
    guest.rename("config.lock", "config").unwrap();
    assert_eq!(guest.read(reader, 0, 9), Ok(b"old".to_vec()));
    assert_eq!(guest.get("config"), Ok(b"new".to_vec()));
    assert_eq!(guest.ls("").unwrap(), ["config"]);
}

#[test]
fn a_fid_follows_its_file_through_renames() {
    let mut guest = Client::new();
    guest.mkdir("d").unwrap();
    let fid = guest.create("a", RDWR, 0o600).unwrap();
    guest.rename("a", "d/b").unwrap();
    guest.write(fid, 0, b"x").unwrap();
    assert_eq!(guest.get("d/b"), Ok(b"x".to_vec()));
}

#[test]
fn renames_keep_the_rules_of_directories() {
    let mut guest = Client::new();
    for dir in ["a", "a/b", "full", "full/x", "empty"] {
        guest.mkdir(dir).unwrap();
    }
    guest.put("file", b"");
    assert_eq!(guest.rename("a", "a/b/c"), refused(Errno::Inval));
    assert_eq!(guest.rename("a", "a"), Ok(()));
    assert_eq!(guest.rename("a", "full"), refused(Errno::NotEmpty));
    assert_eq!(guest.rename("a", "file"), refused(Errno::NotDir));
    assert_eq!(guest.rename("file", "empty"), refused(Errno::IsDir));
    assert_eq!(guest.rename("no", "empty"), refused(Errno::NoEnt));
    assert_eq!(guest.rename("a", "empty"), Ok(()));
    assert_eq!(guest.ls("empty").unwrap(), ["b"]);
    assert_eq!(guest.stat("").unwrap().links, 4, "its own two, and one for each of two directories");
}

#[test]
fn directories_go_only_when_empty_and_by_the_right_call() {
    let mut guest = Client::new();
    guest.mkdir("d").unwrap();
    guest.put("d/f", b"");
    assert_eq!(guest.rmdir("d"), refused(Errno::NotEmpty));
    assert_eq!(guest.unlink("d"), refused(Errno::IsDir));
    assert_eq!(guest.rmdir("d/f"), refused(Errno::NotDir));
    let inside = guest.walk(ROOT, "d").unwrap();
    guest.unlink("d/f").unwrap();
    guest.rmdir("d").unwrap();
    assert_eq!(
        guest.send(72, &[&inside, &"x", &0u32, &0u32]),
        refused(Errno::NoEnt),
        "nothing is put into what is gone"
    );
}

#[test]
fn hard_links_are_one_file() {
    let mut guest = Client::new();
    guest.put("a", b"1");
    guest.mkdir("d").unwrap();
    guest.link("a", "d/b").unwrap();
    assert_eq!(guest.link("a", "d/b"), refused(Errno::Exist));
    assert_eq!(guest.link("d", "e"), refused(Errno::Perm));
    guest.put("d/b", b"22");
    assert_eq!(guest.get("a"), Ok(b"22".to_vec()));
    assert_eq!(guest.stat("a").unwrap().links, 2);
    assert_eq!(guest.rename("a", "d/b"), Ok(()), "both names of one file: nothing happens");
    assert_eq!(guest.ls("").unwrap(), ["a", "d"]);
    guest.unlink("a").unwrap();
    assert_eq!(guest.stat("d/b").unwrap().links, 1);
}

#[test]
fn symbolic_links_are_kept_and_never_followed() {
    let mut guest = Client::new();
    guest.symlink("l", b"../../etc/passwd").unwrap();
    assert_eq!(guest.readlink("l"), Ok(b"../../etc/passwd".to_vec()));
    let stat = guest.stat("l").unwrap();
    assert_eq!((stat.mode, stat.size, stat.qid_kind), (0o120_777, 16, 2));
    assert_eq!(guest.walk(ROOT, "l/x"), refused(Errno::NoEnt), "of two names one was found");
    assert_eq!(guest.open("l", RDONLY), refused(Errno::Inval));
    guest.put("f", b"");
    assert_eq!(guest.readlink("f"), refused(Errno::Inval));
    assert_eq!(guest.symlink("long", &[b'x'; 4096]), refused(Errno::NameTooLong));
}

#[test]
fn special_files_keep_their_numbers() {
    let mut guest = Client::new();
    let mut mknod = |name: &str, mode: u32, major: u32, minor: u32| {
        guest.send(18, &[&ROOT, &name, &mode, &major, &minor, &0u32]).map(|_| ())
    };
    mknod("fifo", 0o010_644, 0, 0).unwrap();
    mknod("null", 0o020_666, 1, 3).unwrap();
    mknod("plain", 0o100_600, 0, 0).unwrap();
    assert_eq!(mknod("dir", 0o040_755, 0, 0), refused(Errno::Inval));
    assert_eq!(mknod("odd", 0o150_000, 0, 0), refused(Errno::Inval));
    assert_eq!(guest.stat("fifo").unwrap().mode, 0o010_644);
    let null = guest.stat("null").unwrap();
    assert_eq!((null.mode, null.device), (0o020_666, 0x103));
    assert_eq!(guest.open("null", RDONLY), refused(Errno::Inval));
    guest.put("plain", b"x");
}

#[test]
fn holes_read_as_zeros_and_take_no_room() {
    let mut guest = Client::new();
    guest.put("a", b"start");
    guest.truncate("a", 1 << 40).unwrap();
    let stat = guest.stat("a").unwrap();
    assert_eq!((stat.size, stat.blocks), (1 << 40, 1));
    let fid = guest.open("a", RDWR).unwrap();
    assert_eq!(guest.read(fid, (1 << 40) - 3, 9), Ok(vec![0; 3]));
    guest.write(fid, 10, b"x").unwrap();
    assert_eq!(guest.read(fid, 0, 12), Ok(b"start\0\0\0\0\0x\0".to_vec()));
}

#[test]
fn what_was_cut_off_does_not_come_back() {
    let mut guest = Client::new();
    guest.put("a", b"secret");
    guest.truncate("a", 2).unwrap();
    guest.truncate("a", 6).unwrap();
    assert_eq!(guest.get("a"), Ok(b"se\0\0\0\0".to_vec()));
    guest.truncate("a", 0).unwrap();
    let fid = guest.open("a", RDWR).unwrap();
    guest.write(fid, 4, b"x").unwrap();
    assert_eq!(guest.get("a"), Ok(b"\0\0\0\0x".to_vec()));
}

#[test]
fn appending_goes_to_the_end_whatever_the_guest_believes() {
    let mut guest = Client::new();
    guest.put("log", b"one\n");
    let (first, second) = (guest.open("log", WRONLY | APPEND).unwrap(), guest.open("log", WRONLY | APPEND).unwrap());
    guest.write(first, 4, b"two\n").unwrap();
    guest.write(second, 4, b"three\n").unwrap();
    assert_eq!(guest.get("log"), Ok(b"one\ntwo\nthree\n".to_vec()));
}

#[test]
fn times_are_the_hosts_unless_given() {
    let mut guest = Client::new();
    guest.put("a", b"x");
    guest.clock.set(2000);
    let fid = guest.open("a", RDWR).unwrap();
    guest.read(fid, 0, 1).unwrap();
    assert_eq!(guest.stat("a").unwrap().atime, (1000, 0), "reading leaves no trace");
    guest.write(fid, 0, b"y").unwrap();
    let stat = guest.stat("a").unwrap();
    assert_eq!((stat.mtime, stat.ctime), ((2000, 0), (2000, 0)));
    guest.clock.set(3000);
    guest.setattr(fid, 0x10 | 0x20 | 0x80 | 0x100, 0, (0, 0), 0, [(5, 6), (7, 8)]).unwrap();
    let stat = guest.stat("a").unwrap();
    assert_eq!((stat.atime, stat.mtime, stat.ctime), ((5, 6), (7, 8), (3000, 0)));
    guest.setattr(fid, 0x20, 0, (0, 0), 0, [(0, 0), (0, 0)]).unwrap();
    assert_eq!(guest.stat("a").unwrap().mtime, (3000, 0));
    assert_eq!(guest.setattr(fid, 0x120, 0, (0, 0), 0, [(0, 0), (0, 1 << 40)]), refused(Errno::Inval));
    guest.clock.set(4000);
    guest.put("b", b"");
    assert_eq!(guest.stat("").unwrap().mtime, (4000, 0), "a directory changes with its names");
}

#[test]
fn modes_and_owners_are_kept() {
    let mut guest = Client::new();
    guest.attach(1, 1000).unwrap();
    let fid = guest.walk(1, "").unwrap();
    guest.send(14, &[&fid, &"a", &RDWR, &0o100_750u32, &50u32]).unwrap();
    let stat = guest.stat("a").unwrap();
    assert_eq!((stat.uid, stat.gid, stat.mode), (1000, 50, 0o100_750));
    guest.setattr(fid, 7, 0o4711, (1, 2), 0, [(0, 0); 2]).unwrap();
    let stat = guest.stat("a").unwrap();
    assert_eq!((stat.uid, stat.gid, stat.mode), (1, 2, 0o104_711));
    guest.setattr(fid, 1, 0o040_600, (0, 0), 0, [(0, 0); 2]).unwrap();
    assert_eq!(guest.stat("a").unwrap().mode, 0o100_600, "a file does not become a directory");
}

#[test]
fn a_listing_has_every_entry_once_in_pieces_of_any_size() {
    let mut guest = Client::new();
    guest.mkdir("d").unwrap();
    let names: Vec<_> = (0..300).map(|n| format!("file-{n}")).collect();
    names.iter().for_each(|name| guest.put(&format!("d/{name}"), b""));
    assert_eq!(guest.ls("d").unwrap(), names);
    let fid = guest.open("d", RDONLY).unwrap();
    let dots = guest.readdir(fid, 0, 60).unwrap();
    assert_eq!(dots, [(1, 4, ".".into()), (2, 4, "..".into())]);
    assert_eq!(guest.readdir(fid, 2, 20), refused(Errno::Inval), "not one entry fits");
    let more = guest.readdir(fid, 2, 60).unwrap();
    assert_eq!(more[0].1, 8);
}

#[test]
fn a_listing_goes_on_where_entries_were_removed_and_does_not_find_its_own_renames() {
    let mut guest = Client::new();
    guest.mkdir("d").unwrap();
    (0..50).for_each(|n| guest.put(&format!("d/{n}"), b""));
    let fid = guest.open("d", RDONLY).unwrap();
    let (mut offset, mut seen) = (0, Vec::new());
    loop {
        let entries = guest.readdir(fid, offset, 100).unwrap();
        let Some((last, _, _)) = entries.last() else { break };
        offset = *last;
        for (_, _, name) in entries.into_iter().filter(|(_, _, name)| !name.starts_with('.')) {
            if seen.len() % 2 == 0 {
                guest.unlink(&format!("d/{name}")).unwrap();
            } else {
                guest.rename(&format!("d/{name}"), &format!("d/{name}.x")).unwrap();
            }
            seen.push(name);
        }
    }
    assert_eq!(seen, (0..50).map(|n| n.to_string()).collect::<Vec<_>>());
    let again = guest.readdir(fid, 0, 10_000).unwrap();
    assert_eq!(again.len(), 2 + 25, "from the start, it shows the new names");
}

#[test]
fn the_older_messages_for_renaming_and_removing_work_by_fid() {
    let mut guest = Client::new();
    guest.put("a", b"x");
    guest.mkdir("d").unwrap();
    let (fid, dir) = (guest.walk(ROOT, "a").unwrap(), guest.walk(ROOT, "d").unwrap());
    guest.send(20, &[&fid, &dir, &"b"]).unwrap();
    assert_eq!(guest.get("d/b"), Ok(b"x".to_vec()));
    guest.send(122, &[&fid]).unwrap();
    assert_eq!(guest.ls("d").unwrap().len(), 0);
    assert_eq!(guest.clunk(fid), refused(Errno::BadF));
    assert_eq!(guest.send(122, &[&ROOT]), refused(Errno::Perm));
    assert_eq!(guest.clunk(ROOT), refused(Errno::BadF), "the fid goes even so");
}

#[test]
fn locks_are_given_and_extended_attributes_refused() {
    let mut guest = Client::new();
    let fid = guest.create("a", RDWR, 0o600).unwrap();
    let lock = guest.send(52, &[&fid, &1u8, &1u32, &0u64, &0u64, &7u32, &"guest"]).unwrap();
    assert_eq!(lock, [0]);
    let test = guest.send(54, &[&fid, &1u8, &5u64, &6u64, &7u32, &"guest"]).unwrap();
    assert_eq!(test[0], 2, "nobody is in the way");
    assert_eq!(test.len(), 1 + 8 + 8 + 4 + 2 + 5);
    assert_eq!(guest.send(30, &[&fid, &9u32, &"user.x"]), refused(Errno::OpNotSupp));
    assert_eq!(guest.send(32, &[&fid, &"user.x", &1u64, &0u32]), refused(Errno::OpNotSupp));
    assert_eq!(guest.send(102, &[&fid, &"", &"", &0u32]), refused(Errno::OpNotSupp));
    assert_eq!(guest.send(200, &[]), refused(Errno::OpNotSupp));
}

#[test]
fn a_full_store_says_so_and_takes_nothing() {
    let mut guest = Client::new();
    let fid = guest.create("a", RDWR, 0o600).unwrap();
    let piece = [1; 100_000];
    let written = (0..20).take_while(|n| guest.write(fid, n * 100_000, &piece).is_ok()).count();
    assert_eq!(written, 10);
    assert_eq!(guest.write(fid, 1_000_000, &piece), refused(Errno::NoSpc));
    assert_eq!(guest.stat_fid(fid).unwrap().size, 1_000_000);
    let statfs = guest.send(8, &[&ROOT]).unwrap();
    let word = |at: usize| u64::from_le_bytes(statfs[at..at + 8].try_into().unwrap());
    assert_eq!((word(8), word(16)), (256, (1_048_576 - 1_000_000) / 4096));
    guest.write(fid, 0, &piece).unwrap();
    guest.unlink("a").unwrap();
    guest.clunk(fid).unwrap();
    guest.put("b", &piece);
}

#[test]
fn what_the_host_sealed_the_guest_only_reads() {
    let mut guest = Client::new();
    let tree = guest.server.tree();
    ninep::testing::block_on(async {
        tree.host_mkdir(b"profiles/p", 0o755, (0, 0)).await.unwrap();
        tree.host_create(b"profiles/p/run", 0o755, (0, 0)).await.unwrap();
        tree.host_seal(b"profiles", true).await.unwrap();
        tree.host_write(b"profiles/p/run", 0, b"ok").await.unwrap();
        tree.host_create(b"profiles/later", 0o755, (0, 0)).await.unwrap();
    });
    assert_eq!(guest.get("profiles/p/run"), Ok(b"ok".to_vec()));
    guest.put("mine", b"");
    let ro = Errno::RoFs;
    assert_eq!(guest.open("profiles/p/run", RDWR), refused(ro));
    assert_eq!(guest.open("profiles/p/run", TRUNC), refused(ro));
    assert_eq!(guest.open("profiles/later", WRONLY), refused(ro));
    assert_eq!(guest.create("profiles/new", RDWR, 0).err(), Some(ro.code()));
    assert_eq!(guest.mkdir("profiles/p/new"), refused(ro));
    assert_eq!(guest.unlink("profiles/p/run"), refused(ro));
    assert_eq!(guest.rename("profiles", "other"), refused(ro));
    assert_eq!(guest.rename("profiles/p/run", "run"), refused(ro));
    assert_eq!(guest.rename("mine", "profiles/p/run"), refused(ro));
    assert_eq!(guest.link("profiles/p/run", "run"), refused(ro));
    assert_eq!(guest.link("mine", "profiles/mine"), refused(ro));
    assert_eq!(guest.truncate("profiles/p/run", 0), refused(ro));
    assert_eq!(guest.symlink("profiles/l", b"x"), refused(ro));

    let open = guest.open("mine", RDWR).unwrap();
    ninep::testing::block_on(guest.server.tree().host_seal(b"mine", true)).unwrap();
    assert_eq!(guest.write(open, 0, b"x"), refused(ro), "also what was opened before");
    ninep::testing::block_on(guest.server.tree().host_seal(b"mine", false)).unwrap();
    assert_eq!(guest.write(open, 0, b"x"), Ok(1));
}

#[test]
fn the_host_and_the_guest_see_one_tree() {
    let mut guest = Client::new();
    guest.mkdir("share").unwrap();
    guest.put("share/from guest", b"g");
    guest.symlink("share/l", b"t").unwrap();
    let open = guest.open("share/from guest", RDWR).unwrap();
    let tree = guest.server.tree();
    ninep::testing::block_on(async {
        let list = tree.host_list(b"share").await.unwrap();
        assert_eq!(list[0].name, b"from guest");
        assert_eq!(list[1].target.as_deref(), Some(&b"t"[..]));
        tree.host_create(b"share/up", 0o600, (1000, 1000)).await.unwrap();
        tree.host_write(b"/share//up", 0, b"h").await.unwrap();
        tree.host_rename(b"share/from guest", b"share/moved").await.unwrap();
        assert_eq!(tree.host_read(b"share/l/x", 0, &mut [0]).await, Err(Errno::NotDir), "links are not followed");
        assert_eq!(tree.host_stat(b"share/..").await.err(), Some(Errno::Inval));
        assert_eq!(tree.host_remove(b"/").await, Err(Errno::Inval));
    });
    assert_eq!(guest.get("share/up"), Ok(b"h".to_vec()));
    assert_eq!(guest.get("share/moved"), Ok(b"g".to_vec()));
    let tree = guest.server.tree();
    ninep::testing::block_on(tree.host_remove(b"share")).unwrap();
    assert_eq!(guest.ls("").unwrap().len(), 0);
    assert_eq!(guest.read(open, 0, 9), Ok(b"g".to_vec()), "what is open lives on");
}

#[test]
fn a_suspended_guest_that_meets_another_tree_finds_nothing_but_the_root() {
    let mut guest = Client::new();
    let clock = guest.clock.clone();
    guest.put("mine", b"m");
    let mine = guest.open("mine", RDWR).unwrap();
    let session = ninep::testing::block_on(guest.server.suspend()).unwrap();
    let mut other = Client::new();
    other.put("theirs", b"t");
    let tree = other.server.into_tree();
    let session = session.in_another_tree(ninep::FileTree::root(&tree));
    let server = ninep::testing::block_on(ninep::Server::resume(tree, MAX_MSIZE, &session)).unwrap();
    let mut guest = Client::resumed(server, clock);
    assert_eq!(guest.read(mine, 0, 99), refused(Errno::Stale), "its number is another file's here");
    assert_eq!(guest.clunk(mine), Ok(()));
    let theirs = guest.open("theirs", RDONLY).unwrap();
    assert_eq!(guest.read(theirs, 0, 99), Ok(b"t".to_vec()));
}

#[test]
fn a_suspended_guest_goes_on_with_its_files() {
    let mut guest = Client::new();
    let clock = guest.clock.clone();
    let removed = guest.create("gone", RDWR, 0o600).unwrap();
    guest.write(removed, 0, b"still here").unwrap();
    guest.unlink("gone").unwrap();
    guest.put("kept", b"k");
    let kept = guest.open("kept", RDONLY).unwrap();
    let session = ninep::testing::block_on(guest.server.suspend()).unwrap();
    let session = serde_json::from_str(&serde_json::to_string(&session).unwrap()).unwrap();
    let tree = open_tree(guest.server.into_tree().into_store(), &clock);
    let server = ninep::testing::block_on(ninep::Server::resume(tree, MAX_MSIZE, &session)).unwrap();
    let mut guest = Client::resumed(server, clock.clone());
    assert_eq!(guest.read(removed, 0, 99), Ok(b"still here".to_vec()));
    assert_eq!(guest.read(kept, 0, 99), Ok(b"k".to_vec()));
    guest.clunk(removed).unwrap();
    guest.unlink("kept").unwrap();

    // The machine is put back to the older session, the files are not.
    let mut store = guest.server.into_tree();
    ninep::testing::block_on(ninep::FileTree::sync_all(&mut store)).unwrap();
    let tree = open_tree(store.into_store(), &clock);
    let server = ninep::testing::block_on(ninep::Server::resume(tree, MAX_MSIZE, &session)).unwrap();
    let mut guest = Client::resumed(server, clock);
    assert_eq!(guest.read(removed, 0, 99), refused(Errno::Stale), "it was closed, and went");
    assert_eq!(guest.read(kept, 0, 99), Ok(b"k".to_vec()), "it was open to the last");
    assert_eq!(guest.clunk(kept), Ok(()));
    assert_eq!(guest.ls("").unwrap().len(), 0);
}
