/*
 * bus_sqlite_sql.c - the schema of the embedded bus, and every statement it runs.
 *
 * Text only.  What may change from one version to the next is here: a change of the
 * schema needs another user_version in bus_sqlite_db.c.
 */
#include "bus_sqlite.h"

const char sqlite_bus_schema[] =
    "CREATE TABLE log (id TEXT NOT NULL);"
    "CREATE TABLE topics ("
    "  id INTEGER PRIMARY KEY,"
    "  name TEXT NOT NULL UNIQUE,"
    "  uuid TEXT NOT NULL,"
    "  partitions INTEGER NOT NULL,"
    "  retention_ms INTEGER NOT NULL,"
    "  compacted INTEGER NOT NULL);"
    "CREATE TABLE partitions ("
    "  id INTEGER PRIMARY KEY,"
    "  topic INTEGER NOT NULL REFERENCES topics (id),"
    "  partition INTEGER NOT NULL,"
    "  first INTEGER NOT NULL DEFAULT 0," /* offset of the first record that is kept */
    "  next INTEGER NOT NULL DEFAULT 0,"  /* offset of the record that comes next */
    "  last_ms INTEGER NOT NULL DEFAULT 0,"
    "  UNIQUE (topic, partition));"
    /* place = partitions.id * 2^40 + offset.  The value comes last: what looks at the
     * other columns need not walk its overflow pages. */
    "CREATE TABLE records ("
    "  place INTEGER PRIMARY KEY,"
    "  append_ms INTEGER NOT NULL,"
    "  key TEXT,"
    "  headers BLOB,"
    "  value BLOB);"
    "CREATE TABLE groups ("
    "  id INTEGER PRIMARY KEY,"
    "  name TEXT NOT NULL UNIQUE,"
    "  generation INTEGER NOT NULL);"
    /* joined: counts in the assignment.  lease_until: ms of CLOCK_BOOTTIME in that boot.
     * holds: the generation whose partitions it has, 0 for none. */
    "CREATE TABLE members ("
    "  id INTEGER PRIMARY KEY,"
    "  group_id INTEGER NOT NULL REFERENCES groups (id),"
    "  instance TEXT NOT NULL,"
    "  epoch INTEGER NOT NULL DEFAULT 0,"
    "  joined INTEGER NOT NULL DEFAULT 0,"
    "  boot TEXT NOT NULL DEFAULT '',"
    "  lease_until INTEGER NOT NULL DEFAULT 0,"
    "  holds INTEGER NOT NULL DEFAULT 0,"
    "  UNIQUE (group_id, instance));"
    "CREATE TABLE subscriptions ("
    "  member INTEGER NOT NULL REFERENCES members (id),"
    "  topic TEXT NOT NULL," /* it may be made later */
    "  PRIMARY KEY (member, topic)) WITHOUT ROWID;"
    "CREATE TABLE positions ("
    "  group_id INTEGER NOT NULL REFERENCES groups (id),"
    "  partition_id INTEGER NOT NULL REFERENCES partitions (id),"
    "  offset INTEGER NOT NULL,"
    "  metadata TEXT,"
    "  PRIMARY KEY (group_id, partition_id)) WITHOUT ROWID;"
    "CREATE TABLE senders ("
    "  name TEXT PRIMARY KEY,"
    "  epoch INTEGER NOT NULL) WITHOUT ROWID;";

/* One row at most: struct file_clock.  Younger than other tables of this version. */
const char sqlite_bus_clock[] = "CREATE TABLE IF NOT EXISTS clock ("
                                "  id INTEGER PRIMARY KEY,"
                                "  boot TEXT NOT NULL,"
                                "  boot_ms INTEGER NOT NULL,"
                                "  wall_ms INTEGER NOT NULL,"
                                "  other_boot_ms INTEGER NOT NULL,"
                                "  other_wall_ms INTEGER NOT NULL)";

#define LEASE_IS_GOOD(member, boot, now) \
 "(" member ".joined AND " member ".boot = " boot " AND " member ".lease_until > " now ")"

/* clang-format off */
const char *const sqlite_bus_sql[SQL_COUNT] = {
    [SQL_BEGIN_READ] = "BEGIN",
    /* Takes the write lock at once: a transaction that begins by reading cannot wait
     * for it later (SQLITE_BUSY_SNAPSHOT). */
    [SQL_BEGIN_WRITE] = "BEGIN IMMEDIATE",
    [SQL_COMMIT] = "COMMIT",
    [SQL_ROLLBACK] = "ROLLBACK",
    [SQL_DATA_VERSION] = "PRAGMA data_version",
    [SQL_LOG_ID] = "SELECT log.id, topics.uuid FROM log, topics WHERE topics.name = ?1",

    [SQL_TOPIC] = "SELECT id, partitions FROM topics WHERE name = ?1",
    [SQL_TOPIC_MAKE] =
        "INSERT INTO topics (name, uuid, partitions, retention_ms, compacted)"
        " VALUES (?1, ?2, ?3, ?4, ?5)",
    [SQL_PARTITION_MAKE] =
        "INSERT INTO partitions (topic, partition)"
        " SELECT id, ?2 FROM topics WHERE name = ?1",
    /* Members that wait for this topic get it with the next generation. */
    [SQL_TOPIC_REBALANCE] =
        "UPDATE groups SET generation = generation + 1 WHERE id IN ("
        "  SELECT members.group_id FROM members"
        "  JOIN subscriptions ON subscriptions.member = members.id"
        "  WHERE members.joined AND subscriptions.topic = ?1)",
    [SQL_PARTITION] =
        "SELECT partitions.id, first, next, last_ms FROM partitions"
        " JOIN topics ON topics.id = partitions.topic"
        " WHERE topics.name = ?1 AND partition = ?2",
    [SQL_PARTITION_RANGE] = "SELECT first, next FROM partitions WHERE id = ?1",
    [SQL_PARTITION_UPDATE] =
        "UPDATE partitions SET next = ?2, last_ms = ?3 WHERE id = ?1",
    [SQL_PARTITION_FIRST] = "UPDATE partitions SET first = ?2 WHERE id = ?1",
    /* Partitions that have something to drop: the oldest is too old, or keys repeat. */
    [SQL_TIDY] =
        "SELECT partitions.id, first, next, last_ms, retention_ms, compacted"
        " FROM partitions JOIN topics ON topics.id = partitions.topic"
        " WHERE next > first AND (retention_ms >= 0 OR compacted)",

    [SQL_RECORD_ADD] =
        "INSERT INTO records (place, append_ms, key, headers, value)"
        " VALUES (?1, ?2, ?3, ?4, ?5)",
    [SQL_RECORDS] =
        "SELECT place, append_ms, key, headers, value FROM records"
        " WHERE place >= ?1 AND place < ?2 ORDER BY place LIMIT ?3",
    [SQL_RECORD_FROM] =
        "SELECT place, append_ms FROM records"
        " WHERE place >= ?1 AND place < ?2 ORDER BY place LIMIT 1",
    [SQL_RECORDS_DROP] = "DELETE FROM records WHERE place >= ?1 AND place < ?2",
    [SQL_RECORDS_COMPACT] =
        "DELETE FROM records WHERE place >= ?1 AND place < ?2 AND key IS NOT NULL"
        " AND place NOT IN ("
        "  SELECT max(place) FROM records"
        "  WHERE place >= ?1 AND place < ?2 AND key IS NOT NULL GROUP BY key)",

    [SQL_CLOCK] =
        "SELECT boot_ms, wall_ms, other_boot_ms, other_wall_ms FROM clock"
        " WHERE id = 0 AND boot = ?1",
    [SQL_CLOCK_SET] =
        "INSERT OR REPLACE INTO clock"
        " (id, boot, boot_ms, wall_ms, other_boot_ms, other_wall_ms)"
        " VALUES (0, ?1, ?2, ?3, ?4, ?5)",

    [SQL_GROUP_MAKE] =
        "INSERT INTO groups (name, generation) VALUES (?1, 1) ON CONFLICT DO NOTHING",
    [SQL_GROUP] = "SELECT id FROM groups WHERE name = ?1",
    [SQL_GROUP_BUMP] = "UPDATE groups SET generation = generation + 1 WHERE id = ?1",
    [SQL_MEMBER_MAKE] =
        "INSERT INTO members (group_id, instance) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
    [SQL_MEMBER] =
        "SELECT id, epoch, " LEASE_IS_GOOD("members", "?3", "?4")
        " FROM members WHERE group_id = ?1 AND instance = ?2",
    [SQL_MEMBER_TAKEOVER] =
        "UPDATE members SET epoch = epoch + 1, joined = 1, boot = ?2, lease_until = ?3,"
        " holds = 0 WHERE id = ?1",
    [SQL_MEMBER_RENEW] =
        "UPDATE members SET joined = 1, boot = ?3, lease_until = ?4"
        " WHERE id = ?1 AND epoch = ?2",
    [SQL_MEMBER_HOLD] = "UPDATE members SET holds = ?3 WHERE id = ?1 AND epoch = ?2",
    /* What the next thing to do depends on (struct view): expired: another member's lease
     * has run out; blocked: another one still holds partitions of an older generation. */
    [SQL_MEMBER_VIEW] =
        "SELECT me.epoch, " LEASE_IS_GOOD("me", "?2", "?3") ","
        " me.holds, groups.generation,"
        " EXISTS (SELECT 1 FROM members AS other WHERE other.group_id = groups.id"
        "   AND other.id <> me.id AND other.joined"
        "   AND NOT " LEASE_IS_GOOD("other", "?2", "?3") "),"
        " EXISTS (SELECT 1 FROM members AS other WHERE other.group_id = groups.id"
        "   AND other.id <> me.id AND other.joined"
        "   AND other.holds NOT IN (0, groups.generation))"
        " FROM members AS me JOIN groups ON groups.id = me.group_id WHERE me.id = ?1",
    [SQL_MEMBERS_SWEEP] =
        "UPDATE members SET joined = 0, holds = 0 WHERE group_id = ?1 AND joined"
        " AND NOT " LEASE_IS_GOOD("members", "?2", "?3"),
    [SQL_UNSUBSCRIBE] = "DELETE FROM subscriptions WHERE member = ?1",
    [SQL_SUBSCRIBE] =
        "INSERT OR IGNORE INTO subscriptions (member, topic) VALUES (?1, ?2)",
    [SQL_SUBSCRIPTIONS] =
        "SELECT topic FROM subscriptions WHERE member = ?1 ORDER BY topic",
    /* For each topic of member ?1: its partitions, how many members share it, and how
     * many of these come before us. */
    [SQL_ASSIGNMENT] =
        "SELECT topics.name, topics.partitions, count(*),"
        " sum(other.instance < me.instance)"
        " FROM members AS me"
        " JOIN subscriptions AS mine ON mine.member = me.id"
        " JOIN topics ON topics.name = mine.topic"
        " JOIN members AS other ON other.group_id = me.group_id AND other.joined"
        " JOIN subscriptions AS theirs"
        "   ON theirs.member = other.id AND theirs.topic = topics.name"
        " WHERE me.id = ?1 GROUP BY topics.name ORDER BY topics.name",
    [SQL_MEMBERSHIP] =
        "SELECT 1 FROM members WHERE id = ?1 AND epoch = ?2 AND holds = ?3 AND "
        LEASE_IS_GOOD("members", "?4", "?5"),

    [SQL_COMMITTED] =
        "SELECT positions.offset, positions.metadata FROM positions"
        " JOIN groups ON groups.id = positions.group_id"
        " JOIN partitions ON partitions.id = positions.partition_id"
        " JOIN topics ON topics.id = partitions.topic"
        " WHERE groups.name = ?1 AND topics.name = ?2 AND partitions.partition = ?3",
    [SQL_POSITION_COMMIT] =
        "INSERT INTO positions (group_id, partition_id, offset, metadata)"
        " SELECT id, ?2, ?3, ?4 FROM groups WHERE name = ?1"
        " ON CONFLICT DO UPDATE"
        " SET offset = excluded.offset, metadata = excluded.metadata",

    [SQL_SENDER_OPEN] =
        "INSERT INTO senders (name, epoch) VALUES (?1, 1)"
        " ON CONFLICT DO UPDATE SET epoch = epoch + 1",
    [SQL_SENDER_EPOCH] = "SELECT epoch FROM senders WHERE name = ?1",
};
/* clang-format on */
