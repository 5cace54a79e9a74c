/*
 * bus_ops.h - what a bus has to be able to do; only bus.c and the buses include this.
 *
 * Every object of a bus begins with the table of its bus, so that bus.c can pass calls on.
 */
#pragma once

#include "bus.h"

struct bus_ops {
    const char *scheme; /* of the URL */
    struct bus *(*open)(const char *url, const GPtrArray *properties, GError **error);
    void (*close)(struct bus *bus);
    bool (*topic_make)(struct bus *bus, const struct bus_topic *topic, int timeout_ms,
                       GError **error);
    bool (*topic_look)(struct bus *bus, const char *topic, int timeout_ms,
                       struct bus_topic_look *ret_look, GError **error);
    bool (*topic_partitions)(struct bus *bus, const char *topic, int timeout_ms,
                             int32_t *ret_partitions, GError **error);
    bool (*topic_range)(struct bus *bus, const char *topic, int32_t partition,
                        int timeout_ms, int64_t *ret_first, int64_t *ret_end,
                        GError **error);
    bool (*topic_offset_at)(struct bus *bus, const char *topic, int32_t partition,
                            int64_t ms, int timeout_ms, int64_t *ret_offset,
                            GError **error);
    bool (*topic_keep_times)(struct bus *bus, const char *topic, bool keep,
                             int timeout_ms, GError **error);
    char *(*topic_log_id)(struct bus *bus, const char *topic, int timeout_ms,
                          GError **error);

    struct bus_consumer *(*consumer_open)(struct bus *bus, const char *group,
                                          const char *instance, const char *const *topics,
                                          GError **error);
    void (*consumer_close)(struct bus_consumer *consumer);
    int (*consumer_fd)(struct bus_consumer *consumer);
    bool (*consumer_notice)(struct bus_consumer *consumer, struct bus_notice *ret_notice,
                            GError **error);
    struct bus_record *(*consumer_take)(struct bus_consumer *consumer,
                                        unsigned topic_index);
    GPtrArray *(*consumer_committed)(struct bus_consumer *consumer,
                                     const GPtrArray *partitions, int timeout_ms,
                                     GError **error);
    bool (*consumer_start)(struct bus_consumer *consumer, const GPtrArray *positions,
                           GError **error);
    bool (*consumer_release)(struct bus_consumer *consumer, GError **error);
    void (*membership_free)(struct bus_membership *membership);

    struct bus_reader *(*reader_open)(struct bus *bus, const GPtrArray *positions,
                                      GError **error);
    void (*reader_close)(struct bus_reader *reader);
    int (*reader_fd)(struct bus_reader *reader);
    bool (*reader_next)(struct bus_reader *reader, int timeout_ms,
                        struct bus_record **ret_record, GError **error);
    bool (*reader_passed)(struct bus_reader *reader, const char *topic, int32_t partition,
                          int64_t end);

    struct bus_sender *(*sender_open)(struct bus *bus, const char *transactional_id,
                                      int timeout_ms, GError **error);
    void (*sender_close)(struct bus_sender *sender);
    enum bus_sent (*sender_commit)(struct bus_sender *sender,
                                   const struct bus_batch *batch, GError **error);

    struct bus_teller *(*teller_open)(struct bus *bus, GError **error);
    void (*teller_close)(struct bus_teller *teller);
    bool (*teller_tell)(struct bus_teller *teller, const struct bus_message *message,
                        GError **error);
    bool (*teller_heard)(struct bus_teller *teller, struct bus_heard *ret_heard);
};

struct bus {
    const struct bus_ops *ops;
};
struct bus_consumer {
    const struct bus_ops *ops;
};
struct bus_reader {
    const struct bus_ops *ops;
};
struct bus_sender {
    const struct bus_ops *ops;
};
struct bus_teller {
    const struct bus_ops *ops;
};
struct bus_membership {
    const struct bus_ops *ops;
    gatomicrefcount references;
};

extern const struct bus_ops bus_kafka_ops, bus_sqlite_ops;
