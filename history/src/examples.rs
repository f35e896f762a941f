//! Questions to begin with.

/// What each is called, and the question.
pub(crate) const EXAMPLES: [(&str, &str); 6] = [
    (
        "Boot times by machine",
        "SELECT name, count(*) AS boots, round(avg(duration_ms)) AS average_ms, min(duration_ms) AS best_ms\nFROM events\nWHERE kind = 'booted'\nGROUP BY name\nORDER BY boots DESC",
    ),
    (
        "What went wrong",
        "SELECT time, name, kind, details\nFROM events\nWHERE kind IN ('crashed', 'forced', 'interrupted', 'work-failed')\nORDER BY time DESC",
    ),
    (
        "Hours that machines ran",
        "SELECT name, round(sum(duration_ms) / 3600000, 2) AS hours\nFROM events\nWHERE kind IN ('stopped', 'forced', 'crashed', 'interrupted')\nGROUP BY name\nORDER BY hours DESC",
    ),
    ("Events by day", "SELECT time::DATE AS day, kind, count(*) AS events\nFROM events\nGROUP BY ALL\nORDER BY ALL"),
    (
        "Snapshots by machine",
        "SELECT instances.name AS machine, snapshots.name AS snapshot, snapshots.created, memory_bytes\nFROM snapshots\nJOIN instances ON instances.id = snapshots.machine\nORDER BY ALL",
    ),
    (
        "Tables and columns",
        "SELECT table_name, column_name, data_type\nFROM duckdb_columns()\nWHERE NOT internal\nORDER BY table_name, column_index",
    ),
];
