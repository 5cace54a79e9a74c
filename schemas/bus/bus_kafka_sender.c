/*
 * bus_kafka_sender.c - a batch of events and offsets in one transaction.
 *
 * Begin, produce, offsets, commit: all in one call on the caller's thread, so that no
 * transaction stays open between calls, with one exception: an abort that the broker has
 * not answered yet is finished by the next call.  What a failure means is decided by where
 * it happened: before the commit was asked for, nothing is committed; after it, only an
 * answer counts.
 *
 * Being fenced has two causes.  A newer process of this id: then this one has to end.  Or the
 * broker has not heard of us for the time-out of the transaction (the network was cut), has
 * aborted it, and fences whoever goes on with it.  That cannot be before the time-out, so a
 * younger transaction tells that it was the first.  An older one is taken for the second if
 * the batch carries the membership of a group: the sender is made anew, the outcome looked up
 * in the log, and should there be a newer process after all, the group decides: its member
 * has the partitions, our batch is stale.
 */
#include "bus_kafka.h"

#include "crash.h"

#include <string.h>

enum {
    COMMIT_BOUND_MS = 300000, /* longer than any restart of a broker */
    ABORT_WAIT_MS = 10000,    /* where the answer is known without it */
    AGAIN_MS = 100,
    METADATA_BYTES = 4096, /* offset.metadata.max.bytes of a broker */
};

struct kafka_sender {
    struct bus_sender base;
    struct kafka *kafka;
    rd_kafka_t *client;
    GHashTable *topics;
    char *id;
    size_t message_bytes; /* what librdkafka takes at most */
    int timeout_ms;       /* transaction.timeout.ms */
    bool aborting;        /* an abort has been begun and not been answered */
    bool dead;
    /* of the running transaction */
    int64_t handed_us; /* when its batch came */
    int64_t begun_us;
    bool commit_asked;
    rd_kafka_resp_err_t undelivered; /* of the first message that was not taken, or 0 */
    struct bus_position *refused;    /* where that should have gone, or NULL */
    int64_t appended_ms;         /* the latest append time that the log has told, or 0 */
    struct bus_position *landed; /* where one of its messages is in the log, or NULL */
};

/* --- Open and close --------------------------------------------------------------------- */

static void note_undelivered(struct kafka_sender *sender, rd_kafka_resp_err_t code,
                             const char *topic, int32_t partition)
{
    if (sender->undelivered)
        return;
    sender->undelivered = code;
    bus_position_free(sender->refused);
    sender->refused = bus_position_new(topic, partition, BUS_OFFSET_NONE, NULL);
}

static void note_time(struct kafka_sender *sender, const rd_kafka_message_t *message)
{
    rd_kafka_timestamp_type_t type;
    const int64_t ms = rd_kafka_message_timestamp(message, &type);
    if (type == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME)
        sender->appended_ms = MAX(sender->appended_ms, ms);
}

/* Called on our own thread, from within commit, flush, abort or poll. */
static void take_report(rd_kafka_t *client, const rd_kafka_message_t *message,
                        void *opaque)
{
    struct kafka_sender *sender = message->_private;
    bool purged = message->err == RD_KAFKA_RESP_ERR__PURGE_QUEUE ||
                  message->err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT;
    if (message->err && !purged)
        note_undelivered(sender, message->err, rd_kafka_topic_name(message->rkt),
                         message->partition);
    if (!message->err)
        note_time(sender, message);
    if (!message->err && !sender->landed && message->offset >= 0)
        sender->landed = bus_position_new(rd_kafka_topic_name(message->rkt),
                                          message->partition, message->offset, NULL);
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

static void client_close(struct kafka_sender *sender)
{
    if (!sender->client)
        return;
    rd_kafka_purge(sender->client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
                                       RD_KAFKA_PURGE_F_NON_BLOCKING);
    g_clear_pointer(&sender->topics, g_hash_table_unref);
    g_clear_pointer(&sender->client, rd_kafka_destroy);
}

static bool client_open(struct kafka_sender *sender, int timeout_ms, GError **error)
{
    sender->client = client_new(sender->kafka, sender->id, error);
    if (!sender->client)
        return false;
    sender->topics = kafka_topics_new();
    sender->message_bytes = kafka_message_limit(sender->client);
    sender->timeout_ms = kafka_number(sender->client, "transaction.timeout.ms");
    if (take_over(sender, timeout_ms, error))
        return true;
    client_close(sender);
    return false;
}

struct bus_sender *kafka_sender_open(struct bus *bus, const char *transactional_id,
                                     int timeout_ms, GError **error)
{
    struct kafka_sender *sender = g_new0(struct kafka_sender, 1);
    g_autoptr(BusSender) base = &sender->base;
    sender->base.ops = &bus_kafka_ops;
    sender->kafka = (struct kafka *)bus;
    sender->id = g_strdup(transactional_id);
    return client_open(sender, timeout_ms, error) ? g_steal_pointer(&base) : NULL;
}

void kafka_sender_close(struct bus_sender *base)
{
    struct kafka_sender *sender = (struct kafka_sender *)base;
    client_close(sender);
    bus_position_free(sender->landed);
    bus_position_free(sender->refused);
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
    return error == BUS_ERROR_TOO_LARGE || error == BUS_ERROR_INVALID ||
           error == BUS_ERROR_NO_TOPIC;
}

/* For errors after which the transaction can be aborted. */
static enum bus_sent judge(struct kafka_sender *sender, const rd_kafka_error_t *problem,
                           const char *step, GError **error)
{
    rd_kafka_resp_err_t code = rd_kafka_error_code(problem);
    if (rd_kafka_error_is_fatal(problem))
        return dead(sender, rd_kafka_error_string(problem), step, error);
    if (sender->undelivered) {
        explain(sender, sender->undelivered, NULL, step, error);
        if (is_refusal(sender->undelivered))
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
    sender->begun_us = g_get_monotonic_time();
    sender->commit_asked = false;
    sender->undelivered = RD_KAFKA_RESP_ERR_NO_ERROR;
    sender->appended_ms = 0;
    g_clear_pointer(&sender->landed, bus_position_free);
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
    note_undelivered(sender, code, message->topic, message->partition);
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

/* By the log's own word, where it tells append times; else by what was known, and the time since
 * then. */
static int64_t late_ms(const struct kafka_sender *sender, const struct bus_batch *batch)
{
    const int64_t since_ms = (g_get_monotonic_time() - sender->handed_us) / 1000;
    return MAX(sender->appended_ms, batch->now_ms + since_ms) - batch->before_ms;
}

/* The broker may have stood still for any time between the first message and its answer: when
 * all are in the log, and before that is made true, its clock is looked at. */
static enum bus_sent check_time(struct kafka_sender *sender,
                                const struct bus_batch *batch, GError **error)
{
    if (batch->before_ms == 0)
        return BUS_SENT;
    while (late_ms(sender, batch) < 0)
        if (rd_kafka_flush(sender->client, AGAIN_MS) == RD_KAFKA_RESP_ERR_NO_ERROR)
            break; /* delivered, or not: the commit tells */
    const int64_t late = late_ms(sender, batch);
    if (late < 0)
        return BUS_SENT;
    g_set_error(error, BUS_ERROR, BUS_ERROR_LATE,
                "a transaction of %s is given up: %" G_GINT64_FORMAT
                " ms too late by the log's clock",
                sender->id, late);
    return BUS_LATE;
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

/* librdkafka asks for no commit while a message has not been taken. */
static bool is_in_doubt(const struct kafka_sender *sender)
{
    return sender->commit_asked && !sender->undelivered;
}

/* `sent`: what the caller is told if the abort leaves no doubt. */
static enum bus_sent give_up(struct kafka_sender *sender, enum bus_sent sent,
                             int64_t deadline_us, GError **error)
{
    bool in_doubt = is_in_doubt(sender);
    if (!in_doubt)
        deadline_us = MIN(deadline_us, deadline_in(ABORT_WAIT_MS));
    if (abort_until(sender, deadline_us, error))
        return sent;
    if (!sender->dead && !in_doubt)
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

/* --- Made anew ---------------------------------------------------------------------------- */

/* Whether the record that landed is committed: its transaction has ended. */
static bool look_up(struct kafka_sender *sender, int64_t deadline_us, bool *ret_committed,
                    GError **error)
{
    const struct bus_position *landed = sender->landed;
    g_autoptr(GPtrArray) positions = bus_positions_new();
    g_ptr_array_add(positions, bus_position_new(landed->topic, landed->partition,
                                                landed->offset, NULL));
    g_autoptr(BusReader)
        reader = kafka_reader_open(&sender->kafka->base, positions, error);
    while (reader && left_ms(deadline_us) > 0) {
        g_autoptr(BusRecord) record = NULL;
        if (!kafka_reader_next(reader, AGAIN_MS, &record, error))
            return false;
        if (!record && !kafka_reader_passed(reader, landed->topic, landed->partition,
                                            landed->offset + 1))
            continue;
        *ret_committed = record && record->offset == landed->offset;
        return true;
    }
    return false;
}

static bool was_given_up(const struct kafka_sender *sender, const struct bus_batch *batch)
{
    int64_t age_us = g_get_monotonic_time() - sender->begun_us;
    return batch->membership && age_us >= sender->timeout_ms * INT64_C(1000);
}

/* Opening waits until the earlier transaction has ended, one way or the other. */
static bool open_again(struct kafka_sender *sender, int64_t deadline_us, GError **error)
{
    client_close(sender);
    sender->aborting = false;
    while (!client_open(sender, ABORT_WAIT_MS, error)) {
        bool wait = sender->commit_asked && left_ms(deadline_us) > 0;
        if (!wait)
            return false;
        g_clear_error(error);
        g_usleep(AGAIN_MS * 1000);
    }
    return true;
}

static enum bus_sent renew(struct kafka_sender *sender, const struct bus_batch *batch,
                           int64_t deadline_us, GError **error)
{
    g_autoptr(GError) problem = NULL;
    bool committed = false;
    bool in_doubt = is_in_doubt(sender) && batch->messages->len > 0;
    bool opened = open_again(sender, deadline_us, &problem);
    if (in_doubt &&
        !(opened && sender->landed && look_up(sender, deadline_us, &committed, &problem)))
        return BUS_DEAD; /* the error is there */
    sender->dead = false;
    g_clear_error(error);
    if (committed)
        return BUS_SENT;
    g_set_error(error, BUS_ERROR, BUS_ERROR_UNREACHABLE,
                "a transaction of %s was given up by the broker after %d ms: it is not "
                "committed",
                sender->id, sender->timeout_ms);
    return BUS_RETRY;
}

/* A sender that could not be made anew before is made now. */
static enum bus_sent get_ready(struct kafka_sender *sender, GError **error)
{
    if (!sender->client && !client_open(sender, ABORT_WAIT_MS, error))
        return BUS_RETRY;
    return finish_abort(sender, error);
}

/* --- The whole ---------------------------------------------------------------------------- */

static enum bus_sent transact(struct kafka_sender *sender, const struct bus_batch *batch,
                              int64_t deadline_us, GError **error)
{
    enum bus_sent sent = begin(sender, error);
    if (sent != BUS_SENT)
        return sent;
    crash_point("bus.begun");
    sent = produce(sender, batch, error);
    crash_point("bus.messages");
    if (sent == BUS_SENT)
        sent = send_offsets(sender, batch, error);
    crash_point("bus.positions");
    if (sent == BUS_SENT)
        sent = check_time(sender, batch, error);
    if (sent == BUS_SENT)
        sent = commit(sender, deadline_us, error);
    crash_point("bus.committed");
    if (sent == BUS_SENT || sent == BUS_DEAD)
        return sent;
    return give_up(sender, sent, deadline_us, error);
}

/* A partition without a leader is one that comes back.  Asked at the end: a transaction is
 * aborted at once, or the broker may not have heard of it when it is. */
static enum bus_sent tell_refusal(struct kafka_sender *sender, GError **error)
{
    const struct bus_position *refused = sender->refused;
    if (!refused || !sender->undelivered)
        return BUS_REFUSED;
    rd_kafka_resp_err_t code = kafka_tell_apart(sender->kafka, sender->undelivered,
                                                refused->topic, refused->partition);
    if (is_refusal(code))
        return BUS_REFUSED;
    g_clear_error(error);
    kafka_set_error(sender->kafka, error, code, NULL, "send to %s partition %d",
                    refused->topic, refused->partition);
    return BUS_RETRY;
}

enum bus_sent kafka_sender_commit(struct bus_sender *base, const struct bus_batch *batch,
                                  GError **error)
{
    struct kafka_sender *sender = (struct kafka_sender *)base;
    g_autoptr(GError) problem = NULL;
    int64_t deadline_us = deadline_in(COMMIT_BOUND_MS);
    if (sender->dead)
        return dead(sender, "this sender has ended", "begin", error);
    g_clear_pointer(&sender->refused, bus_position_free);
    sender->handed_us = g_get_monotonic_time();
    enum bus_sent sent = check_messages(sender, batch, &problem);
    if (sent == BUS_SENT)
        sent = check_positions(batch, &problem);
    if (sent == BUS_SENT)
        sent = get_ready(sender, &problem);
    if (sent == BUS_SENT)
        sent = transact(sender, batch, deadline_us, &problem);
    if (sent == BUS_DEAD && was_given_up(sender, batch))
        sent = renew(sender, batch, deadline_us, &problem);
    if (sent == BUS_REFUSED)
        sent = tell_refusal(sender, &problem);
    /* librdkafka goes on counting behind the record that was refused, and the broker would not
     * take the next one of that partition: a new client counts from the beginning. */
    if (sent == BUS_REFUSED && sender->refused && !sender->aborting)
        client_close(sender);
    if (problem)
        g_propagate_error(error, g_steal_pointer(&problem));
    return sent;
}
