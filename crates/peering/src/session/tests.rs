use super::*;
use crate::{Address, Candidate, CandidateKind};

const NOW: u32 = 1_800_000_000;
const T: Duration = Duration::from_secs(1);

fn own(name: &str, b: u8) -> Own {
    Own { name: name.to_owned(), numbers: Numbers { a: 20, b }, nonce: [b; 16] }
}

fn essentials(fingerprint: u8) -> Essentials {
    let candidate =
        Candidate { kind: CandidateKind::Host, address: Address::Ip([192, 0, 2, fingerprint].into()), port: 9 };
    Essentials {
        fingerprint: [fingerprint; 32],
        ufrag: "abcd".to_owned(),
        pwd: "0123456789abcdef01234567".to_owned(),
        candidates: vec![candidate],
    }
}

fn machines(b: u8) -> Vec<Machine> {
    vec![Machine { name: "alpine-1".to_owned(), address: [10, 20, b, 10].into(), watch: false }]
}

fn read(code: &Code) -> Code {
    Code::from_text(&code.to_text().unwrap()).unwrap()
}

/// Two sides that have each other's codes.
fn paired() -> (Session, Session) {
    let mut ann = Session::invite(own("ann", 1), [5; 8], NOW);
    let invitation = read(&ann.to_code(essentials(1)));
    let mut bob = Session::join(own("bob", 2), &invitation, NOW + 1).unwrap();
    let answer = read(&bob.to_code(essentials(2)));
    ann.take_answer(&answer, NOW + 2).unwrap();
    (ann, bob)
}

fn say(message: &Message, to: &mut Session) -> Result<Option<Event>, ControlError> {
    to.receive(&message.to_bytes(), T)
}

#[test]
fn both_see_the_same_words_and_nothing_flows_until_both_accept() {
    let (mut ann, mut bob) = paired();
    assert_eq!(ann.accept(machines(1)), Err(ControlError::Order), "nobody can accept before the words are there");
    assert_eq!(say(&ann.hello(), &mut bob), Ok(Some(Event::Words)));
    assert_eq!(say(&bob.hello(), &mut ann), Ok(Some(Event::Words)));
    assert_eq!(ann.words().unwrap(), bob.words().unwrap());
    assert_eq!((ann.theirs().unwrap().name.as_str(), bob.theirs().unwrap().name.as_str()), ("bob", "ann"));

    let accept = ann.accept(machines(1)).unwrap();
    assert!(!ann.is_joined() && ann.machines().is_empty());
    assert_eq!(say(&accept, &mut bob), Ok(None));
    assert!(!bob.is_joined() && bob.was_accepted());
    let accept = bob.accept(machines(2)).unwrap();
    assert!(bob.is_joined());
    assert_eq!(bob.machines(), machines(1));
    assert_eq!(say(&accept, &mut ann), Ok(Some(Event::Joined)));
    assert!(ann.is_joined());
    assert_eq!(ann.machines(), machines(2));

    assert_eq!(ann.share(machines(1)), None, "nothing new is not told");
    let fewer = ann.share(vec![]).unwrap();
    assert_eq!(say(&fewer, &mut bob), Ok(Some(Event::Machines)));
    assert!(bob.machines().is_empty());
    assert_eq!(say(&Message::Ping { number: 4, sent: 0 }, &mut ann), Ok(Some(Event::Ping(4))));
    let bye = Message::Bye { reason: "done".to_owned() };
    assert_eq!(say(&bye, &mut ann), Ok(Some(Event::Bye("done".to_owned()))));
}

/// Somebody between the two gives each of them a code of his own, and passes on what they say.
#[test]
fn whoever_swaps_fingerprints_makes_the_words_differ() {
    let mut ann = Session::invite(own("ann", 1), [5; 8], NOW);
    let mut invitation = read(&ann.to_code(essentials(1)));
    // All is as Ann wrote it, but for the certificate.
    invitation.essentials = essentials(66);
    let mut bob = Session::join(own("bob", 2), &read(&invitation), NOW).unwrap();
    let mut answer = read(&bob.to_code(essentials(2)));
    answer.essentials = essentials(77);
    ann.take_answer(&read(&answer), NOW).unwrap();
    assert_eq!(say(&ann.hello(), &mut bob), Ok(Some(Event::Words)));
    assert_eq!(say(&bob.hello(), &mut ann), Ok(Some(Event::Words)));
    assert_ne!(ann.words().unwrap(), bob.words().unwrap());
}

/// Who could choose a random number after he has seen the other's could look for one that gives the same words.
#[test]
fn nobody_can_choose_a_number_late() {
    let (mut ann, mut bob) = paired();
    let Message::Hello { version, name, numbers, .. } = ann.hello() else { panic!() };
    let late = Message::Hello { version, nonce: [99; 16], name, numbers };
    assert_eq!(say(&late, &mut bob), Err(ControlError::Mismatch));
    let Message::Hello { version, name, numbers, .. } = bob.hello() else { panic!() };
    let late = Message::Hello { version, nonce: [99; 16], name, numbers };
    assert_eq!(say(&late, &mut ann), Err(ControlError::Mismatch));
    assert!(ann.words().is_none() && bob.words().is_none());
}

#[test]
fn each_wrong_code_has_its_sentence() {
    let mut ann = Session::invite(own("ann", 1), [5; 8], NOW);
    let invitation = ann.to_code(essentials(1));
    let join = |own, code: &Code, now| Session::join(own, code, now).map(drop);
    let late = NOW + LIFETIME;
    assert_eq!(join(own("bob", 2), &invitation, late), Err(CodeError::Expired.into()));
    assert_eq!(join(own("bob", 1), &invitation, NOW), Err(PairingError::SameNumbers(Numbers { a: 20, b: 1 })));
    assert_eq!(ann.take_answer(&invitation, NOW), Err(CodeError::Own.into()));

    let mut bob = Session::join(own("bob", 2), &invitation, NOW).unwrap();
    let answer = bob.to_code(essentials(2));
    assert_eq!(join(own("eve", 3), &answer, NOW), Err(CodeError::NotInvitation.into()));
    assert_eq!(bob.take_answer(&answer, NOW), Err(CodeError::Own.into()));
    let other = Session::invite(own("eve", 3), [6; 8], NOW).to_code(essentials(3));
    assert_eq!(ann.take_answer(&other, NOW), Err(CodeError::NotAnswer.into()));
    let mut stranger = Session::join(own("bob", 2), &other, NOW).unwrap();
    let strange = stranger.to_code(essentials(2));
    assert_eq!(ann.take_answer(&strange, NOW), Err(CodeError::OtherInvitation.into()));
    assert_eq!(ann.take_answer(&answer, late), Err(CodeError::Expired.into()));
    assert_eq!(ann.take_answer(&answer, NOW), Ok(()));
    assert_eq!(ann.take_answer(&answer, NOW), Err(CodeError::Used.into()));
}

#[test]
fn a_peer_that_does_not_keep_the_order_is_not_believed() {
    let (mut ann, bob) = paired();
    for early in [Message::Accept { machines: machines(2) }, Message::Machines { machines: vec![] }] {
        assert_eq!(say(&early, &mut ann.clone()), Err(ControlError::Order));
    }
    say(&bob.hello(), &mut ann).unwrap();
    assert_eq!(say(&bob.hello(), &mut ann), Err(ControlError::Order), "hello is said once");
    assert_eq!(say(&Message::Machines { machines: vec![] }, &mut ann), Err(ControlError::Order));
    say(&Message::Accept { machines: machines(2) }, &mut ann).unwrap();
    assert!(!ann.is_joined(), "one side alone joins nothing");
    let watch = Message::Watch { machine: "alpine-1".to_owned(), on: true };
    assert_eq!(say(&watch, &mut ann.clone()), Err(ControlError::Order), "nobody looks before both have accepted");
    assert_eq!(say(&Message::Accept { machines: machines(2) }, &mut ann), Err(ControlError::Order));
    // Somebody else can't take over by a restart.
    let restart = |fingerprint| Message::Restart { essentials: essentials(fingerprint), answer: false };
    assert_eq!(say(&restart(3), &mut ann), Err(ControlError::Mismatch));
    assert!(matches!(say(&restart(2), &mut ann), Ok(Some(Event::Restart { .. }))));
    let second = Message::Second { essentials: essentials(9), answer: true };
    assert_eq!(say(&second, &mut ann.clone()), Err(ControlError::Order), "what is not joined has no second connection");
    let flood = (0..100).map(|number| say(&Message::Ping { number, sent: 0 }, &mut ann)).find(Result::is_err);
    assert_eq!(flood, Some(Err(ControlError::TooMany)));
}

#[test]
fn whoever_invited_begins_a_second_connection_and_the_other_side_answers() {
    let (mut ann, mut bob) = paired();
    say(&ann.hello(), &mut bob).unwrap();
    say(&bob.hello(), &mut ann).unwrap();
    say(&ann.accept(machines(1)).unwrap(), &mut bob).unwrap();
    say(&bob.accept(machines(2)).unwrap(), &mut ann).unwrap();
    let second = |fingerprint, answer| Message::Second { essentials: essentials(fingerprint), answer };
    assert_eq!(say(&second(8, false), &mut bob), Ok(Some(Event::Second(essentials(8)))));
    assert_eq!(say(&second(9, true), &mut ann), Ok(Some(Event::Second(essentials(9)))));
    assert_eq!(say(&second(8, false), &mut ann), Err(ControlError::Order));
    assert_eq!(say(&second(9, true), &mut bob), Err(ControlError::Order));
}

#[test]
fn a_peer_names_machines_of_its_own_addresses_only() {
    let (mut ann, mut bob) = paired();
    say(&ann.hello(), &mut bob).unwrap();
    say(&bob.hello(), &mut ann).unwrap();
    let foreign = Machine { name: "bank".to_owned(), address: [10, 20, 1, 10].into(), watch: false };
    let said = [machines(2), vec![foreign]].concat();
    say(&Message::Accept { machines: said }, &mut ann).unwrap();
    assert_eq!(ann.machines(), machines(2));
}
