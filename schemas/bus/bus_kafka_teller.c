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
};

enum { LAST_WORDS_MS = 1000 };

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
    rd_kafka_t *client = kafka_client_new(kafka, RD_KAFKA_PRODUCER, NULL, settings,
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
                                             NULL);
    if (!code)
        return true;
    kafka_set_error(teller->kafka, error, code, NULL, "tell %s", message->topic);
    return false;
}
