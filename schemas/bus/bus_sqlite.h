/*
 * bus_sqlite.h - what the files of the embedded bus share; nobody else includes it.
 *
 *     bus_sqlite.c           the URL, the properties, topics
 *     bus_sqlite_sql.c       the schema and every statement
 *     bus_sqlite_db.c        a connection: the file, statements, transactions, the bell
 *     bus_sqlite_feed.c      records on their way out: wake-ups, bounded read-ahead, readers
 *     bus_sqlite_decide.c    what a member of a group does next; pure
 *     bus_sqlite_group.c     a slot in a group: lease, share, membership
 *     bus_sqlite_consumer.c  a consumer: notices, records, positions
 *     bus_sqlite_send.c      records on their way in: transactions, limits, retention
 *
 * Every object has a connection of its own, so that each may live on its own thread.  No
 * statement stays open across a wait: a reader that sleeps holds back no checkpoint.
 */
#pragma once

#include "bus_ops.h"
#include "bus_sqlite_decide.h"

#include <sqlite3.h>

/* What the Kafka bus takes by default, so that what fits here fits there:
 * message.max.bytes less what is added on the wire, offset.metadata.max.bytes. */
#define SQLITE_BUS_RECORD_LIMIT   (1024 * 1024 - 512)
#define SQLITE_BUS_METADATA_LIMIT 4096

/* A record's place in the file is its partition's id times this, plus its offset: one
 * b-tree, in which every partition is a range that grows at its end. */
#define SQLITE_BUS_OFFSETS (INT64_C(1) << 40)

/* The statements, each made once per connection; their text is in bus_sqlite_sql.c. */
enum sql {
    SQL_BEGIN_READ,
    SQL_BEGIN_WRITE,
    SQL_COMMIT,
    SQL_ROLLBACK,
    SQL_DATA_VERSION,
    SQL_LOG_ID,

    SQL_TOPIC,
    SQL_TIDY,
    SQL_TOPIC_MAKE,
    SQL_PARTITION_MAKE,
    SQL_TOPIC_REBALANCE,
    SQL_PARTITION,
    SQL_PARTITION_RANGE,
    SQL_PARTITION_UPDATE,
    SQL_PARTITION_FIRST,

    SQL_RECORD_ADD,
    SQL_RECORDS,
    SQL_RECORD_FROM,
    SQL_RECORDS_DROP,
    SQL_RECORDS_COMPACT,

    SQL_CLOCK,
    SQL_CLOCK_SET,

    SQL_GROUP_MAKE,
    SQL_GROUP,
    SQL_GROUP_BUMP,
    SQL_MEMBER_MAKE,
    SQL_MEMBER,
    SQL_MEMBER_TAKEOVER,
    SQL_MEMBER_RENEW,
    SQL_MEMBER_HOLD,
    SQL_MEMBER_VIEW,
    SQL_MEMBERS_SWEEP,
    SQL_SUBSCRIBE,
    SQL_UNSUBSCRIBE,
    SQL_SUBSCRIPTIONS,
    SQL_ASSIGNMENT,
    SQL_MEMBERSHIP,

    SQL_COMMITTED,
    SQL_POSITION_COMMIT,

    SQL_SENDER_OPEN,
    SQL_SENDER_EPOCH,
    SQL_COUNT
};
extern const char *const sqlite_bus_sql[SQL_COUNT];
extern const char sqlite_bus_schema[], sqlite_bus_clock[];

/* --- A connection ------------------------------------------------------------------- */

enum durability {
    DURABLE,  /* synchronous=FULL: on the disk when COMMIT returns */
    FLEETING, /* what dies with this boot or may be lost: no wait for the disk */
};

struct db {
    sqlite3 *handle;
    sqlite3_stmt *statements[SQL_COUNT];
    char *path;
    int bell;           /* descriptor of PATH.bell */
    int patience_ms;    /* how long a busy file is waited for */
    int64_t busy_since; /* monotonic, us; of the wait that is on */
};

/* Opens the file, and makes it if it is not there. */
struct db *db_open(const char *path, enum durability durability, int patience_ms,
                   GError **error);
void db_close(struct db *db);

/* The statement with its values bound: one letter each in `types`, 'i' int64_t, 't' text
 * (NULL: null), 'b' GBytes * (NULL: null).  What is bound must live until db_end(). */
sqlite3_stmt *db_bind(struct db *db, enum sql which, const char *types, ...);
enum db_step { DB_ROW, DB_DONE, DB_FAILED };
enum db_step db_step(struct db *db, sqlite3_stmt *statement, GError **error);
void db_end(sqlite3_stmt *statement); /* resets it: its values and rows are gone */
/* Bound, stepped once, ended; for statements that give no rows. */
bool db_run(struct db *db, enum sql which, GError **error, const char *types, ...);

bool db_begin_read(struct db *db, GError **error);
bool db_begin_write(struct db *db, GError **error);
bool db_commit(struct db *db, GError **error);
/* Fine if there is no transaction. */
void db_rollback(struct db *db);
/* Changes when another connection has committed something. */
bool db_version(struct db *db, int64_t *ret_version, GError **error);
/* After a COMMIT that others wait for. */
void db_ring(struct db *db);

GBytes *db_column_bytes(sqlite3_stmt *statement, int column); /* NULL for null */
char *db_column_dup(sqlite3_stmt *statement, int column);     /* NULL for null */

/* --- The bus and its topics --------------------------------------------------------- */

struct sqlite_bus {
    struct bus bus;
    char *path;
    char *boot; /* the kernel's boot id: leases of another boot are void */
    int64_t lease_ms;
    int64_t gap_every; /* every N-th transaction leaves a gap; 0: none does */
    GMutex lock;       /* of `db`, which all threads share */
    struct db *db;     /* NULL until it is first needed */
};

struct partition_row {
    int64_t id;
    int64_t first;   /* first offset that is still there */
    int64_t end;     /* offset of the next record */
    int64_t last_ms; /* append time of the newest record */
};
/* BUS_ERROR_NO_TOPIC if there is no such partition. */
bool partition_find(struct db *db, const char *topic, int32_t partition,
                    struct partition_row *ret_row, GError **error);
/* Offset of the first record appended at `ms` or later; the end if there is none. */
bool partition_offset_at(struct db *db, const struct partition_row *row, int64_t ms,
                         int64_t *ret_offset, GError **error);

/* --- Records on their way out ------------------------------------------------------- */

/* A descriptor that is readable after the bell has rung, and every `poll_ms`. */
struct wake {
    int epoll, bell, timer;
    int64_t poll_ms;
};
bool wake_open(struct wake *wake, const struct db *db, int64_t poll_ms, GError **error);
void wake_close(struct wake *wake); /* fine if it was zeroed, or never opened */
void wake_drain(struct wake *wake);
void wake_poke(struct wake *wake); /* makes it readable now */
void wake_wait(struct wake *wake, int timeout_ms);

struct feed *feed_new(struct db *db); /* borrows `db` */
void feed_free(struct feed *feed);
/* From `offset` on; BUS_OFFSET_NONE: from the first.  BUS_ERROR_RANGE, _NO_TOPIC. */
bool feed_add(struct feed *feed, const char *topic, int32_t partition, int64_t offset,
              GError **error);
/* NULL without an error: none there now.  BUS_ERROR_RANGE: `*ret_lost` (a borrowed
 * partition) has been cut off under us, and is read no more. */
struct bus_record *feed_next(struct feed *feed, const struct bus_partition **ret_lost,
                             GError **error);
bool feed_passed(const struct feed *feed, const char *topic, int32_t partition,
                 int64_t end);
typedef struct feed Feed;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Feed, feed_free)

/* Headers as one blob: name and value in turns, each with its length in 4 bytes before
 * it, least significant first.  NULL for none. */
GBytes *headers_pack(const GPtrArray *headers);
bool headers_unpack(const void *data, size_t length, GPtrArray **ret_headers);

struct bus_reader *sqlite_reader_open(struct bus *bus, const GPtrArray *positions,
                                      GError **error);
void sqlite_reader_close(struct bus_reader *reader);
int sqlite_reader_fd(struct bus_reader *reader);
bool sqlite_reader_next(struct bus_reader *reader, int timeout_ms,
                        struct bus_record **ret_record, GError **error);
bool sqlite_reader_passed(struct bus_reader *reader, const char *topic, int32_t partition,
                          int64_t end);

/* --- Groups ------------------------------------------------------------------------- */

/* A named place in a group; whoever entered last has it. */
struct slot {
    struct db *db;    /* borrowed */
    const char *boot; /* borrowed */
    int64_t lease_ms;
    char *group;
    char *instance;
    GPtrArray *topics; /* names, sorted */

    int64_t group_id, member, epoch;
    int64_t renew_at;   /* lease clock */
    int64_t generation; /* of `share` */
    GPtrArray *share;   /* struct bus_partition */
    char *missing;      /* to be told: a topic that is not there yet; or NULL */
};
struct slot *slot_new(struct sqlite_bus *bus, struct db *db, const char *group,
                      const char *instance, const char *const *topics);
void slot_free(struct slot *slot);
/* Takes the slot, whoever had it.  The other members notice only if nobody had it, or
 * if it reads other topics now. */
bool slot_enter(struct slot *slot, GError **error);
/* Does what is next, once.  ACT_TAKE has set `generation` and `share`.  Without `keep`
 * the lease is not renewed. */
bool slot_act(struct slot *slot, enum phase phase, bool keep, enum act *ret_act,
              GError **error);
bool slot_is_due(const struct slot *slot); /* for a renewal of its lease */

struct bus_membership *membership_new(const struct slot *slot);
/* Inside the transaction that commits.  BUS_ERROR_STALE if it is over. */
bool membership_check(struct db *db, const struct bus_membership *membership,
                      GError **error);

struct bus_consumer *sqlite_consumer_open(struct bus *bus, const char *group,
                                          const char *instance, const char *const *topics,
                                          GError **error);
void sqlite_consumer_close(struct bus_consumer *consumer);
int sqlite_consumer_fd(struct bus_consumer *consumer);
bool sqlite_consumer_notice(struct bus_consumer *consumer, struct bus_notice *ret_notice,
                            GError **error);
struct bus_record *sqlite_consumer_take(struct bus_consumer *consumer,
                                        unsigned topic_index);
GPtrArray *sqlite_consumer_committed(struct bus_consumer *consumer,
                                     const GPtrArray *partitions, int timeout_ms,
                                     GError **error);
bool sqlite_consumer_start(struct bus_consumer *consumer, const GPtrArray *positions,
                           GError **error);
bool sqlite_consumer_release(struct bus_consumer *consumer, GError **error);
void sqlite_membership_free(struct bus_membership *membership);

/* --- Records on their way in -------------------------------------------------------- */

struct bus_sender *sqlite_sender_open(struct bus *bus, const char *transactional_id,
                                      int timeout_ms, GError **error);
void sqlite_sender_close(struct bus_sender *sender);
enum bus_sent sqlite_sender_commit(struct bus_sender *sender,
                                   const struct bus_batch *batch, GError **error);
struct bus_teller *sqlite_teller_open(struct bus *bus, GError **error);
void sqlite_teller_close(struct bus_teller *teller);
bool sqlite_teller_tell(struct bus_teller *teller, const struct bus_message *message,
                        GError **error);
bool sqlite_teller_heard(struct bus_teller *teller, struct bus_heard *ret_heard);

typedef struct db Db;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Db, db_close)
