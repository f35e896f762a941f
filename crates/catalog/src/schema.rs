//! The tables, version by version.
//!
//! Times are `TIMESTAMP` in UTC, identifiers are text, sizes are bytes, durations are milliseconds. A version is never changed
//! once it was released: what is to be different is a further list of statements, and `golden/` gets a file of the version before.

use crate::{Engine, EngineError};

/// The statements that lead from each version to the next; the first from nothing to version 1.
pub const MIGRATIONS: &[&[&str]] = &[V1, V2, V3];

/// The newest version.
pub const VERSION: usize = MIGRATIONS.len();

const V1: &[&str] = &[
    "CREATE TABLE templates (
        id VARCHAR NOT NULL,
        title VARCHAR NOT NULL,
        description VARCHAR NOT NULL,
        cmdline VARCHAR NOT NULL,
        image VARCHAR NOT NULL
    )",
    "CREATE TABLE images (
        sha256 VARCHAR NOT NULL,
        path VARCHAR NOT NULL,
        bytes BIGINT NOT NULL,
        disk_bytes BIGINT NOT NULL
    )",
    "CREATE TABLE profiles (
        id VARCHAR NOT NULL,
        title VARCHAR NOT NULL,
        version VARCHAR NOT NULL
    )",
    "CREATE TABLE instances (
        id VARCHAR NOT NULL,
        name VARCHAR NOT NULL,
        template VARCHAR NOT NULL,
        memory_mib INTEGER NOT NULL,
        cmdline VARCHAR,
        created TIMESTAMP NOT NULL,
        state VARCHAR NOT NULL,
        boots INTEGER NOT NULL,
        last_boot TIMESTAMP,
        last_boot_ms BIGINT,
        problem VARCHAR
    )",
    "CREATE TABLE disks (
        machine VARCHAR NOT NULL,
        disk VARCHAR NOT NULL,
        layer VARCHAR NOT NULL
    )",
    "CREATE TABLE snapshots (
        id VARCHAR NOT NULL,
        machine VARCHAR NOT NULL,
        name VARCHAR NOT NULL,
        created TIMESTAMP NOT NULL,
        parent VARCHAR,
        memory_bytes BIGINT
    )",
    // Of peers: what is needed to find and recognise one again. No key and no code is ever written here.
    "CREATE TABLE sessions (
        id VARCHAR NOT NULL,
        peer VARCHAR NOT NULL,
        name VARCHAR,
        paired TIMESTAMP NOT NULL,
        last_seen TIMESTAMP,
        details VARCHAR
    )",
    "CREATE TABLE ui_state (
        key VARCHAR NOT NULL,
        value VARCHAR NOT NULL
    )",
    "CREATE TABLE events (
        id BIGINT PRIMARY KEY,
        time TIMESTAMP NOT NULL,
        kind VARCHAR NOT NULL,
        machine VARCHAR,
        name VARCHAR,
        boot INTEGER,
        duration_ms BIGINT,
        bytes BIGINT,
        details VARCHAR NOT NULL
    )",
];

/// Templates of the user's, and what a template says of its machines.
const V2: &[&str] = &[
    "ALTER TABLE templates ADD COLUMN packaged BOOLEAN",
    "ALTER TABLE templates ADD COLUMN memory_mib INTEGER",
    "ALTER TABLE templates ADD COLUMN profiles VARCHAR",
    "ALTER TABLE templates ADD COLUMN access VARCHAR",
    "ALTER TABLE templates ADD COLUMN workspace_bytes BIGINT",
    "ALTER TABLE templates ADD COLUMN ephemeral BOOLEAN",
    "ALTER TABLE templates ADD COLUMN script VARCHAR",
];

/// Profiles, which nothing has been written of before, uplinks beside peers, and templates with disks of their own.
const V3: &[&str] = &[
    "DROP TABLE profiles",
    "CREATE TABLE profiles (
        name VARCHAR NOT NULL,
        version VARCHAR NOT NULL,
        source VARCHAR NOT NULL,
        description VARCHAR NOT NULL,
        changed TIMESTAMP
    )",
    "ALTER TABLE sessions RENAME COLUMN peer TO network",
    "ALTER TABLE sessions RENAME COLUMN paired TO first_seen",
    // All that there are before uplinks are told of.
    "ALTER TABLE sessions ADD COLUMN kind VARCHAR DEFAULT 'peer'",
    "ALTER TABLE sessions ADD COLUMN machines VARCHAR",
    "ALTER TABLE templates ADD COLUMN disk VARCHAR",
    "ALTER TABLE templates ADD COLUMN saved_from VARCHAR",
];

/// The tables that are read whole when a catalog is opened, to see that they can be.
pub(crate) const TABLES: [&str; 10] =
    ["about", "templates", "images", "profiles", "instances", "disks", "snapshots", "sessions", "ui_state", "events"];

/// The table with the catalog's own version and identity; the same in all versions.
pub(crate) const ABOUT: &str = "CREATE TABLE about (key VARCHAR NOT NULL, value VARCHAR NOT NULL)";

/// Brings the tables from `version` to the newest of `migrations`; each step is one transaction.
///
/// # Errors
/// If a statement fails; the version before is there then.
pub fn migrate(engine: &mut impl Engine, version: usize, migrations: &[&[&str]]) -> Result<(), EngineError> {
    for (before, statements) in migrations.iter().enumerate().skip(version) {
        transaction(engine, |engine| {
            for statement in *statements {
                engine.run(statement, &[])?;
            }
            set_about(engine, "version", &(before + 1).to_string())
        })?;
    }
    Ok(())
}

/// Writes one of the catalog's own words.
pub(crate) fn set_about(engine: &mut impl Engine, key: &str, value: &str) -> Result<(), EngineError> {
    engine.run("DELETE FROM about WHERE key = ?", &[key.into()])?;
    engine.run("INSERT INTO about VALUES (?, ?)", &[key.into(), value.into()])?;
    Ok(())
}

/// Does all of it or nothing.
pub(crate) fn transaction<E: Engine, T>(
    engine: &mut E,
    work: impl FnOnce(&mut E) -> Result<T, EngineError>,
) -> Result<T, EngineError> {
    engine.run("BEGIN TRANSACTION", &[])?;
    match work(engine) {
        Ok(done) => {
            engine.run("COMMIT", &[])?;
            Ok(done)
        }
        Err(error) => {
            if matches!(error, EngineError::Refused(_)) {
                // What was refused before is what has to be told.
                drop(engine.run("ROLLBACK", &[]));
            }
            Err(error)
        }
    }
}
