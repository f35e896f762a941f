use super::*;
use proptest::prelude::*;

#[test]
fn questions_come_through_without_their_semicolon() {
    for (text, sql) in [
        ("select 1", "select 1"),
        ("  SELECT * FROM events; ", "SELECT * FROM events"),
        ("WITH a AS (SELECT 1) FROM a;;", "WITH a AS (SELECT 1) FROM a"),
        ("(SELECT 1) UNION (SELECT 2)", "(SELECT 1) UNION (SELECT 2)"),
        ("-- a remark; with a semicolon\nSHOW TABLES", "-- a remark; with a semicolon\nSHOW TABLES"),
        (
            "SELECT ';', 'it''s; DROP', \"set\", $$ DELETE ; $$ ; -- end",
            "SELECT ';', 'it''s; DROP', \"set\", $$ DELETE ; $$",
        ),
        ("SELECT e.set FROM events AS e", "SELECT e.set FROM events AS e"),
        ("SELECT E'\\'; DROP' ", "SELECT E'\\'; DROP'"),
        ("/* a /* b */ ; */ DESCRIBE events", "/* a /* b */ ; */ DESCRIBE events"),
    ] {
        assert_eq!(check(text).map(|question| question.sql), Ok(sql.to_owned()), "{text}");
    }
    assert!(check("EXPLAIN ANALYZE SELECT 1").unwrap().explains);
}

#[test]
fn what_changes_something_or_reaches_outside_is_refused() {
    for text in [
        "INSERT INTO events VALUES (1)",
        "WITH a AS (SELECT 1) INSERT INTO events SELECT * FROM a",
        "EXPLAIN ANALYZE DELETE FROM events",
        "PRAGMA version",
        "SET memory_limit = '9GB'",
        "ATTACH 'x.db'",
        "COPY events TO 'x.csv'",
        "INSTALL json",
        "LOAD json",
        "CREATE TABLE a AS SELECT 1",
        "select 1; drop table events",
        "/**/ drop table events",
        "SELECT * FROM read_csv('x')",
        "SELECT * FROM READ_TEXT ('x')",
        "SELECT * FROM 'x.csv'",
        "FROM 'https://example.org/a.parquet'",
        "SELECT getenv('HOME')",
        "SELECT 'a' ; /* */ SELECT 2",
    ] {
        assert!(check(text).is_err(), "{text}");
    }
}

#[test]
fn what_is_wrong_is_said() {
    assert_eq!(check(" -- nothing\n"), Err(Refusal::Empty));
    assert_eq!(check("SELECT 'a"), Err(Refusal::Unfinished));
    assert_eq!(check("SELECT /* a"), Err(Refusal::Unfinished));
    assert_eq!(check("SELECT 1; SELECT 2"), Err(Refusal::Several));
    assert_eq!(check("HELLO"), Err(Refusal::NoQuestion("HELLO".to_owned())));
    assert_eq!(check(&"x".repeat(protocol::SQL_MAX + 1)), Err(Refusal::Long));
}

proptest! {
    #[test]
    fn any_text_is_let_through_or_refused(text: String) {
        let _ = check(&text);
    }

    #[test]
    fn no_text_brings_a_second_statement(text in "[a-zA-Z'\"$;/*\\-\n ().]{0,40}") {
        if let Ok(question) = check(&format!("SELECT {text}")) {
            // What is let through is let through again as it is: it has no end within.
            prop_assert_eq!(check(&question.sql).map(|again| again.sql), Ok(question.sql.clone()));
        }
    }
}
