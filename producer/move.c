/*
 * move.c - carries a log over to another bus.
 */
#include "move.h"

#include "eventlog.h"
#include "reading.h"
#include "span.h"
#include "topics.h"

#include <stdarg.h>
#include <string.h>

#define MOVE_ID     "muster.copy" /* the sender's transactional id */
#define OPEN_MS     30000
#define BATCH       500
#define BATCH_BYTES (1024 * 1024)
#define RETRIES     20
#define RETRY_US    200000
#define RETENTION_MS \
 (INT64_C(3600) * 1000) /* what has less than this left is not carried */

/* A move on its way. */
struct carrying {
    const struct move *move;
    struct bus_sender *sender;
    struct bus_batch *batch;
    GArray *offsets; /* where its messages lie in the source: int64_t */
    gsize bytes;
    int64_t now;         /* wall clock, ms: for what is too old */
    GHashTable *sums;    /* "topic/partition" → GChecksum of what was carried */
    GHashTable *arrived; /* the same of what is there afterwards */
    const char *doing;
    struct moved moved;
};

static bool refuse(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);
static bool refuse(GError **error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error_literal(error, CARGO_ERROR, CARGO_ERROR_REFUSED, text);
    return false;
}

static bool broken(GError **error, const char *what)
{
    g_set_error(
        error, BUS_ERROR, BUS_ERROR_FATAL,
        "what has arrived in %s is not what was sent (records, their order or append "
        "times): do not use it",
        what);
    return false;
}

static const struct bus_topic *topic_at(const struct move *move, guint i)
{
    return move->cargo->topics->pdata[i];
}

/* All topics from index `first` to `last - 1`, of one of the buses. */
static bool add_topics(const struct move *move, struct bus *bus, guint first, guint last,
                       struct span *span, GError **error)
{
    for (guint i = first; i < last; i++)
        if (!span_add(span, bus, topic_at(move, i)->name, 0,
                      topic_at(move, i)->partitions, error))
            return false;
    return true;
}

/* --- The target's topics ------------------------------------------------------------------------ */

static bool check_empty(const struct move *move, const struct bus_topic *topic,
                        GError **error)
{
    g_autoptr(GError) none = NULL;
    g_auto(Span) span;
    int32_t partitions;
    span_init(&span);
    if (!bus_topic_partitions(move->to, topic->name, EVENTLOG_MS, &partitions, &none)) {
        if (g_error_matches(none, BUS_ERROR, BUS_ERROR_NO_TOPIC))
            return true;
        g_propagate_error(error, g_steal_pointer(&none));
        return false;
    }
    if (!span_add(&span, move->to, topic->name, 0, partitions, error))
        return false;
    return span_is_empty(&span) ||
           refuse(
               error,
               "refused: the target has records in %s: only an empty bus is copied to; "
               "if they are of a copy that was broken off, delete its topics",
               topic->name);
}

/* All are looked at before the first one is made. */
static bool make_topics(const struct move *move, GError **error)
{
    for (guint i = 0; i < move->cargo->topics->len; i++)
        if (!check_empty(move, topic_at(move, i), error))
            return false;
    for (guint i = 0; i < move->cargo->topics->len; i++) {
        struct bus_topic topic = *topic_at(move, i);
        topic.append_time = false; /* until all has been carried */
        if (!bus_topic_make(move->to, &topic, TOPICS_MS, error) ||
            !bus_topic_keep_times(move->to, topic.name, true, TOPICS_MS, error))
            return false;
    }
    return true;
}

static bool settle_topics(const struct move *move, GError **error)
{
    for (guint i = 0; i < move->cargo->topics->len; i++) {
        const struct bus_topic *topic = topic_at(move, i);
        if (topic->append_time &&
            !bus_topic_keep_times(move->to, topic->name, false, TOPICS_MS, error))
            return false;
    }
    return true;
}

/* --- Sums ------------------------------------------------------------------------------------------ */

static void sum_bytes(GChecksum *sum, const void *bytes, gsize length)
{
    int64_t size = bytes ? (int64_t)length : -1;
    g_checksum_update(sum, (const guchar *)&size, sizeof size);
    if (length > 0 && bytes)
        g_checksum_update(sum, bytes, (gssize)length);
}

static void sum_gbytes(GChecksum *sum, GBytes *bytes)
{
    gsize length = 0;
    const void *data = bytes ? g_bytes_get_data(bytes, &length) : NULL;
    sum_bytes(sum, bytes && !data ? "" : data, length);
}

/* All of a record but its offset. */
static void sum_record(GHashTable *sums, const struct bus_record *record)
{
    g_autofree char *key = g_strdup_printf("%s/%d", record->topic, record->partition);
    GChecksum *sum = g_hash_table_lookup(sums, key);
    if (!sum) {
        sum = g_checksum_new(G_CHECKSUM_SHA256);
        g_hash_table_insert(sums, g_steal_pointer(&key), sum);
    }
    sum_bytes(sum, &record->append_ms, sizeof record->append_ms);
    sum_bytes(sum, record->key, record->key ? strlen(record->key) : 0);
    sum_gbytes(sum, record->value);
    for (guint i = 0; record->headers && i < record->headers->len; i++) {
        const struct bus_header *header = record->headers->pdata[i];
        sum_bytes(sum, header->name, strlen(header->name));
        sum_gbytes(sum, header->value);
    }
}

static bool compare_sums(struct carrying *carrying, GError **error)
{
    GHashTableIter iter;
    void *key, *value;
    if (g_hash_table_size(carrying->sums) != g_hash_table_size(carrying->arrived))
        return broken(error, "the target");
    g_hash_table_iter_init(&iter, carrying->sums);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        GChecksum *arrived = g_hash_table_lookup(carrying->arrived, key);
        if (!arrived ||
            !g_str_equal(g_checksum_get_string(value), g_checksum_get_string(arrived)))
            return broken(error, key);
    }
    return true;
}

/* --- Carrying --------------------------------------------------------------------------------------- */

static enum bus_sent commit(struct carrying *carrying, GError **error)
{
    enum bus_sent sent = BUS_RETRY;
    for (int i = 0; i < RETRIES && sent == BUS_RETRY; i++) {
        if (i > 0)
            g_usleep(RETRY_US);
        g_clear_error(error);
        sent = bus_sender_commit(carrying->sender, carrying->batch, error);
    }
    return sent;
}

/* A message as a record of the source. */
static struct bus_record record_of(const struct bus_message *message, int64_t offset)
{
    return (struct bus_record){.topic = message->topic,
                               .partition = message->partition,
                               .offset = offset,
                               .append_ms = message->append_ms,
                               .key = message->key,
                               .value = message->value,
                               .headers = message->headers};
}

static void note_sent(struct carrying *carrying)
{
    const GPtrArray *messages = carrying->batch->messages;
    for (guint i = 0; i < messages->len; i++) {
        const struct bus_record record = record_of(
            messages->pdata[i], g_array_index(carrying->offsets, int64_t, i));
        if (!topic_shape(record.topic, 1).compacted)
            sum_record(carrying->sums, &record);
    }
    carrying->moved.records += messages->len;
}

static void empty_batch(struct carrying *carrying)
{
    g_ptr_array_set_size(carrying->batch->messages, 0);
    g_array_set_size(carrying->offsets, 0);
    carrying->bytes = 0;
}

/* What counts nowhere is carried, too, since another muster may read it; but a target that does
 * not take it stops no copy. */
static bool leave_behind(struct carrying *carrying, const GError *refusal)
{
    const struct cargo *cargo = carrying->move->cargo;
    const struct bus_topic *events = cargo->topics->pdata[0];
    const struct bus_record record = record_of(
        carrying->batch->messages->pdata[0],
        g_array_index(carrying->offsets, int64_t, 0));
    g_auto(Reading) reading = {0};
    if (!g_str_equal(record.topic, TOPIC_EVENTS) ||
        !(g_error_matches(refusal, BUS_ERROR, BUS_ERROR_TOO_LARGE) ||
          g_error_matches(refusal, BUS_ERROR, BUS_ERROR_INVALID)))
        return false;
    reading_take(&reading, cargo->codec, events->partitions, &record);
    if (reading_event(&reading))
        return false;
    carrying->moved.foreign++;
    carrying->move->foreign(&record, reading.why);
    return true;
}

static bool send_batch(struct carrying *carrying, GError **error);

/* To find which one the target refuses. */
static bool send_each(struct carrying *carrying, GError **error)
{
    g_autoptr(GPtrArray) messages = g_steal_pointer(&carrying->batch->messages);
    g_autoptr(GArray) offsets = g_array_copy(carrying->offsets);
    bool good = true;
    carrying->batch->messages = g_ptr_array_new_with_free_func(
        (GDestroyNotify)bus_message_free);
    g_array_set_size(carrying->offsets, 0);
    for (guint i = 0; good && i < messages->len; i++) {
        g_ptr_array_add(carrying->batch->messages, g_steal_pointer(&messages->pdata[i]));
        g_array_append_val(carrying->offsets, g_array_index(offsets, int64_t, i));
        good = send_batch(carrying, error);
    }
    return good;
}

static bool send_batch(struct carrying *carrying, GError **error)
{
    g_autoptr(GError) why = NULL;
    const guint count = carrying->batch->messages->len;
    if (count == 0)
        return true;
    const enum bus_sent sent = commit(carrying, &why);
    if (sent == BUS_REFUSED && count > 1)
        return send_each(carrying, error);
    if (sent == BUS_SENT)
        note_sent(carrying);
    else if (sent != BUS_REFUSED || !leave_behind(carrying, why)) {
        g_propagate_error(error, g_steal_pointer(&why));
        return false;
    }
    empty_batch(carrying);
    return true;
}

static struct bus_message *message_of(const struct bus_record *record)
{
    struct bus_message *message = bus_message_new(record->topic, record->partition,
                                                  record->key, record->value);
    message->append_ms = record->append_ms;
    for (guint i = 0; record->headers && i < record->headers->len; i++) {
        const struct bus_header *header = record->headers->pdata[i];
        bus_headers_add(&message->headers, header->name, header->value);
    }
    return message;
}

static bool is_kept(const struct carrying *carrying, const struct bus_record *record)
{
    const struct bus_topic shape = topic_shape(record->topic, 1);
    return shape.retention_ms < 0 ||
           carrying->now - record->append_ms < shape.retention_ms - RETENTION_MS;
}

static bool carry_record(void *taker, const struct bus_record *record, GError **error)
{
    struct carrying *carrying = taker;
    if (!is_kept(carrying, record))
        return true;
    g_ptr_array_add(carrying->batch->messages, message_of(record));
    g_array_append_val(carrying->offsets, record->offset);
    carrying->bytes += record->value ? g_bytes_get_size(record->value) : 0;
    return (carrying->batch->messages->len < BATCH && carrying->bytes < BATCH_BYTES) ||
           send_batch(carrying, error);
}

static bool carry_command(void *taker, const struct bus_record *record, GError **error)
{
    struct carrying *carrying = taker;
    if (cargo_takes(carrying->move->cargo, record))
        return carry_record(taker, record, error);
    carrying->moved.left++;
    return true;
}

static bool note_arrived(void *taker, const struct bus_record *record, GError **error)
{
    struct carrying *carrying = taker;
    if (!topic_shape(record->topic, 1).compacted)
        sum_record(carrying->arrived, record);
    return true;
}

static void tell_progress(void *taker, double share)
{
    const struct carrying *carrying = taker;
    if (carrying->move->progress)
        carrying->move->progress(carrying->doing, share);
}

static bool carry(struct carrying *carrying, const char *doing, guint first, guint last,
                  span_take *take, GError **error)
{
    const struct move *move = carrying->move;
    g_auto(Span) span;
    span_init(&span);
    carrying->doing = doing;
    return add_topics(move, move->cargo->bus, first, last, &span, error) &&
           span_read(&span, move->cargo->bus, take, tell_progress, carrying, error) &&
           send_batch(carrying, error);
}

static bool check_arrived(struct carrying *carrying, GError **error)
{
    const struct move *move = carrying->move;
    g_auto(Span) span;
    span_init(&span);
    carrying->doing = "compare";
    return add_topics(move, move->to, 0, move->cargo->topics->len, &span, error) &&
           span_read(&span, move->to, note_arrived, tell_progress, carrying, error) &&
           compare_sums(carrying, error);
}

/* Nobody may write into what is being copied; what he wrote would be lost. */
static bool check_still(const struct move *move, const struct span *before,
                        GError **error)
{
    g_auto(Span) after;
    span_init(&after);
    if (!add_topics(move, move->cargo->bus, 0, move->cargo->topics->len, &after, error))
        return false;
    for (guint i = 0; i < after.ends->len; i++) {
        const struct bus_position *then = before->ends->pdata[i];
        const struct bus_position *now = after.ends->pdata[i];
        if (now->offset != then->offset)
            return refuse(error,
                          "%s has grown while it was copied: stop workers and control "
                          "planes, delete the target's topics, and copy again",
                          then->topic);
    }
    return true;
}

static bool carry_all(struct carrying *carrying, GError **error)
{
    const struct move *move = carrying->move;
    const struct cargo *cargo = move->cargo;
    g_auto(Span) before;
    span_init(&before);
    if (!make_topics(move, error) ||
        !add_topics(move, cargo->bus, 0, cargo->topics->len, &before, error))
        return false;
    carrying->sender = bus_sender_open(move->to, MOVE_ID, OPEN_MS, error);
    return carrying->sender &&
           carry(carrying, "events", 0, cargo->shared, carry_record, error) &&
           carry(carrying, "commands", cargo->shared, cargo->topics->len, carry_command,
                 error) &&
           check_still(move, &before, error) && check_arrived(carrying, error) &&
           settle_topics(move, error);
}

bool move_carry(const struct move *move, struct moved *ret_moved, GError **error)
{
    struct carrying carrying = {.move = move, .now = g_get_real_time() / 1000};
    g_autoptr(GHashTable) sums = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                                       (GDestroyNotify)g_checksum_free);
    g_autoptr(GHashTable) arrived = g_hash_table_new_full(
        g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_checksum_free);
    g_autoptr(BusBatch) batch = bus_batch_new(NULL, NULL);
    carrying.sums = sums;
    carrying.arrived = arrived;
    g_autoptr(GArray) offsets = g_array_new(FALSE, FALSE, sizeof(int64_t));
    carrying.batch = batch;
    carrying.offsets = offsets;
    bool good = carry_all(&carrying, error);
    bus_sender_close(carrying.sender);
    carrying.moved.topics = move->cargo->topics->len;
    if (good)
        *ret_moved = carrying.moved;
    return good;
}
