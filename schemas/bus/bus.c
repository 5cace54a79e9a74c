/*
 * bus.c - picks the bus that a URL names, and holds what both buses share: the life of
 * positions, records, messages and batches.
 */
#include "bus.h"

#include "bus_ops.h"

#include <string.h>

G_DEFINE_QUARK(muster - bus - error, bus_error)

static const struct bus_ops *const buses[] = {&bus_kafka_ops, &bus_sqlite_ops};

struct bus *bus_open(const char *url, const GPtrArray *properties, GError **error)
{
    for (size_t i = 0; i < G_N_ELEMENTS(buses); i++) {
        g_autofree char *prefix = g_strconcat(buses[i]->scheme, "://", NULL);
        if (g_str_has_prefix(url, prefix))
            return buses[i]->open(url, properties, error);
    }
    g_set_error(error, BUS_ERROR, BUS_ERROR_USAGE,
                "no such bus: \"%s\"; use kafka://HOST:PORT[,…] or sqlite:///PATH", url);
    return NULL;
}

void bus_close(struct bus *bus)
{
    if (bus)
        bus->ops->close(bus);
}

bool bus_topic_make(struct bus *bus, const struct bus_topic *topic, int timeout_ms,
                    GError **error)
{
    return bus->ops->topic_make(bus, topic, timeout_ms, error);
}

bool bus_topic_look(struct bus *bus, const char *topic, int timeout_ms,
                    struct bus_topic_look *ret_look, GError **error)
{
    return bus->ops->topic_look(bus, topic, timeout_ms, ret_look, error);
}

bool bus_topic_partitions(struct bus *bus, const char *topic, int timeout_ms,
                          int32_t *ret_partitions, GError **error)
{
    return bus->ops->topic_partitions(bus, topic, timeout_ms, ret_partitions, error);
}

bool bus_topic_range(struct bus *bus, const char *topic, int32_t partition,
                     int timeout_ms, int64_t *ret_first, int64_t *ret_end, GError **error)
{
    return bus->ops->topic_range(bus, topic, partition, timeout_ms, ret_first, ret_end,
                                 error);
}

bool bus_topic_offset_at(struct bus *bus, const char *topic, int32_t partition,
                         int64_t ms, int timeout_ms, int64_t *ret_offset, GError **error)
{
    return bus->ops->topic_offset_at(bus, topic, partition, ms, timeout_ms, ret_offset,
                                     error);
}

bool bus_topic_keep_times(struct bus *bus, const char *topic, bool keep, int timeout_ms,
                          GError **error)
{
    return bus->ops->topic_keep_times(bus, topic, keep, timeout_ms, error);
}

char *bus_topic_log_id(struct bus *bus, const char *topic, int timeout_ms, GError **error)
{
    return bus->ops->topic_log_id(bus, topic, timeout_ms, error);
}

struct bus_consumer *bus_consumer_open(struct bus *bus, const char *group,
                                       const char *instance, const char *const *topics,
                                       GError **error)
{
    return bus->ops->consumer_open(bus, group, instance, topics, error);
}

void bus_consumer_close(struct bus_consumer *consumer)
{
    if (consumer)
        consumer->ops->consumer_close(consumer);
}

int bus_consumer_fd(struct bus_consumer *consumer)
{
    return consumer->ops->consumer_fd(consumer);
}

bool bus_consumer_notice(struct bus_consumer *consumer, struct bus_notice *ret_notice,
                         GError **error)
{
    return consumer->ops->consumer_notice(consumer, ret_notice, error);
}

struct bus_record *bus_consumer_take(struct bus_consumer *consumer, unsigned topic_index)
{
    return consumer->ops->consumer_take(consumer, topic_index);
}

GPtrArray *bus_consumer_committed(struct bus_consumer *consumer,
                                  const GPtrArray *partitions, int timeout_ms,
                                  GError **error)
{
    return consumer->ops->consumer_committed(consumer, partitions, timeout_ms, error);
}

bool bus_consumer_start(struct bus_consumer *consumer, const GPtrArray *positions,
                        GError **error)
{
    return consumer->ops->consumer_start(consumer, positions, error);
}

bool bus_consumer_release(struct bus_consumer *consumer, GError **error)
{
    return consumer->ops->consumer_release(consumer, error);
}

struct bus_reader *bus_reader_open(struct bus *bus, const GPtrArray *positions,
                                   GError **error)
{
    return bus->ops->reader_open(bus, positions, error);
}

void bus_reader_close(struct bus_reader *reader)
{
    if (reader)
        reader->ops->reader_close(reader);
}

int bus_reader_fd(struct bus_reader *reader)
{
    return reader->ops->reader_fd(reader);
}

bool bus_reader_next(struct bus_reader *reader, int timeout_ms,
                     struct bus_record **ret_record, GError **error)
{
    return reader->ops->reader_next(reader, timeout_ms, ret_record, error);
}

bool bus_reader_passed(struct bus_reader *reader, const char *topic, int32_t partition,
                       int64_t end)
{
    return reader->ops->reader_passed(reader, topic, partition, end);
}

struct bus_sender *bus_sender_open(struct bus *bus, const char *transactional_id,
                                   int timeout_ms, GError **error)
{
    return bus->ops->sender_open(bus, transactional_id, timeout_ms, error);
}

void bus_sender_close(struct bus_sender *sender)
{
    if (sender)
        sender->ops->sender_close(sender);
}

enum bus_sent bus_sender_commit(struct bus_sender *sender, const struct bus_batch *batch,
                                GError **error)
{
    return sender->ops->sender_commit(sender, batch, error);
}

struct bus_teller *bus_teller_open(struct bus *bus, GError **error)
{
    return bus->ops->teller_open(bus, error);
}

void bus_teller_close(struct bus_teller *teller)
{
    if (teller)
        teller->ops->teller_close(teller);
}

bool bus_teller_tell(struct bus_teller *teller, const struct bus_message *message,
                     GError **error)
{
    return teller->ops->teller_tell(teller, message, error);
}

bool bus_teller_heard(struct bus_teller *teller, struct bus_heard *ret_heard)
{
    return teller->ops->teller_heard(teller, ret_heard);
}

int64_t bus_boot_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

struct bus_membership *bus_membership_ref(struct bus_membership *membership)
{
    g_atomic_ref_count_inc(&membership->references);
    return membership;
}

void bus_membership_unref(struct bus_membership *membership)
{
    if (membership && g_atomic_ref_count_dec(&membership->references))
        membership->ops->membership_free(membership);
}

static void bus_partition_free(void *partition)
{
    struct bus_partition *gone = partition;
    g_free(gone->topic);
    g_free(gone);
}

GPtrArray *bus_partitions_new(void)
{
    return g_ptr_array_new_with_free_func(bus_partition_free);
}

void bus_partitions_add(GPtrArray *partitions, const char *topic, int32_t partition)
{
    struct bus_partition *added = g_new0(struct bus_partition, 1);
    added->topic = g_strdup(topic);
    added->partition = partition;
    g_ptr_array_add(partitions, added);
}

void bus_notice_clear(struct bus_notice *notice)
{
    g_clear_pointer(&notice->partitions, g_ptr_array_unref);
    g_clear_pointer(&notice->membership, bus_membership_unref);
    g_clear_pointer(&notice->message, g_free);
    notice->kind = BUS_NOTICE_NONE;
}

struct bus_position *bus_position_new(const char *topic, int32_t partition,
                                      int64_t offset, const char *metadata)
{
    struct bus_position *position = g_new0(struct bus_position, 1);
    position->topic = g_strdup(topic);
    position->partition = partition;
    position->offset = offset;
    position->metadata = g_strdup(metadata);
    return position;
}

void bus_position_free(struct bus_position *position)
{
    if (!position)
        return;
    g_free(position->topic);
    g_free(position->metadata);
    g_free(position);
}

GPtrArray *bus_positions_new(void)
{
    return g_ptr_array_new_with_free_func((GDestroyNotify)bus_position_free);
}

void bus_header_free(struct bus_header *header)
{
    if (!header)
        return;
    g_free(header->name);
    g_clear_pointer(&header->value, g_bytes_unref);
    g_free(header);
}

static GPtrArray *headers_new(void)
{
    return g_ptr_array_new_with_free_func((GDestroyNotify)bus_header_free);
}

void bus_headers_add(GPtrArray **headers, const char *name, GBytes *value)
{
    if (!*headers)
        *headers = headers_new();
    struct bus_header *header = g_new0(struct bus_header, 1);
    header->name = g_strdup(name);
    header->value = g_bytes_ref(value);
    g_ptr_array_add(*headers, header);
}

void bus_record_free(struct bus_record *record)
{
    if (!record)
        return;
    g_free(record->topic);
    g_free(record->key);
    g_clear_pointer(&record->value, g_bytes_unref);
    g_clear_pointer(&record->headers, g_ptr_array_unref);
    g_free(record);
}

char *bus_record_dup_header(const struct bus_record *record, const char *name)
{
    for (guint i = 0; record->headers && i < record->headers->len; i++) {
        const struct bus_header *header = g_ptr_array_index(record->headers, i);
        gsize length = 0;
        const char *text = g_bytes_get_data(header->value, &length);
        if (g_str_equal(header->name, name))
            return g_strndup(text ? text : "", length);
    }
    return NULL;
}

struct bus_message *bus_message_new(const char *topic, int32_t partition, const char *key,
                                    GBytes *value)
{
    struct bus_message *message = g_new0(struct bus_message, 1);
    message->topic = g_strdup(topic);
    message->partition = partition;
    message->key = g_strdup(key);
    message->value = value ? g_bytes_ref(value) : NULL;
    return message;
}

void bus_message_add_header(struct bus_message *message, const char *name,
                            const char *value)
{
    g_autoptr(GBytes) bytes = g_bytes_new(value, strlen(value));
    bus_headers_add(&message->headers, name, bytes);
}

void bus_message_free(struct bus_message *message)
{
    if (!message)
        return;
    g_free(message->topic);
    g_free(message->key);
    g_clear_pointer(&message->value, g_bytes_unref);
    g_clear_pointer(&message->headers, g_ptr_array_unref);
    g_free(message);
}

struct bus_batch *bus_batch_new(const char *group, struct bus_membership *membership)
{
    struct bus_batch *batch = g_new0(struct bus_batch, 1);
    batch->messages = g_ptr_array_new_with_free_func((GDestroyNotify)bus_message_free);
    batch->positions = bus_positions_new();
    batch->group = g_strdup(group);
    batch->membership = membership ? bus_membership_ref(membership) : NULL;
    return batch;
}

void bus_batch_free(struct bus_batch *batch)
{
    if (!batch)
        return;
    g_ptr_array_unref(batch->messages);
    g_ptr_array_unref(batch->positions);
    g_free(batch->group);
    bus_membership_unref(batch->membership);
    g_free(batch);
}
