//! The catalog under the very DuckDB that the extension packages, in Node.js.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure fails the test")]

mod support;

use catalog::{Catalog, Engine, Found, KnownProfile, MIGRATIONS, OpenError, ReadError, VERSION, Value, migrate};
use layers::Record;
use protocol::*;
use support::{Duck, database};

fn open(duck: Duck) -> Catalog<Duck> {
    Catalog::open(duck, "me").unwrap()
}

fn instance(bits: u64, name: &str) -> Instance {
    let template = TemplateId::try_from("alpine".to_owned()).unwrap();
    Instance::new(InstanceId::from_random(bits), name.to_owned(), template, MemoryMib::DEFAULT, 1_700_000_000_000)
}

fn mirror(instances: Vec<Instance>) -> Mirror {
    let template = TemplateId::try_from("alpine".to_owned()).unwrap();
    let image = ImageFile { path: "images/a".to_owned(), sha256: "a".repeat(64), bytes: 5, disk_bytes: 6 };
    let entry = Template {
        id: template.clone(),
        packaged: true,
        plan: Plan::plain("Alpine", "Small.", template.clone()),
        disk: None,
    };
    let plan = Plan {
        memory: Some(MemoryMib::DEFAULT),
        cmdline: "quiet".to_owned(),
        access: Access { web: true, ..Access::default() },
        workspace: Some(1 << 30),
        ..Plan::plain("Mine", "", template.clone())
    };
    let disk = TemplateDisk {
        holder: InstanceId::from_random(5),
        machine: "web-1".to_owned(),
        saved: 0,
        start_from: StartFrom::Disk,
        workspace: false,
    };
    let own = Template { id: "own-1".to_owned().try_into().unwrap(), packaged: false, plan, disk: Some(disk) };
    let both = |template: Template, cmdline: &str| (template, cmdline.to_owned(), image.clone());
    let templates = vec![both(entry, "root=/dev/sda"), both(own, "root=/dev/sda quiet")];
    let settings = Settings { memory: MemoryMib::DEFAULT, template, theme: Theme::Dark };
    Mirror { instances, templates, settings }
}

fn booted(id: u64, time: u64, of: &Instance, duration: u64) -> Event {
    Event {
        machine: Some(of.id.clone()),
        name: Some(of.name.clone()),
        boot: Some(1),
        duration: Some(duration),
        ..catalog::waiting::event(EventKind::Booted, time, id)
    }
}

fn ask(catalog: &mut Catalog<Duck>, sql: &str) -> Result<Table, ReadError> {
    let request = CatalogRequest::Query { sql: sql.to_owned(), rows: 100 };
    catalog.answer(&request).map(|table| table.unwrap())
}

fn rows(catalog: &mut Catalog<Duck>, sql: &str) -> Vec<Vec<String>> {
    let table = ask(catalog, sql).unwrap();
    table
        .rows
        .into_iter()
        .map(|row| row.into_iter().map(|value| value.unwrap_or("NULL".to_owned())).collect())
        .collect()
}

#[test]
fn everything_that_is_saved_can_be_asked_for() {
    let Some(duck) = database() else { return };
    let mut catalog = open(duck);
    assert!(catalog.is_new() && catalog.identity() == "me");
    let one = instance(1, "web-1");
    let record = Record::new(LayerId::from_random(3));
    let fresh = NewSnapshot { id: SnapshotId::from_random(4), name: "a; DROP'".to_owned(), created: 5, memory: false };
    let record = record.freeze(Some(fresh), None, || LayerId::from_random(9)).unwrap().record;
    let events = [booted(7, 1_700_000_000_123, &one, 612), booted(8, 1_700_000_100_000, &one, 480)];
    let profile = |name: &str, changed: Option<u64>| KnownProfile {
        name: name.to_owned(),
        version: "1.0".to_owned(),
        own: changed.is_some(),
        description: format!("What {name} is."),
        changed,
    };
    let profiles = vec![profile("git", None), profile("mine", Some(1_700_000_000_000))];
    let found = Found { records: vec![(one.id.clone(), record)], profiles };
    for _ in 0..2 {
        catalog.save(&events, &mirror(vec![one.clone()]), &found).unwrap();
    }
    assert_eq!(
        rows(&mut catalog, "SELECT name, version, source, description, changed FROM profiles"),
        [
            ["git", "1.0", "built-in", "What git is.", "NULL"],
            ["mine", "1.0", "own", "What mine is.", "2023-11-14 22:13:20"]
        ]
    );
    assert_eq!(
        rows(&mut catalog, "SELECT name, template, memory_mib, cmdline, state, last_boot, last_boot_ms FROM instances"),
        [["web-1", "alpine", "256", "root=/dev/sda", "stopped", "2023-11-14 22:15:00", "480"]]
    );
    assert_eq!(rows(&mut catalog, "SELECT machine, name, created::VARCHAR FROM snapshots")[0][1], "a; DROP'");
    assert_eq!(rows(&mut catalog, "SELECT count(*) FROM disks"), [["1"]]);
    assert_eq!(
        rows(
            &mut catalog,
            "SELECT title, cmdline, packaged, memory_mib, access, workspace_bytes, saved_from FROM templates"
        ),
        [
            ["Alpine", "root=/dev/sda", "true", "NULL", "mirrors", "NULL", "NULL"],
            ["Mine", "root=/dev/sda quiet", "false", "256", "web", "1073741824", "web-1"]
        ]
    );
    assert_eq!(rows(&mut catalog, "SELECT count(*) FROM images"), [["1"]]);
    assert_eq!(rows(&mut catalog, "SELECT disk_bytes FROM images"), [["6"]]);
    assert!(rows(&mut catalog, "SELECT value FROM ui_state")[0][0].contains("dark"));
    // Twice saved is once there; what is gone from the list is gone from the table, its history is not.
    assert_eq!(
        rows(&mut catalog, "SELECT time FROM events ORDER BY id"),
        [["2023-11-14 22:13:20.123"], ["2023-11-14 22:15:00"]]
    );
    catalog.save(&[], &mirror(vec![]), &Found::default()).unwrap();
    assert_eq!(rows(&mut catalog, "SELECT count(*) FROM instances"), [["0"]]);
    assert_eq!(rows(&mut catalog, "SELECT count(*) FROM events"), [["2"]]);
}

#[test]
fn events_are_found_by_machine_kind_and_time_newest_first() {
    let Some(duck) = database() else { return };
    let mut catalog = open(duck);
    let (one, two) = (instance(1, "one"), instance(2, "two"));
    let stopped = Event { machine: Some(two.id.clone()), ..catalog::waiting::event(EventKind::Stopped, 3_000, 3) };
    catalog
        .save(&[booted(1, 1_000, &one, 5), booted(2, 2_000, &two, 6), stopped], &mirror(vec![]), &Found::default())
        .unwrap();
    let mut ids = |filter: EventFilter| {
        let table = catalog.answer(&CatalogRequest::Events(filter)).unwrap().unwrap();
        assert_eq!(table.columns.len(), EVENT_COLUMNS.len());
        let ids: Vec<String> = table.rows.into_iter().map(|row| row[0].clone().unwrap()).collect();
        (ids.join(" "), table.more)
    };
    let all = EventFilter { limit: 10, ..EventFilter::default() };
    assert_eq!(ids(all.clone()), ("3 2 1".to_owned(), false));
    assert_eq!(ids(EventFilter { limit: 2, ..all.clone() }), ("3 2".to_owned(), true));
    assert_eq!(ids(EventFilter { machine: Some(two.id), ..all.clone() }).0, "3 2");
    assert_eq!(ids(EventFilter { kinds: vec![EventKind::Booted, EventKind::Crashed], ..all.clone() }).0, "2 1");
    assert_eq!(ids(EventFilter { since: Some(2_000), ..all }).0, "3 2");
}

#[test]
fn a_question_can_not_change_anything_even_if_the_guard_lets_it_through() {
    let Some(duck) = database() else { return };
    let mut catalog = open(duck);
    let one = instance(1, "one");
    catalog.save(&[booted(1, 1_000, &one, 5)], &mirror(vec![one]), &Found::default()).unwrap();
    for sql in [
        "DELETE FROM events",
        "SELECT * FROM \"/etc/passwd.csv\"",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT 1; DELETE FROM events",
        "SELECT 1) ; DELETE FROM events; SELECT (1",
        "FROM duckdb_nothing()",
        "SELECT nothing FROM events",
    ] {
        assert!(matches!(ask(&mut catalog, sql), Err(ReadError::Problem(_))), "{sql}");
    }
    let Err(ReadError::Problem(problem)) = ask(&mut catalog, "SELECT nothing FROM events") else { panic!() };
    assert!(
        problem.message.starts_with("Binder Error: Referenced column \"nothing\" not found"),
        "{}",
        problem.message
    );
    assert!(problem.message.contains("LINE 1: SELECT nothing FROM events"), "{}", problem.message);
    assert_eq!(rows(&mut catalog, "SELECT count(*) FROM events"), [["1"]]);
}

#[test]
fn the_engine_itself_reaches_no_file_and_stays_so() {
    let Some(duck) = database() else { return };
    let mut duck = duck;
    Catalog::open(&mut duck, "me").unwrap();
    for sql in [
        "SET enable_external_access = true",
        "SET autoinstall_known_extensions = true",
        "ATTACH '/tmp/other.db'",
        "COPY events TO '/tmp/events.csv'",
        "SELECT * FROM read_text('/etc/passwd')",
        "LOAD json",
    ] {
        assert!(duck.run(sql, &[]).is_err(), "{sql}");
    }
    duck.run("BEGIN TRANSACTION READ ONLY", &[]).unwrap();
    let refused = duck.run("DELETE FROM events", &[]).unwrap_err();
    assert!(refused.to_string().contains("read-only"), "{refused}");
}

#[test]
fn questions_of_every_form_are_answered_with_names_types_and_nulls() {
    let Some(duck) = database() else { return };
    let mut catalog = open(duck);
    let table = ask(&mut catalog, "SELECT 1 AS a, NULL AS b, [1, 2] AS \"a list\" -- the end").unwrap();
    let kinds: Vec<_> = table.columns.iter().map(|column| (column.name.as_str(), column.kind.as_str())).collect();
    assert_eq!(kinds, [("a", "INTEGER"), ("b", "INTEGER"), ("a list", "INTEGER[]")]);
    assert_eq!(table.rows, [vec![Some("1".to_owned()), None, Some("[1, 2]".to_owned())]]);
    for sql in [
        "DESCRIBE events",
        "SHOW TABLES",
        "SUMMARIZE events",
        "WITH a AS (SELECT 1) FROM a",
        "VALUES (1), (2)",
        "EXPLAIN SELECT 1",
        "EXPLAIN ANALYZE SELECT 1",
        "(SELECT 1) UNION ALL (SELECT 2) ORDER BY 1",
    ] {
        assert!(!ask(&mut catalog, sql).unwrap().columns.is_empty(), "{sql}");
    }
    let table = ask(&mut catalog, "SELECT * FROM range(1000)").unwrap();
    assert_eq!((table.rows.len(), table.more), (100, true));
    assert_eq!(rows(&mut catalog, "SELECT length(repeat('x', 20000)), repeat('x', 20000)")[0][1].len(), 10_000);
}

#[test]
fn a_catalog_of_a_newer_version_is_left_alone() {
    let Some(mut duck) = database() else { return };
    Catalog::open(&mut duck, "me").unwrap();
    duck.run("UPDATE about SET value = '999' WHERE key = 'version'", &[]).unwrap();
    // Its settings are locked already, which is another reason, so they are not set again here.
    assert!(matches!(Catalog::open_ready(&mut duck, "me"), Err(OpenError::Newer)));
}

#[test]
fn an_old_catalog_is_brought_to_the_newest_version_with_all_that_is_in_it() {
    for version in 1..=VERSION {
        let Some(mut duck) = database() else { return };
        let golden = format!("{}/golden/v{version}.sql", env!("CARGO_MANIFEST_DIR"));
        for statement in std::fs::read_to_string(&golden).expect(&golden).split(";\n") {
            if !statement.trim().is_empty() {
                duck.run(statement, &[]).unwrap();
            }
        }
        if version < 3 {
            let before = "INSERT INTO sessions VALUES ('abcdefghijkm', '10.7.8.0/24', 'bob', '2026-01-02 03:04:05', '2026-01-02 03:05:05', '10.7.8.0/24: Ended here.')";
            duck.run(before, &[]).unwrap();
        }
        let mut catalog = open(duck);
        assert!(!catalog.is_new());
        assert_eq!(catalog.identity(), "golden");
        assert_eq!(rows(&mut catalog, "SELECT value FROM about WHERE key = 'version'"), [[VERSION.to_string()]]);
        assert_eq!(
            rows(&mut catalog, "SELECT kind, name, duration_ms, details FROM events ORDER BY time"),
            [["created", "alpine-1", "NULL", "from alpine-3.20"], ["booted", "alpine-1", "612", ""]]
        );
        assert_eq!(
            rows(&mut catalog, "SELECT id, kind, network, name, first_seen, last_seen FROM sessions"),
            [["abcdefghijkm", "peer", "10.7.8.0/24", "bob", "2026-01-02 03:04:05", "2026-01-02 03:05:05"]]
        );
        let one = instance(1, "one");
        catalog.save(&[booted(99, 1_000, &one, 5)], &mirror(vec![one]), &Found::default()).unwrap();
        assert_eq!(rows(&mut catalog, "SELECT name FROM instances"), [["one"]]);
    }
}

#[test]
fn migrations_are_done_one_after_the_other_and_each_wholly_or_not_at_all() {
    const FIRST: &[&str] = &["CREATE TABLE a (x INTEGER)", "INSERT INTO a VALUES (1)"];
    const SECOND: &[&str] = &["ALTER TABLE a ADD COLUMN y INTEGER", "UPDATE a SET y = x + 1"];
    const BROKEN: &[&str] = &["INSERT INTO a VALUES (5, 5)", "INSERT INTO nowhere VALUES (1)"];
    let Some(mut duck) = database() else { return };
    duck.run("CREATE TABLE about (key VARCHAR NOT NULL, value VARCHAR NOT NULL)", &[]).unwrap();
    migrate(&mut duck, 0, &[FIRST]).unwrap();
    migrate(&mut duck, 1, &[FIRST, SECOND]).unwrap();
    assert!(migrate(&mut duck, 2, &[FIRST, SECOND, BROKEN]).is_err());
    let all = duck.run("SELECT x::VARCHAR, y::VARCHAR, (SELECT value FROM about) FROM a", &[]).unwrap();
    assert_eq!(all, [[Some("1".to_owned()), Some("2".to_owned()), Some("2".to_owned())].to_vec()]);
    assert_eq!(MIGRATIONS.len(), VERSION);
}

#[test]
fn old_events_go_when_there_are_too_many() {
    let Some(mut duck) = database() else { return };
    Catalog::open(&mut duck, "me").unwrap();
    duck.run("INSERT INTO events SELECT range, epoch_ms(range), 'started', NULL, NULL, NULL, NULL, NULL, '' FROM range(60000)", &[])
        .unwrap();
    let mut catalog = Catalog::open_ready(duck, "me").unwrap();
    let one = instance(1, "one");
    catalog.save(&[booted(99_999, 99_999, &one, 5)], &mirror(vec![]), &Found::default()).unwrap();
    assert_eq!(rows(&mut catalog, "SELECT count(*), min(id), max(id) FROM events"), [["50000", "10001", "99999"]]);
    assert_eq!(Value::from(u64::MAX), Value::Int((1 << 53) - 1));
}

#[test]
fn a_peer_that_was_joined_is_one_session_and_no_key_is_in_it() {
    let Some(duck) = database() else { return };
    let mut catalog = open(duck);
    let event = |kind, time, id: u64, peer: &str, reason: &str| Event {
        name: Some("bob".to_owned()),
        session: Some(Session {
            id: peer.to_owned(),
            kind: SessionKind::Peer,
            network: "10.7.8.0/24".to_owned(),
            machines: "web-1 db-1".to_owned(),
            reason: reason.to_owned(),
        }),
        ..catalog::waiting::event(kind, time, id)
    };
    let joined = event(EventKind::PeerJoined, 1_700_000_000_000, 1, "abcdefghijkm", "");
    let left = event(EventKind::PeerLeft, 1_700_000_060_000, 2, "abcdefghijkm", "Ended here.");
    let never = event(EventKind::PeerLeft, 1_700_000_060_000, 3, "nopqrstuvwxy", "Refused.");
    for events in [vec![joined.clone()], vec![joined, left, never]] {
        catalog.save(&events, &mirror(vec![]), &Found::default()).unwrap();
    }
    let columns = "id, kind, name, network, machines, first_seen, last_seen, details";
    assert_eq!(
        rows(&mut catalog, &format!("SELECT {columns} FROM sessions")),
        [[
            "abcdefghijkm",
            "peer",
            "bob",
            "10.7.8.0/24",
            "web-1 db-1",
            "2023-11-14 22:13:20",
            "2023-11-14 22:14:20",
            "Ended here."
        ]]
    );
}

#[test]
fn an_uplink_is_one_session_however_often_it_is_joined() {
    let Some(duck) = database() else { return };
    let mut catalog = open(duck);
    let event = |joined: bool, time, id: u64, machines: &str| Event {
        name: Some("lab at lan.example".to_owned()),
        session: Some(Session {
            id: "uplink-00000007".to_owned(),
            kind: SessionKind::Uplink,
            network: "https://lan.example/lan".to_owned(),
            machines: machines.to_owned(),
            reason: if joined { String::new() } else { "Left.".to_owned() },
        }),
        ..catalog::waiting::event(SessionKind::Uplink.event(joined), time, id)
    };
    let (first, left) = (event(true, 1_700_000_000_000, 1, "*"), event(false, 1_700_000_060_000, 2, "*"));
    let again = event(true, 1_700_000_120_000, 3, "web-1");
    catalog.save(&[first, left, again], &mirror(vec![]), &Found::default()).unwrap();
    assert_eq!(
        rows(&mut catalog, "SELECT kind, machines, first_seen, last_seen, details FROM sessions"),
        [["uplink", "web-1", "2023-11-14 22:13:20", "2023-11-14 22:15:20", ""]]
    );
    assert_eq!(
        rows(&mut catalog, "SELECT kind FROM events ORDER BY time"),
        [["uplink-joined"], ["uplink-left"], ["uplink-joined"]]
    );
}
