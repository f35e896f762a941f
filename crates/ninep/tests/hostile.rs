//! Messages that no client sends, and stores that wait.

#![allow(clippy::unwrap_used, reason = "in a test, an error is a failure")]

mod support;

use ninep::testing::{block_on, now, yield_once};
use ninep::*;
use proptest::prelude::*;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use support::*;

/// What may be wrong with a message's frame never matters for what follows.
fn ask(server: &mut Server<Tree>, message: &[u8]) {
    let reply = block_on(server.handle(message));
    assert_eq!(u32::from_le_bytes(reply[..4].try_into().unwrap()) as usize, reply.len());
    assert!(reply.len() <= MAX_MSIZE as usize);
    if message.len() >= 7 {
        assert_eq!(reply[5..7], message[5..7], "the tag is the request's");
    }
}

fn errno(reply: &[u8]) -> Option<u32> {
    (reply[4] == 7).then(|| u32::from_le_bytes(reply[7..11].try_into().unwrap()))
}

#[test]
fn what_is_no_message_gets_an_error() {
    let mut guest = Client::new();
    let mut answer = |message: &[u8]| errno(&block_on(guest.server.handle(message)));
    let proto = Some(Errno::Proto.code());
    assert_eq!(answer(b""), proto);
    assert_eq!(answer(&[7, 0, 0, 0, 100, 0]), proto);
    assert_eq!(answer(&message(116, 1, &[&ROOT])), proto, "fields are missing");
    let mut short = message(120, 1, &[&ROOT]);
    short[0] = 6;
    assert_eq!(answer(&short), proto, "smaller than its own head");
    short[0] = 200;
    assert_eq!(answer(&short), proto, "larger than what came");
    let walk: Vec<u32> = vec![ROOT, 5];
    assert_eq!(answer(&message(110, 1, &[&walk[0], &walk[1], &17u16])), proto, "too many names");
    assert_eq!(answer(&message(118, 1, &[&ROOT, &0u64, &u32::MAX])), proto, "less data than announced");
    assert_eq!(answer(&message(100, 1, &[&8192u32, &"9P2000.L"])), proto, "a version has no tag");
    assert_eq!(answer(&message(24, 1, &[&ROOT, &0u64])), None, "and it goes on");
}

#[test]
fn a_guest_can_have_only_so_many_fids() {
    let mut guest = Client::new();
    let made = (1..).take_while(|fid: &u32| guest.send(110, &[&ROOT, fid, &0u16]).is_ok()).count();
    assert_eq!(made, (1 << 16) - 1);
    assert_eq!(guest.send(110, &[&ROOT, &u32::MAX, &0u16]), refused(Errno::NFile));
}

#[test]
fn numbers_at_their_limits_are_refused() {
    let mut guest = Client::new();
    let fid = guest.create("a", RDWR, 0o600).unwrap();
    assert_eq!(guest.write(fid, u64::MAX, b"xx"), refused(Errno::FBig));
    assert_eq!(guest.write(fid, 1 << 43, b"x"), refused(Errno::FBig));
    assert_eq!(guest.write(fid, 1 << 42, b"x"), refused(Errno::NoSpc));
    assert_eq!(guest.truncate("a", u64::MAX), refused(Errno::FBig));
    let dir = guest.open("", RDONLY).unwrap();
    assert_eq!(guest.readdir(dir, u64::MAX, 4096), Ok(Vec::new()));
}

/// A store that is not ready at once.
#[derive(Default)]
struct Slow(MemoryStore);

impl BlobStore for Slow {
    async fn list(&mut self) -> Result<Vec<BlobId>, StoreError> {
        self.0.list().await
    }
    async fn create(&mut self, id: BlobId) -> Result<(), StoreError> {
        yield_once().await;
        self.0.create(id).await
    }
    async fn len(&mut self, id: BlobId) -> Result<u64, StoreError> {
        self.0.len(id).await
    }
    async fn read_at(&mut self, id: BlobId, offset: u64, buf: &mut [u8]) -> Result<usize, StoreError> {
        yield_once().await;
        self.0.read_at(id, offset, buf).await
    }
    async fn write_at(&mut self, id: BlobId, offset: u64, data: &[u8]) -> Result<(), StoreError> {
        yield_once().await;
        self.0.write_at(id, offset, data).await
    }
    async fn truncate(&mut self, id: BlobId, len: u64) -> Result<(), StoreError> {
        self.0.truncate(id, len).await
    }
    async fn flush(&mut self, id: BlobId) -> Result<(), StoreError> {
        yield_once().await;
        self.0.flush(id).await
    }
    async fn remove(&mut self, id: BlobId) -> Result<(), StoreError> {
        self.0.remove(id).await
    }
}

#[test]
fn a_flush_is_answered_after_the_message_that_it_names_and_that_one_is_done() {
    let tree = block_on(MetaTree::open(Slow::default(), Settings::default(), Time::default)).unwrap();
    let server = Turns::new(block_on(Server::start(tree, MAX_MSIZE)).unwrap());
    let answer = |bytes: Vec<u8>| {
        let turn = server.turn();
        async move { turn.await.handle(&bytes).await }
    };
    block_on(answer(message(100, u16::MAX, &[&8192u32, &"9P2000.L"])));
    block_on(answer(message(104, 1, &[&ROOT, &NO_FID, &"", &"", &0u32])));
    let (mut mkdir, mut flush) =
        (pin!(answer(message(72, 5, &[&ROOT, &"d", &0o755u32, &0u32]))), pin!(answer(message(108, 6, &[&5u16]))));
    let mut context = Context::from_waker(Waker::noop());
    assert!(mkdir.as_mut().poll(&mut context).is_pending());
    for _ in 0..10 {
        assert!(flush.as_mut().poll(&mut context).is_pending(), "the other one is pending");
    }
    let Poll::Ready(made) = mkdir.as_mut().poll(&mut context) else { panic!("it waits once") };
    body(&made, 72, 5).unwrap();
    let Poll::Ready(flushed) = flush.as_mut().poll(&mut context) else { panic!("it has no more to wait for") };
    assert_eq!(body(&flushed, 108, 6), Ok(Vec::new()));
    let mut held = now(server.turn()).unwrap();
    assert!(block_on(held.tree().host_stat(b"d")).is_ok());
}

fn plausible() -> impl Strategy<Value = Vec<u8>> {
    let kinds = vec![
        8u8, 12, 14, 16, 18, 20, 22, 24, 26, 30, 40, 50, 52, 54, 70, 72, 74, 76, 104, 108, 110, 116, 118, 120, 122,
    ];
    let word = prop_oneof![
        4 => (0u32..4).prop_map(|n| n.to_le_bytes().to_vec()),
        1 => any::<u32>().prop_map(|n| n.to_le_bytes().to_vec()),
        3 => prop::sample::select(vec!["a", "b", "..", "a/b", ""]).prop_map(|name| {
            let mut out = Vec::new();
            name.put(&mut out);
            out
        }),
        1 => any::<u16>().prop_map(|n| n.to_le_bytes().to_vec()),
    ];
    (prop::sample::select(kinds), prop::collection::vec(word, 0..14))
        .prop_map(|(kind, words)| message(kind, 1, &[&Raw(&words.concat())]))
}

/// How many runs of up to 80 messages there are: a million messages with `NINEP_CASES=25000`.
fn cases() -> u32 {
    std::env::var("NINEP_CASES").map_or(150, |text| text.parse().unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_comes_is_answered_and_leaves_a_whole_tree(
        messages in prop::collection::vec(
            prop_oneof![9 => plausible(), 1 => prop::collection::vec(any::<u8>(), 0..60)], 1..80),
    ) {
        let mut guest = Client::new();
        guest.put("a", b"x");
        guest.mkdir("b").unwrap();
        messages.iter().for_each(|message| ask(&mut guest.server, message));
        let mut tree = guest.server.into_tree();
        block_on(FileTree::sync_all(&mut tree)).unwrap();
        // Opening checks that everything with a name can be reached.
        open_tree(tree.into_store(), &Clock::default());
    }

    #[test]
    fn any_journal_is_a_tree_or_an_error(at in 0usize..600, bytes: Vec<u8>, keep_sums: bool) {
        let clock = Clock::default();
        let mut guest = Client::mount(open_tree(MemoryStore::default(), &clock), clock);
        guest.put("a", b"x");
        guest.mkdir("b").unwrap();
        guest.rename("a", "b/c").unwrap();
        let mut store = guest.server.into_tree().into_store();
        let journal = store.blob_mut(0);
        let at = at % journal.len();
        let end = journal.len().min(at + bytes.len());
        journal[at..end].copy_from_slice(&bytes[..end - at]);
        if keep_sums {
            testing::mend_journal(journal);
        }
        let _ = block_on(MetaTree::open(store, Settings::default(), Time::default));
    }
}
