//! What the fuzz targets do with their bytes. Nothing may panic; every message gets a whole reply; what is left can be opened.

use ninep::testing::{block_on, mend_journal};
use ninep::{FileTree, MAX_MSIZE, MemoryStore, MetaTree, Server, Settings, Time};

/// Small enough that a guest can fill it.
const SETTINGS: Settings = Settings { quota: 1 << 20, max_inodes: 200 };

fn framed(kind: u8, tag: u16, body: &[u8]) -> Vec<u8> {
    let size = u32::try_from(7 + body.len()).expect("the input is short");
    [&size.to_le_bytes()[..], &[kind], &tag.to_le_bytes(), body].concat()
}

fn open(store: MemoryStore) -> Option<MetaTree<MemoryStore>> {
    block_on(MetaTree::open(store, SETTINGS, Time::default)).ok()
}

/// Takes bytes as messages: each a type, a length, and as many bytes of fields; or, from type 0xff on, bytes without a frame.
pub fn messages(mut data: &[u8]) {
    let tree = open(MemoryStore::default()).expect("memory does not fail");
    let mut server = block_on(Server::start(tree, MAX_MSIZE)).expect("memory does not fail");
    let version = [&65_536u32.to_le_bytes()[..], &8u16.to_le_bytes(), b"9P2000.L"].concat();
    let attach = [&[0; 4][..], &[0xff; 4], &[0; 8]].concat();
    block_on(server.handle(&framed(100, u16::MAX, &version)));
    block_on(server.handle(&framed(104, 1, &attach)));
    while let [kind, len, rest @ ..] = data {
        let (body, rest) = rest.split_at(rest.len().min(usize::from(*len)));
        data = rest;
        let message = if *kind == u8::MAX { body.to_vec() } else { framed(*kind, 7, body) };
        let reply = block_on(server.handle(&message));
        let size = u32::from_le_bytes(reply[..4].try_into().expect("a reply has a head"));
        assert_eq!(size as usize, reply.len());
        assert!(reply.len() <= MAX_MSIZE as usize);
    }
    let mut tree = server.into_tree();
    block_on(tree.sync_all()).expect("memory does not fail");
    assert!(open(tree.into_store()).is_some(), "what it wrote is whole");
}

/// Takes bytes as a journal whose checksums are right, and uses the tree if it is one.
pub fn journal(data: &[u8]) {
    let mut slot = data.to_vec();
    mend_journal(&mut slot);
    let mut store = MemoryStore::default();
    *store.blob_mut(0) = slot;
    let Some(mut tree) = open(store) else { return };
    block_on(async {
        let _ = tree.reap().await;
        for entry in tree.host_list(b"").await.unwrap_or_default() {
            let mut buf = [0; 64];
            let _ = tree.read(entry.attr.ino, 0, &mut buf).await;
            let _ = tree.write(entry.attr.ino, 10, b"x").await;
            let _ = tree.host_rename(&entry.name, b"moved").await;
            let _ = tree.host_remove(b"moved").await;
        }
        let _ = tree.sync_all().await;
    });
}
