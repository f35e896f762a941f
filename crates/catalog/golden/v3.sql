CREATE TABLE about (key VARCHAR NOT NULL, value VARCHAR NOT NULL);
CREATE TABLE templates (
    id VARCHAR NOT NULL,
    title VARCHAR NOT NULL,
    description VARCHAR NOT NULL,
    cmdline VARCHAR NOT NULL,
    image VARCHAR NOT NULL,
    packaged BOOLEAN,
    memory_mib INTEGER,
    profiles VARCHAR,
    access VARCHAR,
    workspace_bytes BIGINT,
    ephemeral BOOLEAN,
    script VARCHAR,
    disk VARCHAR,
    saved_from VARCHAR
);
CREATE TABLE images (
    sha256 VARCHAR NOT NULL,
    path VARCHAR NOT NULL,
    bytes BIGINT NOT NULL,
    disk_bytes BIGINT NOT NULL
);
CREATE TABLE profiles (
    name VARCHAR NOT NULL,
    version VARCHAR NOT NULL,
    source VARCHAR NOT NULL,
    description VARCHAR NOT NULL,
    changed TIMESTAMP
);
CREATE TABLE instances (
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
);
CREATE TABLE disks (
    machine VARCHAR NOT NULL,
    disk VARCHAR NOT NULL,
    layer VARCHAR NOT NULL
);
CREATE TABLE snapshots (
    id VARCHAR NOT NULL,
    machine VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    created TIMESTAMP NOT NULL,
    parent VARCHAR,
    memory_bytes BIGINT
);
CREATE TABLE sessions (
    id VARCHAR NOT NULL,
    network VARCHAR NOT NULL,
    name VARCHAR,
    first_seen TIMESTAMP NOT NULL,
    last_seen TIMESTAMP,
    details VARCHAR,
    kind VARCHAR DEFAULT 'peer',
    machines VARCHAR
);
CREATE TABLE ui_state (
    key VARCHAR NOT NULL,
    value VARCHAR NOT NULL
);
CREATE TABLE events (
    id BIGINT PRIMARY KEY,
    time TIMESTAMP NOT NULL,
    kind VARCHAR NOT NULL,
    machine VARCHAR,
    name VARCHAR,
    boot INTEGER,
    duration_ms BIGINT,
    bytes BIGINT,
    details VARCHAR NOT NULL
);
INSERT INTO about VALUES ('version', '3'), ('identity', 'golden'), ('mirror', '00000000-0');
INSERT INTO templates VALUES ('alpine-3.20', 'Alpine Linux 3.20', 'Small and quick.', 'root=/dev/sda', 'aa', true, NULL, '', 'mirrors', NULL, false, '', NULL, NULL);
INSERT INTO templates VALUES ('own-abcdefghijkm', 'Mine', '', 'root=/dev/sda quiet', 'aa', false, 512, 'git', 'web', 1073741824, false, 'echo hello', 'nopqrstuvwxy', 'alpine-1');
INSERT INTO images VALUES ('aa', 'images/alpine-3.20.qcow2', 5, 6);
INSERT INTO instances VALUES ('abcdefghijkm', 'alpine-1', 'alpine-3.20', 256, 'root=/dev/sda', '2026-01-02 03:04:05', 'running', 1, '2026-01-02 03:04:06', 612, NULL);
INSERT INTO disks VALUES ('abcdefghijkm', 'system', 'mkjihgfedcba');
INSERT INTO snapshots VALUES ('aaaaaaaaaaaa', 'abcdefghijkm', 'before', '2026-01-02 03:05:00', NULL, NULL);
INSERT INTO profiles VALUES ('git', '1.0', 'built-in', 'Git.', NULL), ('mine', '1.0', 'own', 'Mine.', '2026-01-02 03:04:05');
INSERT INTO sessions VALUES ('abcdefghijkm', '10.7.8.0/24', 'bob', '2026-01-02 03:04:05', '2026-01-02 03:05:05', 'Ended here.', 'peer', 'web-1');
INSERT INTO ui_state VALUES ('settings', '{}');
INSERT INTO events VALUES (1, '2026-01-02 03:04:05', 'created', 'abcdefghijkm', 'alpine-1', NULL, NULL, NULL, 'from alpine-3.20');
INSERT INTO events VALUES (2, '2026-01-02 03:04:06', 'booted', 'abcdefghijkm', 'alpine-1', 1, 612, NULL, '');
