/*
 * bus.h - how records travel: one small interface over Kafka and over one SQLite file.
 *
 *     kafka://host:port[,host:port…]   librdkafka; everything that spans machines
 *     sqlite:///path/bus.db            embedded: one machine, no server
 *
 * Five things can be had of a bus:
 *
 *   bus_topic…      make topics, ask for partition counts, offsets and the log's identity
 *   bus_consumer    a member of a group: partitions come and go, records of mine arrive
 *   bus_reader      records from given offsets on, no group, committed ones only
 *   bus_sender      a transactional producer: events and offsets commit together
 *   bus_teller      a plain producer, for heartbeats
 *
 * Words are Kafka's.  Offsets have gaps on both (transaction markers; the embedded bus
 * leaves some on purpose), so "the next record" is the next one received, never offset + 1.
 * Only committed records are handed out (isolation.level=read_committed).
 *
 * Threads: one object belongs to one thread at a time; different objects of one bus may be
 * used from different threads at once.  `struct bus` itself may be used from all.
 *
 * Errors are of domain BUS_ERROR.  BUS_ERROR_FATAL means: this process has been fenced or
 * its client is in a state that only a new process leaves; end and start again.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define BUS_ERROR (bus_error_quark())
GQuark bus_error_quark(void);
enum bus_error {
    BUS_ERROR_USAGE,       /* bad URL or property: says which, and what would be right */
    BUS_ERROR_UNREACHABLE, /* no answer in time; may work later */
    BUS_ERROR_NO_TOPIC,    /* no such topic or partition */
    BUS_ERROR_PARTITIONS,  /* the topic is there with another partition count */
    BUS_ERROR_RANGE,       /* an offset before the first or beyond the end */
    BUS_ERROR_TOO_LARGE,   /* a record over the topic's or broker's limit */
    BUS_ERROR_INVALID,     /* a record that the topic does not take, as it is set up */
    BUS_ERROR_LATE,        /* the moment is over before which it had to be in the log */
    BUS_ERROR_STALE,       /* the membership or assignment is over; the process is not */
    BUS_ERROR_DENIED,      /* authentication or authorization */
    BUS_ERROR_FATAL,
};

#define BUS_OFFSET_NONE (-1)

struct bus;
struct bus_consumer;
struct bus_reader;
struct bus_sender;
struct bus_teller;
struct
    bus_membership; /* of a group at one assignment: member id and generation; ref-counted */

struct bus_partition {
    char *topic;
    int32_t partition;
};

/* A position in a partition: where to read next, or what to commit. */
struct bus_position {
    char *topic;
    int32_t partition;
    int64_t offset; /* of the next record to read; BUS_OFFSET_NONE: nothing committed */
    char *metadata; /* committed beside it; ASCII, < 4096 characters; NULL for none */
};

struct bus_header {
    char *name;
    GBytes *value;
};

/* A record that was received.  `topic` … `append_ms` are the log's. */
struct bus_record {
    char *topic;
    int32_t partition;
    int64_t offset;
    int64_t append_ms;  /* the log's append time, ms since 1970 … */
    bool by_log;        /* … by its own clock; else by that of whoever has sent it */
    char *key;          /* NULL: none; a key with NUL bytes inside is cut there */
    GBytes *value;      /* NULL: a tombstone */
    GPtrArray *headers; /* struct bus_header, or NULL */
};

/* A record to be sent.  `partition` is given by the caller (partition_of()). */
struct bus_message {
    char *topic;
    int32_t partition;
    char *key;
    GBytes *value;
    GPtrArray *headers; /* struct bus_header, or NULL */
    int64_t append_ms;  /* 0: the log's own; else see bus_topic_keep_times() */
};

struct bus_topic {
    const char *name;
    int32_t partitions;
    int64_t retention_ms; /* -1: for ever */
    bool compacted;
    bool append_time; /* message.timestamp.type=LogAppendTime */
    int replication; /* 0: three, and two in sync, where there are three brokers; else one */
    int min_insync; /* 0: as above */
};

/* A topic as it is, whoever has made it. */
struct bus_topic_look {
    int32_t partitions;
    int brokers;  /* that are there now; 0: the bus has none */
    int replicas; /* of the partition that has fewest */
    bool
        known; /* what follows: not without the right to describe, nor on the embedded bus */
    bool compacted, deletes; /* cleanup.policy */
    bool append_time;
    int64_t retention_ms, retention_bytes; /* -1: for ever, any */
    int min_insync;
    /* Known or not: what a message may have, its key and headers included, as far as the topic
     * and this program's own client are known to take it. */
    int64_t max_bytes;
};

GPtrArray *bus_partitions_new(void); /* of struct bus_partition, owned */
void bus_partitions_add(GPtrArray *partitions, const char *topic, int32_t partition);
GPtrArray *bus_positions_new(void); /* of struct bus_position, owned */
void bus_position_free(struct bus_position *position);
void bus_record_free(struct bus_record *record);
void bus_message_free(struct bus_message *message);
void bus_header_free(struct bus_header *header);
struct bus_position *bus_position_new(const char *topic, int32_t partition,
                                      int64_t offset, const char *metadata);
/* Takes a reference on `value`; copies the strings. */
struct bus_message *bus_message_new(const char *topic, int32_t partition, const char *key,
                                    GBytes *value);
/* Makes the array at the first header; takes a reference on `value`. */
void bus_headers_add(GPtrArray **headers, const char *name, GBytes *value);
void bus_message_add_header(struct bus_message *message, const char *name,
                            const char *value);
/* The text of a header, or NULL if it is not there; g_free it. */
char *bus_record_dup_header(const struct bus_record *record, const char *name);

/* --- The bus ------------------------------------------------------------------------ */

/* `properties`: "key=value" strings for librdkafka, in order (-F files come first, -X after);
 * NULL for none.  The embedded bus takes `bus.lease.ms` and `bus.gap.every`.  Nothing is
 * contacted yet.  Unknown properties: BUS_ERROR_USAGE. */
struct bus *bus_open(const char *url, const GPtrArray *properties, GError **error);
void bus_close(struct bus *bus);

/* Makes the topic, and waits until it can be used; fine if it is there with this partition
 * count, otherwise BUS_ERROR_PARTITIONS. */
bool bus_topic_make(struct bus *bus, const struct bus_topic *topic, int timeout_ms,
                    GError **error);
/* BUS_ERROR_NO_TOPIC if there is none. */
bool bus_topic_look(struct bus *bus, const char *topic, int timeout_ms,
                    struct bus_topic_look *ret_look, GError **error);
/* BUS_ERROR_NO_TOPIC if there is none. */
bool bus_topic_partitions(struct bus *bus, const char *topic, int timeout_ms,
                          int32_t *ret_partitions, GError **error);
/* First offset that is still there, and the end: all that was committed before this call is
 * below it, so a reader that has passed it (bus_reader_passed()) has seen all that.  An open
 * transaction may be below it too; the reader passes when that has ended. */
bool bus_topic_range(struct bus *bus, const char *topic, int32_t partition,
                     int timeout_ms, int64_t *ret_first, int64_t *ret_end,
                     GError **error);
/* Offset of the first record whose append time is at least `ms`; the end if there is none.
 * In a log that was copied into Kafka it may lie before that: the markers of transactions
 * there bear the time of the copy, and count. */
bool bus_topic_offset_at(struct bus *bus, const char *topic, int32_t partition,
                         int64_t ms, int timeout_ms, int64_t *ret_offset, GError **error);
/* For a copy of another log, before anybody else writes: from now on (`keep`) records bear the
 * append times that their messages bring, which must not fall within a partition; or the log's
 * own again.  (The embedded bus takes what a message brings at any time.) */
bool bus_topic_keep_times(struct bus *bus, const char *topic, bool keep, int timeout_ms,
                          GError **error);
/* Who this log is: changes if the cluster or the topic is made anew.  g_free it. */
char *bus_topic_log_id(struct bus *bus, const char *topic, int timeout_ms,
                       GError **error);

/* --- Consumer: a member of a group ----------------------------------------------------- */

enum bus_notice_kind {
    BUS_NOTICE_NONE,     /* nothing now */
    BUS_NOTICE_ASSIGNED, /* `partitions` are to be mine: look, then bus_consumer_start() */
    BUS_NOTICE_REVOKED, /* stop, finish the running transaction, bus_consumer_release() */
    BUS_NOTICE_LOST,    /* as REVOKED, but somebody else may own them already */
    BUS_NOTICE_RANGE, /* the offset to read of `partitions` is not in the log (any more) */
    BUS_NOTICE_ERROR, /* something passing, worth a log line: `message` */
};

struct bus_notice {
    enum bus_notice_kind kind;
    GPtrArray *partitions; /* struct bus_partition, sorted by topic, partition */
    struct bus_membership *membership; /* ASSIGNED: to be carried by batches; else NULL */
    char *message;
};
void bus_notice_clear(struct bus_notice *notice);

struct bus_membership *bus_membership_ref(struct bus_membership *membership);
void bus_membership_unref(struct bus_membership *membership);

/* Joins `group` for the NULL-terminated `topics`.  `instance` is the static member's name
 * (KIP-345): a restart under the same name takes over at once.  Assignor `range`: partition
 * n of all topics has one owner. */
struct bus_consumer *bus_consumer_open(struct bus *bus, const char *group,
                                       const char *instance, const char *const *topics,
                                       GError **error);
/* Leaves (a static member does not send LeaveGroup: its place is kept for its session). */
void bus_consumer_close(struct bus_consumer *consumer);

/* Readable when bus_consumer_notice() or bus_consumer_take() may have something.  Whoever
 * wakes calls both until they have nothing (take only as far as there is room). */
int bus_consumer_fd(struct bus_consumer *consumer);

/* Never blocks; to be called at least every few seconds whatever else happens, it keeps the
 * membership alive.  Error: BUS_ERROR_FATAL and others that end the consumer. */
bool bus_consumer_notice(struct bus_consumer *consumer, struct bus_notice *ret_notice,
                         GError **error);

/* The next record of the topic with this index in `topics`; NULL if none is there now.
 * What is not taken waits in a bounded queue and holds back no other topic. */
struct bus_record *bus_consumer_take(struct bus_consumer *consumer, unsigned topic_index);

/* Blocks (a thread's work): what the group has committed for `partitions`: struct
 * bus_position each, offset BUS_OFFSET_NONE where nothing was.  Waits for a predecessor's
 * open transaction (KIP-447).  May run while notice() is called on the loop. */
GPtrArray *bus_consumer_committed(struct bus_consumer *consumer,
                                  const GPtrArray *partitions, int timeout_ms,
                                  GError **error);

/* Answers ASSIGNED: records flow from these positions. */
bool bus_consumer_start(struct bus_consumer *consumer, const GPtrArray *positions,
                        GError **error);
/* Answers REVOKED and LOST. */
bool bus_consumer_release(struct bus_consumer *consumer, GError **error);

/* --- Reader: no group -------------------------------------------------------------------- */

/* Reads the given positions on, each from its offset (struct bus_position; offset
 * BUS_OFFSET_NONE: from the first one still there). */
struct bus_reader *bus_reader_open(struct bus *bus, const GPtrArray *positions,
                                   GError **error);
void bus_reader_close(struct bus_reader *reader);
int bus_reader_fd(
    struct bus_reader *reader); /* readable when next(0) may have something */
/* Waits up to `timeout_ms` for a record; `*ret_record` is NULL when none came. */
bool bus_reader_next(struct bus_reader *reader, int timeout_ms,
                     struct bus_record **ret_record, GError **error);
/* Whether everything below `end` in this partition has been handed out (markers included). */
bool bus_reader_passed(struct bus_reader *reader, const char *topic, int32_t partition,
                       int64_t end);

/* --- Sender: transactions ----------------------------------------------------------------- */

/* What goes out in one transaction.  Positions may be empty only for a sender that consumes
 * nothing (the relay). */
struct bus_batch {
    GPtrArray *messages;               /* struct bus_message */
    GPtrArray *positions;              /* struct bus_position: offsets and metadata */
    char *group;                       /* whose offsets these are, or NULL */
    struct bus_membership *membership; /* at which assignment; NULL with no positions */
    /* By the log's clock: it is committed with all its messages appended before this, or it is
     * not (BUS_LATE); 0: at any time.  `now_ms`: what that clock shows as the batch is handed
     * over, as well as one knows; for a log that tells no append times. */
    int64_t before_ms;
    int64_t now_ms;
};
struct bus_batch *bus_batch_new(const char *group, struct bus_membership *membership);
void bus_batch_free(struct bus_batch *batch);

enum bus_sent {
    BUS_SENT,  /* committed */
    BUS_RETRY, /* certainly not committed, may be sent again as it is */
    BUS_LATE,  /* certainly not committed, and too late by its `before_ms` */
    BUS_STALE, /* not committed, and never will be: its membership is over */
    BUS_REFUSED, /* not committed, and never will be as it is: BUS_ERROR_TOO_LARGE, INVALID, NO_TOPIC */
    BUS_DEAD, /* outcome unknown, or fenced: BUS_ERROR_FATAL, end the process */
};

/* Blocks until `transactional_id` is ours: an older process of that id is fenced and its
 * open transaction aborted. */
struct bus_sender *bus_sender_open(struct bus *bus, const char *transactional_id,
                                   int timeout_ms, GError **error);
void bus_sender_close(struct bus_sender *sender);
/* Blocks for the transaction's round trips; belongs on a thread.  `error` is set unless
 * BUS_SENT. */
enum bus_sent bus_sender_commit(struct bus_sender *sender, const struct bus_batch *batch,
                                GError **error);

/* --- Teller: no transaction ------------------------------------------------------------- */

struct bus_teller *bus_teller_open(struct bus *bus, GError **error);
void bus_teller_close(
    struct bus_teller *teller); /* waits up to a second for what is queued */
/* Never blocks; a record that cannot be delivered in time is dropped (a newer one follows). */
bool bus_teller_tell(struct bus_teller *teller, const struct bus_message *message,
                     GError **error);
/* What became of the last record that was told, once it is known. */
struct bus_heard {
    int64_t append_ms; /* by the log's clock; 0: not delivered, or it tells none */
    int64_t told_at, heard_at; /* CLOCK_BOOTTIME, ms: handed over, and known */
};
/* False: nothing new.  Never blocks. */
bool bus_teller_heard(struct bus_teller *teller, struct bus_heard *ret_heard);
int64_t bus_boot_ms(void); /* CLOCK_BOOTTIME, ms: it goes on while the host sleeps */

typedef struct bus_record BusRecord;
typedef struct bus_message BusMessage;
typedef struct bus_batch BusBatch;
typedef struct bus Bus;
typedef struct bus_reader BusReader;
typedef struct bus_consumer BusConsumer;
typedef struct bus_sender BusSender;
typedef struct bus_teller BusTeller;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BusRecord, bus_record_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BusMessage, bus_message_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BusBatch, bus_batch_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Bus, bus_close)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BusReader, bus_reader_close)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BusConsumer, bus_consumer_close)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BusSender, bus_sender_close)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BusTeller, bus_teller_close)
