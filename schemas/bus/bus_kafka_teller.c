/*
 * bus_kafka_teller.c - a plain producer for what is told again soon: heartbeats.
 *
 * One request in flight keeps the order; a doubled heartbeat harms nobody.  It is not an
 * idempotent producer, because that one can end in a fatal error (librdkafka issue 4438,
 * before 2.3) and a heartbeat is not worth a process.
 */
#include "bus_kafka.h"

struct kafka_teller {
    struct bus_teller base;
    struct kafka *kafka;
    rd_kafka_t *client;
    GHashTable *topics;
    bool has_heard; /* since it was last asked */
    struct bus_heard heard;
};

enum { LAST_WORDS_MS = 1000 };

/* Called from within poll and flush, on the thread that has the teller. */
static void take_report(rd_kafka_t *client, const rd_kafka_message_t *message,
                        void *opaque)
{
    struct kafka_teller *teller = message->_private;
    rd_kafka_timestamp_type_t type;
    const int64_t ms = rd_kafka_message_timestamp(message, &type);
    const bool tells = !message->err && type == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME;
    const int64_t now = bus_boot_ms();
    teller->has_heard = true;
    teller->heard.append_ms = tells ? ms : 0;
    teller->heard.told_at = now - MAX(rd_kafka_message_latency(message), 0) / 1000;
    teller->heard.heard_at = now;
}

struct bus_teller *kafka_teller_open(struct bus *bus, GError **error)
{
    static const struct kafka_setting settings[] = {
        {"acks", "all"},
        {"max.in.flight.requests.per.connection", "1"},
        {"message.timeout.ms", "10000"},
        {"queue.buffering.max.messages", "1000"},
        {NULL, NULL},
    };
    struct kafka *kafka = (struct kafka *)bus;
    rd_kafka_conf_t *conf = kafka_conf_new(kafka);
    rd_kafka_conf_set_dr_msg_cb(conf, take_report);
    rd_kafka_t *client = kafka_client_new(kafka, RD_KAFKA_PRODUCER, conf, settings,
                                          error);
    if (!client)
        return NULL;
    struct kafka_teller *teller = g_new0(struct kafka_teller, 1);
    teller->base.ops = &bus_kafka_ops;
    teller->kafka = kafka;
    teller->client = client;
    teller->topics = kafka_topics_new();
    return &teller->base;
}

void kafka_teller_close(struct bus_teller *base)
{
    struct kafka_teller *teller = (struct kafka_teller *)base;
    rd_kafka_flush(teller->client, LAST_WORDS_MS);
    rd_kafka_purge(teller->client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    g_hash_table_unref(teller->topics);
    rd_kafka_destroy(teller->client);
    g_free(teller);
}

bool kafka_teller_tell(struct bus_teller *base, const struct bus_message *message,
                       GError **error)
{
    struct kafka_teller *teller = (struct kafka_teller *)base;
    rd_kafka_poll(teller->client, 0);
    rd_kafka_resp_err_t code = kafka_produce(teller->client, teller->topics, message,
                                             teller);
    if (!code)
        return true;
    teller->heard = (struct bus_heard){.told_at = bus_boot_ms(),
                                       .heard_at = bus_boot_ms()};
    teller->has_heard = true;
    kafka_set_error(teller->kafka, error, code, NULL, "tell %s", message->topic);
    return false;
}

bool kafka_teller_heard(struct bus_teller *base, struct bus_heard *ret_heard)
{
    struct kafka_teller *teller = (struct kafka_teller *)base;
    rd_kafka_poll(teller->client, 0);
    if (!teller->has_heard)
        return false;
    *ret_heard = teller->heard;
    teller->has_heard = false;
    return true;
}
