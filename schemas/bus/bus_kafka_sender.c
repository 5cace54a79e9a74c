/*
 * bus_kafka_sender.c - a batch of events and offsets in one transaction.
 *
 * Begin, produce, offsets, commit: all in one call on the caller's thread, so that no
 * transaction stays open between calls, with one exception: an abort that the broker has
 * not answered yet is finished by the next call.  What a failure means is decided by where
 * it happened: before the commit was asked for, nothing is committed; after it, only an
 * answer counts, and without one the sender is dead.
 */
#include "bus_kafka.h"

#include <string.h>

enum {
    COMMIT_BOUND_MS = 300000, /* longer than any restart of a broker */
    ABORT_WAIT_MS = 10000,    /* where the answer is known without it */
    AGAIN_MS = 100,
    METADATA_BYTES = 4096, /* offset.metadata.max.bytes of a broker */
    SIZE_SLACK = 512,      /* what librdkafka adds to a message on the wire, and more */
};

struct kafka_sender {
    struct bus_sender base;
    struct kafka *kafka;
    rd_kafka_t *client;
    GHashTable *topics;
    char *id;
    size_t message_bytes; /* what librdkafka takes at most */
    bool aborting;        /* an abort has been begun and not been answered */
    bool dead;
    /* of the running transaction */
    bool commit_asked;
    rd_kafka_resp_err_t undelivered; /* of the first message that was not taken, or 0 */
};

/* --- Open and close --------------------------------------------------------------------- */

/* Called on our own thread, from within commit, abort or poll. */
static void take_report(rd_kafka_t *client, const rd_kafka_message_t *message,
                        void *opaque)
{
    struct kafka_sender *sender = message->_private;
    bool purged = message->err == RD_KAFKA_RESP_ERR__PURGE_QUEUE ||
                  message->err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT;
    if (message->err && !purged && !sender->undelivered)
        sender->undelivered = message->err;
}

static rd_kafka_t *client_new(struct kafka *kafka, const char *id, GError **error)
{
    const struct kafka_setting settings[] = {
        {"transactional.id", id},
        {"enable.idempotence", "true"},
        {"acks", "all"},
        {NULL, NULL},
    };
    rd_kafka_conf_t *conf = kafka_conf_new(kafka);
    rd_kafka_conf_set_dr_msg_cb(conf, take_report);
    return kafka_client_new(kafka, RD_KAFKA_PRODUCER, conf, settings, error);
}

static size_t message_limit(rd_kafka_t *client)
{
    char value[32] = "";
    size_t size = sizeof(value);
    rd_kafka_conf_get(rd_kafka_conf(client), "message.max.bytes", value, &size);
    return (size_t)g_ascii_strtoull(value, NULL, 10) - SIZE_SLACK; /* at least 1000 */
}

static int64_t deadline_in(int ms)
{
    return g_get_monotonic_time() + ms * INT64_C(1000);
}

static int left_ms(int64_t deadline_us)
{
    return (int)MAX((deadline_us - g_get_monotonic_time()) / 1000, 0);
}

static bool take_over(struct kafka_sender *sender, int timeout_ms, GError **error)
{
    int64_t deadline_us = deadline_in(timeout_ms);
    for (;;) {
        g_autoptr(rd_kafka_error_t)
            problem = rd_kafka_init_transactions(sender->client, left_ms(deadline_us));
        if (!problem)
            return true;
        bool again = rd_kafka_error_is_retriable(problem) &&
                     left_ms(deadline_us) > AGAIN_MS;
        if (!again) {
            kafka_set_error(sender->kafka, error, rd_kafka_error_code(problem),
                            rd_kafka_error_string(problem), "open the sender %s",
                            sender->id);
            return false;
        }
        g_usleep(AGAIN_MS * 1000);
    }
}

struct bus_sender *kafka_sender_open(struct bus *bus, const char *transactional_id,
                                     int timeout_ms, GError **error)
{
    struct kafka *kafka = (struct kafka *)bus;
    rd_kafka_t *client = client_new(kafka, transactional_id, error);
    if (!client)
        return NULL;
    struct kafka_sender *sender = g_new0(struct kafka_sender, 1);
    g_autoptr(BusSender) base = &sender->base;
    sender->base.ops = &bus_kafka_ops;
    sender->kafka = kafka;
    sender->client = client;
    sender->topics = kafka_topics_new();
    sender->id = g_strdup(transactional_id);
    sender->message_bytes = message_limit(client);
    if (!take_over(sender, timeout_ms, error))
        return NULL;
    return g_steal_pointer(&base);
}

void kafka_sender_close(struct bus_sender *base)
{
    struct kafka_sender *sender = (struct kafka_sender *)base;
    rd_kafka_purge(sender->client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
                                       RD_KAFKA_PURGE_F_NON_BLOCKING);
    g_hash_table_unref(sender->topics);
    rd_kafka_destroy(sender->client);
    g_free(sender->id);
    g_free(sender);
}

/* --- What a failure means --------------------------------------------------------------- */

/* Says so in `error` as well; the first sentence stays. */
static void explain(struct kafka_sender *sender, rd_kafka_resp_err_t code,
                    const char *text, const char *step, GError **error)
{
    if (error && *error)
        return;
    kafka_set_error(sender->kafka, error, code, text, "%s a transaction of %s", step,
                    sender->id);
}

static enum bus_sent dead(struct kafka_sender *sender, const char *text, const char *step,
                          GError **error)
{
    sender->dead = true;
    g_clear_error(error);
    g_set_error(error, BUS_ERROR, BUS_ERROR_FATAL, "%s a transaction of %s: %s", step,
                sender->id, text);
    return BUS_DEAD;
}

/* The group has gone on without this member (KIP-447). */
static bool is_stale(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID ||
           kafka_error_code(code) == BUS_ERROR_STALE;
}

static bool is_refusal(rd_kafka_resp_err_t code)
{
    enum bus_error error = kafka_error_code(code);
    return error == BUS_ERROR_TOO_LARGE || error == BUS_ERROR_NO_TOPIC;
}

/* For errors after which the transaction can be aborted. */
static enum bus_sent judge(struct kafka_sender *sender, const rd_kafka_error_t *problem,
                           const char *step, GError **error)
{
    rd_kafka_resp_err_t code = rd_kafka_error_code(problem);
    if (rd_kafka_error_is_fatal(problem))
        return dead(sender, rd_kafka_error_string(problem), step, error);
    if (is_refusal(sender->undelivered)) {
        explain(sender, sender->undelivered, NULL, step, error);
        return BUS_REFUSED;
    }
    explain(sender, code, rd_kafka_error_string(problem), step, error);
    if (is_stale(code))
        return BUS_STALE;
    return is_refusal(code) ? BUS_REFUSED : BUS_RETRY;
}

/* --- Steps ------------------------------------------------------------------------------ */
/* Each answers BUS_SENT to go on. */

static enum bus_sent check_messages(const struct kafka_sender *sender,
                                    const struct bus_batch *batch, GError **error)
{
    for (guint i = 0; i < batch->messages->len; i++) {
        const struct bus_message *message = g_ptr_array_index(batch->messages, i);
        size_t size = kafka_message_size(message);
        if (size <= sender->message_bytes)
            continue;
        g_set_error(error, BUS_ERROR, BUS_ERROR_TOO_LARGE,
                    "a message to %s has %zu bytes, of at most %zu (message.max.bytes)",
                    message->topic, size, sender->message_bytes);
        return BUS_REFUSED;
    }
    return BUS_SENT;
}

/* librdkafka would write a length of more than 32767 into 16 bits. */
static enum bus_sent check_positions(const struct bus_batch *batch, GError **error)
{
    for (guint i = 0; i < batch->positions->len; i++) {
        const struct bus_position *position = g_ptr_array_index(batch->positions, i);
        size_t size = position->metadata ? strlen(position->metadata) : 0;
        if (size < METADATA_BYTES)
            continue;
        g_set_error(error, BUS_ERROR, BUS_ERROR_TOO_LARGE,
                    "the metadata of %s partition %d has %zu bytes, of fewer than %d",
                    position->topic, position->partition, size, METADATA_BYTES);
        return BUS_REFUSED;
    }
    return BUS_SENT;
}

static enum bus_sent begin(struct kafka_sender *sender, GError **error)
{
    g_autoptr(rd_kafka_error_t) problem = rd_kafka_begin_transaction(sender->client);
    sender->commit_asked = false;
    sender->undelivered = RD_KAFKA_RESP_ERR_NO_ERROR;
    if (!problem)
        return BUS_SENT;
    return dead(sender, rd_kafka_error_string(problem), "begin", error);
}

static enum bus_sent produce_one(struct kafka_sender *sender,
                                 const struct bus_message *message, int64_t deadline_us,
                                 GError **error)
{
    rd_kafka_resp_err_t code;
    while ((code = kafka_produce(sender->client, sender->topics, message, sender)) ==
               RD_KAFKA_RESP_ERR__QUEUE_FULL &&
           left_ms(deadline_us) > 0)
        rd_kafka_poll(sender->client, AGAIN_MS);
    if (!code)
        return BUS_SENT;
    char text[512] = "";
    if (rd_kafka_fatal_error(sender->client, text, sizeof(text)))
        return dead(sender, text, "produce in", error);
    kafka_set_error(sender->kafka, error, code, NULL, "send to %s", message->topic);
    return is_refusal(code) ? BUS_REFUSED : BUS_RETRY;
}

static enum bus_sent produce(struct kafka_sender *sender, const struct bus_batch *batch,
                             GError **error)
{
    int64_t deadline_us = deadline_in(KAFKA_TRANSACTION_MS);
    enum bus_sent sent = BUS_SENT;
    for (guint i = 0; sent == BUS_SENT && i < batch->messages->len; i++)
        sent = produce_one(sender, g_ptr_array_index(batch->messages, i), deadline_us,
                           error);
    return sent;
}

static rd_kafka_topic_partition_list_t *offsets_of(const GPtrArray *positions)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(
        (int)positions->len);
    for (guint i = 0; i < positions->len; i++) {
        const struct bus_position *position = g_ptr_array_index(positions, i);
        rd_kafka_topic_partition_t *offset = rd_kafka_topic_partition_list_add(
            list, position->topic, position->partition);
        offset->offset = position->offset;
        if (!position->metadata)
            continue;
        offset->metadata = strdup(position->metadata); /* the list frees it with free() */
        offset->metadata_size = strlen(position->metadata);
    }
    return list;
}

static enum bus_sent send_offsets(struct kafka_sender *sender,
                                  const struct bus_batch *batch, GError **error)
{
    if (batch->positions->len == 0)
        return BUS_SENT;
    g_assert(batch->membership);
    g_autoptr(rd_kafka_topic_partition_list_t) offsets = offsets_of(batch->positions);
    g_autoptr(rd_kafka_error_t) problem = rd_kafka_send_offsets_to_transaction(
        sender->client, offsets, kafka_membership_metadata(batch->membership),
        KAFKA_TRANSACTION_MS);
    return problem ? judge(sender, problem, "add offsets to", error) : BUS_SENT;
}

/* The call is resumed until it has an answer; time-outs of its own: the transaction's. */
static enum bus_sent commit(struct kafka_sender *sender, int64_t deadline_us,
                            GError **error)
{
    const int transactions_own = -1;
    sender->commit_asked = true;
    for (;;) {
        g_autoptr(rd_kafka_error_t)
            problem = rd_kafka_commit_transaction(sender->client, transactions_own);
        if (!problem)
            return BUS_SENT;
        if (!rd_kafka_error_is_retriable(problem)) {
            if (!rd_kafka_error_txn_requires_abort(problem))
                return dead(sender, rd_kafka_error_string(problem), "commit", error);
            return judge(sender, problem, "commit", error);
        }
        if (left_ms(deadline_us) == 0)
            return dead(sender, rd_kafka_error_string(problem), "commit", error);
        g_usleep(AGAIN_MS * 1000);
    }
}

/* True: it is aborted.  An abort that succeeds proves that nothing was committed: a broker
 * refuses it after a commit. */
static bool abort_until(struct kafka_sender *sender, int64_t deadline_us, GError **error)
{
    sender->aborting = true;
    for (;;) {
        g_autoptr(rd_kafka_error_t) problem = rd_kafka_abort_transaction(
            sender->client, MAX(left_ms(deadline_us), 1));
        if (!problem) {
            sender->aborting = false;
            return true;
        }
        if (!rd_kafka_error_is_retriable(problem)) {
            dead(sender, rd_kafka_error_string(problem), "abort", error);
            return false;
        }
        explain(sender, rd_kafka_error_code(problem), rd_kafka_error_string(problem),
                "abort", error);
        if (left_ms(deadline_us) == 0)
            return false;
        g_usleep(AGAIN_MS * 1000);
    }
}

/* `sent`: what the caller is told if the abort leaves no doubt. */
static enum bus_sent give_up(struct kafka_sender *sender, enum bus_sent sent,
                             int64_t deadline_us, GError **error)
{
    if (!sender->commit_asked)
        deadline_us = MIN(deadline_us, deadline_in(ABORT_WAIT_MS));
    if (abort_until(sender, deadline_us, error))
        return sent;
    if (!sender->dead && !sender->commit_asked)
        return sent; /* the next call goes on aborting */
    return sender->dead ? BUS_DEAD
                        : dead(sender, "the broker does not answer", "abort", error);
}

static enum bus_sent finish_abort(struct kafka_sender *sender, GError **error)
{
    if (!sender->aborting || abort_until(sender, deadline_in(ABORT_WAIT_MS), error))
        return BUS_SENT;
    return sender->dead ? BUS_DEAD : BUS_RETRY;
}

enum bus_sent kafka_sender_commit(struct bus_sender *base, const struct bus_batch *batch,
                                  GError **error)
{
    struct kafka_sender *sender = (struct kafka_sender *)base;
    int64_t deadline_us = deadline_in(COMMIT_BOUND_MS);
    if (sender->dead)
        return dead(sender, "this sender has ended", "begin", error);
    enum bus_sent sent = check_messages(sender, batch, error);
    if (sent == BUS_SENT)
        sent = check_positions(batch, error);
    if (sent == BUS_SENT)
        sent = finish_abort(sender, error);
    if (sent == BUS_SENT)
        sent = begin(sender, error);
    if (sent != BUS_SENT)
        return sent;
    sent = produce(sender, batch, error);
    if (sent == BUS_SENT)
        sent = send_offsets(sender, batch, error);
    if (sent == BUS_SENT)
        sent = commit(sender, deadline_us, error);
    if (sent == BUS_SENT || sent == BUS_DEAD)
        return sent;
    return give_up(sender, sent, deadline_us, error);
}
