/*
 * bus_kafka.h - what the parts of the Kafka bus share; only bus_kafka*.c include this, and
 * only they include librdkafka.
 *
 *   bus_kafka.c            the bus: its URL, properties, clients, errors
 *   bus_kafka_message.c    records, messages, queues in a loop
 *   bus_kafka_topic.c      questions about topics
 *   bus_kafka_consumer.c   a member of a group
 *   bus_kafka_reader.c     a reader without a group
 *   bus_kafka_sender.c     transactions
 *   bus_kafka_teller.c     heartbeats
 */
#pragma once

#include "bus_ops.h"

#include <librdkafka/rdkafka.h>

/* How long a transaction may stay open: the next owner of a dead worker's partitions waits
 * that long at most (KIP-447).  Also the bound of each of our steps before the commit. */
#define KAFKA_TRANSACTION_MS 10000

struct kafka {
    struct bus base;
    char *brokers;
    rd_kafka_conf_t *base_conf; /* our defaults and the user's properties */
    GMutex lock;                /* of what follows */
    rd_kafka_t *asker;          /* for questions; made at the first one */
    char *complaint;            /* the newest error that librdkafka told of, and … */
    int64_t complained_us;      /* … when, by g_get_monotonic_time() */
    rd_kafka_resp_err_t complaint_code;
    char *made;            /* the topic that was made last, and … */
    int64_t made_us;       /* … when: some brokers learn of it later */
    rd_kafka_conf_t *left; /* to threads of a client that failed: both stay for ever */
};

/* A property that we set ourselves. */
struct kafka_setting {
    const char *name;
    const char *value;
};

/* A client with the bus's properties and, over them, `settings` (ended by a NULL name).
 * `conf` has what only calls can set, or is NULL; it is taken.  BUS_ERROR_FATAL: librdkafka
 * did not get its threads going. */
rd_kafka_conf_t *kafka_conf_new(struct kafka *kafka);
rd_kafka_t *kafka_client_new(struct kafka *kafka, rd_kafka_type_t type,
                             rd_kafka_conf_t *conf, const struct kafka_setting *settings,
                             GError **error);
/* The client that answers questions; lives as long as the bus. */
rd_kafka_t *kafka_asker(struct kafka *kafka, GError **error);

/* Which of our errors a code of librdkafka or of a broker is. */
enum bus_error kafka_error_code(rd_kafka_resp_err_t code);
/* A code that says that there is no such partition, told apart by a question: one without a
 * leader gets the same, and is LEADER_NOT_AVAILABLE.  Other codes are left as they are. */
rd_kafka_resp_err_t kafka_tell_apart(struct kafka *kafka, rd_kafka_resp_err_t code,
                                     const char *topic, int32_t partition);
/* Sets `error` to "WHAT: TEXT"; `text` NULL: librdkafka's own for that code.  An error of
 * reachability names the brokers and what librdkafka complained of last. */
void kafka_set_error(struct kafka *kafka, GError **error, rd_kafka_resp_err_t code,
                     const char *text, const char *what, ...) G_GNUC_PRINTF(5, 6);

/* What a received message is to our callers; copied, so that no message of librdkafka
 * outlives the call. */
struct bus_record *kafka_record_new(const rd_kafka_message_t *message);
/* Hands a message over to librdkafka, which copies it. */
rd_kafka_resp_err_t kafka_produce(rd_kafka_t *client, GHashTable *topics,
                                  const struct bus_message *message, void *note);
/* Topic name → handle; the handles go with the table, the table before its client. */
GHashTable *kafka_topics_new(void);
size_t kafka_message_size(const struct bus_message *message);
/* What librdkafka takes of that at most, as the client is set up. */
size_t kafka_message_limit(rd_kafka_t *client);
/* A property of a client that is a number. */
int kafka_number(rd_kafka_t *client, const char *property);
/* An eventfd that librdkafka writes to when a queue that was empty has something. */
int kafka_eventfd_new(GError **error); /* -1 on error */
void kafka_eventfd_clear(int fd);
void kafka_eventfd_ring(int fd);
void kafka_queue_watch(rd_kafka_queue_t *queue, int fd);

bool kafka_topic_make(struct bus *bus, const struct bus_topic *topic, int timeout_ms,
                      GError **error);
bool kafka_topic_look(struct bus *bus, const char *topic, int timeout_ms,
                      struct bus_topic_look *ret_look, GError **error);
bool kafka_topic_partitions(struct bus *bus, const char *topic, int timeout_ms,
                            int32_t *ret_partitions, GError **error);
bool kafka_topic_range(struct bus *bus, const char *topic, int32_t partition,
                       int timeout_ms, int64_t *ret_first, int64_t *ret_end,
                       GError **error);
bool kafka_topic_offset_at(struct bus *bus, const char *topic, int32_t partition,
                           int64_t ms, int timeout_ms, int64_t *ret_offset,
                           GError **error);
bool kafka_topic_keep_times(struct bus *bus, const char *topic, bool keep, int timeout_ms,
                            GError **error);
char *kafka_topic_log_id(struct bus *bus, const char *topic, int timeout_ms,
                         GError **error);

struct bus_consumer *kafka_consumer_open(struct bus *bus, const char *group,
                                         const char *instance, const char *const *topics,
                                         GError **error);
void kafka_consumer_close(struct bus_consumer *consumer);
int kafka_consumer_fd(struct bus_consumer *consumer);
bool kafka_consumer_notice(struct bus_consumer *consumer, struct bus_notice *ret_notice,
                           GError **error);
struct bus_record *kafka_consumer_take(struct bus_consumer *consumer,
                                       unsigned topic_index);
GPtrArray *kafka_consumer_committed(struct bus_consumer *consumer,
                                    const GPtrArray *partitions, int timeout_ms,
                                    GError **error);
bool kafka_consumer_start(struct bus_consumer *consumer, const GPtrArray *positions,
                          GError **error);
bool kafka_consumer_release(struct bus_consumer *consumer, GError **error);
void kafka_membership_free(struct bus_membership *membership);
/* Borrowed. */
const rd_kafka_consumer_group_metadata_t *kafka_membership_metadata(
    const struct bus_membership *membership);

struct bus_reader *kafka_reader_open(struct bus *bus, const GPtrArray *positions,
                                     GError **error);
void kafka_reader_close(struct bus_reader *reader);
int kafka_reader_fd(struct bus_reader *reader);
bool kafka_reader_next(struct bus_reader *reader, int timeout_ms,
                       struct bus_record **ret_record, GError **error);
bool kafka_reader_passed(struct bus_reader *reader, const char *topic, int32_t partition,
                         int64_t end);

struct bus_sender *kafka_sender_open(struct bus *bus, const char *transactional_id,
                                     int timeout_ms, GError **error);
void kafka_sender_close(struct bus_sender *sender);
enum bus_sent kafka_sender_commit(struct bus_sender *sender,
                                  const struct bus_batch *batch, GError **error);

struct bus_teller *kafka_teller_open(struct bus *bus, GError **error);
void kafka_teller_close(struct bus_teller *teller);
bool kafka_teller_tell(struct bus_teller *teller, const struct bus_message *message,
                       GError **error);
bool kafka_teller_heard(struct bus_teller *teller, struct bus_heard *ret_heard);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(rd_kafka_conf_t, rd_kafka_conf_destroy)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(rd_kafka_queue_t, rd_kafka_queue_destroy)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(rd_kafka_event_t, rd_kafka_event_destroy)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(rd_kafka_error_t, rd_kafka_error_destroy)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(rd_kafka_topic_t, rd_kafka_topic_destroy)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(rd_kafka_topic_partition_t,
                              rd_kafka_topic_partition_destroy)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(rd_kafka_NewTopic_t, rd_kafka_NewTopic_destroy)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(rd_kafka_ConfigResource_t, rd_kafka_ConfigResource_destroy)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(rd_kafka_AdminOptions_t, rd_kafka_AdminOptions_destroy)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(rd_kafka_topic_partition_list_t,
                              rd_kafka_topic_partition_list_destroy)
