use super::*;
use message::{answer, parse, query};

const PLAN: Plan = Plan { a: 9, b: 8 };

struct Names {
    leases: Leases,
    others: BTreeMap<String, Ipv4Addr>,
    outside: Outside,
    pool: Pool,
}

fn names() -> Names {
    let mac = "52:54:00:00:00:01".parse().unwrap();
    let kept = super::super::dhcp::Lease { mac, address: PLAN.host(20), name: "alpine-1".into() };
    let mut leases = Leases::new(PLAN, vec![kept]);
    leases.attach(crate::switch::PortId(1), mac, "alpine-1");
    let others =
        BTreeMap::from([("friend".to_owned(), [10, 3, 3, 7].into()), ("web.bob".to_owned(), [10, 3, 3, 8].into())]);
    Names { leases, others, outside: Outside::default(), pool: Pool::default() }
}

impl Names {
    fn ask(&mut self, name: &str, kind: u16) -> (Code, Vec<Record>) {
        let mut context = Context {
            plan: PLAN,
            domain: "lan",
            leases: &self.leases,
            others: &self.others,
            outside: &self.outside,
            pool: &mut self.pool,
            refused: None,
            now: Duration::ZERO,
        };
        let bytes = query(1, name, kind);
        let query = parse(&bytes).unwrap();
        let (code, ttl, records) = look_up(&mut context, &query);
        assert_eq!(respond(&mut context, &bytes), Some(answer(&query, code, ttl, &records)));
        (code, records)
    }
}

#[test]
fn machines_here_and_elsewhere_have_names_and_addresses() {
    let mut names = names();
    let address = |last: [u8; 4]| (Code::Ok, vec![Record::Address(last.into())]);
    assert_eq!(names.ask("alpine-1.lan", kind::A), address([10, 9, 8, 20]));
    assert_eq!(names.ask("friend.lan", kind::A), address([10, 3, 3, 7]));
    assert_eq!(names.ask("web.bob.lan", kind::A), address([10, 3, 3, 8]));
    assert_eq!(names.ask("gateway", kind::A), address([10, 9, 8, 1]));
    assert_eq!(names.ask("localhost", kind::A), address([127, 0, 0, 1]));
    assert_eq!(names.ask("alpine-1.lan", 28), (Code::Ok, vec![]), "no IPv6, and no error");
    for name in ["nobody.lan", "lan", "x.alpine-1.lan", ""] {
        assert_eq!(names.ask(name, kind::A), (Code::NoSuchName, vec![]), "{name}");
    }
}

#[test]
fn addresses_have_names() {
    let mut names = names();
    let name = |name: &str| (Code::Ok, vec![Record::Name(name.into())]);
    assert_eq!(names.ask("20.8.9.10.in-addr.arpa", kind::PTR), name("alpine-1.lan"));
    assert_eq!(names.ask("7.3.3.10.in-addr.arpa", kind::PTR), name("friend.lan"));
    assert_eq!(names.ask("1.8.9.10.in-addr.arpa", kind::PTR), name("gateway.lan"));
    assert_eq!(names.ask("21.8.9.10.in-addr.arpa", kind::PTR), (Code::NoSuchName, vec![]));
    assert_eq!(names.ask("x.8.9.10.in-addr.arpa", kind::PTR), (Code::NoSuchName, vec![]));
    names.outside.everything = true;
    let (_, records) = names.ask("example.org", kind::A);
    let Record::Address(address) = records[0] else { panic!("{records:?}") };
    let [a, b, c, d] = address.octets();
    assert_eq!(names.ask(&format!("{d}.{c}.{b}.{a}.in-addr.arpa"), kind::PTR), name("example.org"));
}

#[test]
fn the_outside_world_is_what_the_machine_may_reach() {
    let mut names = names();
    assert_eq!(names.ask("example.org", kind::A).0, Code::NoSuchName);
    names.outside.hosts = vec!["example.org".into(), "nas".into()];
    assert_eq!(names.ask("example.org", kind::A).0, Code::Ok);
    assert_eq!(names.ask("nas", kind::A).0, Code::Ok, "named by the user");
    assert_eq!(names.ask("www.example.org", kind::A).0, Code::NoSuchName);
    names.outside.everything = true;
    assert_eq!(names.ask("www.example.org", kind::A).0, Code::Ok);
    assert_eq!(names.ask("www.example.org", 65), (Code::Ok, vec![]), "nothing but addresses");
    for local in ["printer.local", "metadata.google.internal", "router", "x.home.arpa", "a.b.lan"] {
        assert_eq!(names.ask(local, kind::A).0, Code::NoSuchName, "{local}");
    }
}
