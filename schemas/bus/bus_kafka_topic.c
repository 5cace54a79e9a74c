/*
 * bus_kafka_topic.c - questions about topics, and making them.
 *
 * Every call here is a question to the bus's one asker and waits for the answer up to its
 * time-out.  The end of a partition is its high watermark, not its last stable offset: the
 * answer to a commit comes before its markers are written, so that for some milliseconds the
 * last stable offset is still below records that are committed for good.
 */
#include "bus_kafka.h"

#include <string.h>

enum {
    AGAIN_MS = 20,
    APART_MS = 5000,
    BATCH_SLACK = 100, /* what a batch of one record has beside it (KIP-98), and more */
};

struct question {
    struct kafka *kafka;
    rd_kafka_t *asker;
    const char *topic;
    int64_t deadline_us;
};

static bool question_begin(struct question *question, struct bus *bus, const char *topic,
                           int timeout_ms, GError **error)
{
    question->kafka = (struct kafka *)bus;
    question->asker = kafka_asker(question->kafka, error);
    question->topic = topic;
    question->deadline_us = g_get_monotonic_time() + timeout_ms * INT64_C(1000);
    return question->asker != NULL;
}

static int question_left_ms(const struct question *question)
{
    return (int)MAX((question->deadline_us - g_get_monotonic_time()) / 1000, 0);
}

static bool question_failed(const struct question *question, rd_kafka_resp_err_t code,
                            const char *text, const char *what, GError **error)
{
    kafka_set_error(question->kafka, error, code, text, "%s of %s", what,
                    question->topic);
    return false;
}

/* --- Metadata ------------------------------------------------------------------------- */

static void note_made(const struct question *question)
{
    struct kafka *kafka = question->kafka;
    g_mutex_lock(&kafka->lock);
    g_free(kafka->made);
    kafka->made = g_strdup(question->topic);
    kafka->made_us = g_get_monotonic_time();
    g_mutex_unlock(&kafka->lock);
}

/* Whether a broker that does not know it is just late; waits a little if so. */
static bool is_late(const struct question *question, enum bus_error error)
{
    struct kafka *kafka = question->kafka;
    g_mutex_lock(&kafka->lock);
    bool late = error == BUS_ERROR_NO_TOPIC && question_left_ms(question) > 0 &&
                g_strcmp0(kafka->made, question->topic) == 0 &&
                g_get_monotonic_time() - kafka->made_us < APART_MS * INT64_C(1000);
    g_mutex_unlock(&kafka->lock);
    if (late)
        g_usleep(AGAIN_MS * 1000);
    return late;
}

static int fewest_replicas(const struct rd_kafka_metadata_topic *topic)
{
    int fewest = topic->partition_cnt > 0 ? topic->partitions[0].replica_cnt : 0;
    for (int i = 1; i < topic->partition_cnt; i++)
        fewest = MIN(fewest, topic->partitions[i].replica_cnt);
    return fewest;
}

/* What metadata says of it: its partitions, replicas, the brokers; whether all have a leader. */
static rd_kafka_resp_err_t ask_once(const struct question *question,
                                    struct bus_topic_look *ret_look, bool *ret_led)
{
    const struct rd_kafka_metadata *metadata = NULL;
    g_autoptr(rd_kafka_topic_t)
        topic = rd_kafka_topic_new(question->asker, question->topic, NULL);
    if (!topic)
        return rd_kafka_last_error();
    rd_kafka_resp_err_t code = rd_kafka_metadata(question->asker, 0, topic, &metadata,
                                                 MAX(question_left_ms(question), 1));
    if (code)
        return code;
    code = metadata->topic_cnt == 1 ? metadata->topics[0].err
                                    : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    if (!code) {
        const struct rd_kafka_metadata_topic *answer = &metadata->topics[0];
        ret_look->partitions = answer->partition_cnt;
        ret_look->replicas = fewest_replicas(answer);
        *ret_led = answer->partition_cnt > 0;
        for (int i = 0; i < answer->partition_cnt; i++)
            *ret_led = *ret_led && answer->partitions[i].leader >= 0;
    }
    ret_look->brokers = metadata->broker_cnt;
    rd_kafka_metadata_destroy(metadata);
    return code;
}

static rd_kafka_resp_err_t ask_metadata(const struct question *question,
                                        struct bus_topic_look *ret_look, bool *ret_led)
{
    rd_kafka_resp_err_t code;
    while ((code = ask_once(question, ret_look, ret_led)) &&
           is_late(question, kafka_error_code(code)))
        ;
    return code;
}

/* How many partitions there are, and whether each has a leader. */
static rd_kafka_resp_err_t ask_partitions(const struct question *question,
                                          int32_t *ret_partitions, bool *ret_led)
{
    struct bus_topic_look look = {0};
    rd_kafka_resp_err_t code = ask_metadata(question, &look, ret_led);
    if (!code)
        *ret_partitions = look.partitions;
    return code;
}

bool kafka_topic_partitions(struct bus *bus, const char *topic, int timeout_ms,
                            int32_t *ret_partitions, GError **error)
{
    struct question question;
    bool led = false;
    if (!question_begin(&question, bus, topic, timeout_ms, error))
        return false;
    rd_kafka_resp_err_t code = ask_partitions(&question, ret_partitions, &led);
    return !code || question_failed(&question, code, NULL, "partition count", error);
}

/* --- Making --------------------------------------------------------------------------- */

static void configure(rd_kafka_NewTopic_t *made, const char *name, const char *format,
                      int64_t number)
{
    g_autofree char *value = format ? NULL : g_strdup_printf("%" G_GINT64_FORMAT, number);
    rd_kafka_NewTopic_set_config(made, name, format ? format : value);
}

static rd_kafka_NewTopic_t *new_topic(const struct bus_topic *topic, int brokers,
                                      GError **error)
{
    char text[512] = "";
    const int replication = topic->replication ? topic->replication
                            : brokers >= 3     ? 3
                                               : 1;
    const int min_insync = topic->min_insync ? topic->min_insync
                           : replication > 2 ? 2
                                             : 1;
    rd_kafka_NewTopic_t *made = rd_kafka_NewTopic_new(topic->name, topic->partitions,
                                                      replication, text, sizeof(text));
    if (!made) {
        g_set_error(error, BUS_ERROR, BUS_ERROR_USAGE, "topic %s: %s", topic->name, text);
        return NULL;
    }
    configure(made, "min.insync.replicas", NULL, min_insync);
    configure(made, "retention.bytes", "-1", 0); /* whatever the broker's default is */
    configure(made, "retention.ms", NULL, topic->retention_ms);
    configure(made, "cleanup.policy", topic->compacted ? "compact" : "delete", 0);
    if (topic->append_time)
        configure(made, "message.timestamp.type", "LogAppendTime", 0);
    return made;
}

static rd_kafka_AdminOptions_t *admin_options(const struct question *question,
                                              rd_kafka_admin_op_t operation)
{
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(question->asker,
                                                                 operation);
    int left_ms = MAX(question_left_ms(question), 1);
    rd_kafka_AdminOptions_set_request_timeout(options, left_ms, NULL, 0);
    if (operation == RD_KAFKA_ADMIN_OP_CREATETOPICS)
        rd_kafka_AdminOptions_set_operation_timeout(options, left_ms, NULL, 0);
    return options;
}

/* Waits a little longer than librdkafka does: its sentence is better than ours. */
static rd_kafka_event_t *admin_answer(const struct question *question,
                                      rd_kafka_queue_t *answers)
{
    return rd_kafka_queue_poll(answers, question_left_ms(question) + 1000);
}

/* True also if it is there already. */
static bool create(const struct question *question, const struct bus_topic *topic,
                   int brokers, GError **error)
{
    g_autoptr(rd_kafka_NewTopic_t) made = new_topic(topic, brokers, error);
    if (!made)
        return false;
    g_autoptr(rd_kafka_queue_t) answers = rd_kafka_queue_new(question->asker);
    g_autoptr(rd_kafka_AdminOptions_t)
        options = admin_options(question, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    rd_kafka_CreateTopics(question->asker, &made, 1, options, answers);
    g_autoptr(rd_kafka_event_t) event = admin_answer(question, answers);
    rd_kafka_resp_err_t code = event ? rd_kafka_event_error(event)
                                     : RD_KAFKA_RESP_ERR__TIMED_OUT;
    const char *text = event ? rd_kafka_event_error_string(event) : NULL;
    if (!code) {
        size_t count = 0;
        const rd_kafka_topic_result_t **results = rd_kafka_CreateTopics_result_topics(
            rd_kafka_event_CreateTopics_result(event), &count);
        g_assert(count == 1);
        code = rd_kafka_topic_result_error(results[0]);
        text = rd_kafka_topic_result_error_string(results[0]);
    }
    if (!code || code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
        note_made(question);
        return true;
    }
    return question_failed(question, code, text, "making", error);
}

/* The first offset (RD_KAFKA_OFFSET_BEGINNING) or the end (RD_KAFKA_OFFSET_END).  These are
 * times to a broker, and librdkafka's question for times ends when it has been told to; that
 * for watermarks (2.0.2) waits without end for a leader that is gone. */
static rd_kafka_resp_err_t ask_offset(const struct question *question, int32_t partition,
                                      int64_t which, int64_t *ret_offset)
{
    g_autoptr(rd_kafka_topic_partition_list_t)
        list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *asked = rd_kafka_topic_partition_list_add(
        list, question->topic, partition);
    asked->offset = which;
    rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(
        question->asker, list, MAX(question_left_ms(question), 1));
    code = code ? code : asked->err;
    if (!code)
        *ret_offset = asked->offset;
    return code;
}

static rd_kafka_resp_err_t ask_range(const struct question *question, int32_t partition,
                                     int64_t *ret_first, int64_t *ret_end)
{
    rd_kafka_resp_err_t code = ask_offset(question, partition, RD_KAFKA_OFFSET_BEGINNING,
                                          ret_first);
    return code ? code : ask_offset(question, partition, RD_KAFKA_OFFSET_END, ret_end);
}

/* librdkafka says of a partition without a leader that there is none. */
static rd_kafka_resp_err_t tell_apart(const struct question *question,
                                      rd_kafka_resp_err_t code, int32_t partition)
{
    int32_t partitions = 0;
    bool led = false;
    if (kafka_error_code(code) != BUS_ERROR_NO_TOPIC)
        return code;
    rd_kafka_resp_err_t other = ask_partitions(question, &partitions, &led);
    if (other)
        return other;
    return partition < partitions ? RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE : code;
}

/* Metadata names a leader a little before the leader knows that it is one. */
static rd_kafka_resp_err_t ask_usable(const struct question *question,
                                      int32_t *ret_partitions)
{
    bool led = false;
    int64_t first = 0, end = 0;
    rd_kafka_resp_err_t code = ask_partitions(question, ret_partitions, &led);
    if (!code && !led)
        code = RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
    for (int32_t i = 0; !code && i < *ret_partitions; i++)
        code = ask_range(question, i, &first, &end);
    return code;
}

static bool wait_until_usable(const struct question *question, int32_t *ret_partitions,
                              GError **error)
{
    for (;;) {
        rd_kafka_resp_err_t code = ask_usable(question, ret_partitions);
        if (!code)
            return true;
        if (question_left_ms(question) == 0)
            return question_failed(question, code, NULL, "leaders", error);
        g_usleep(AGAIN_MS * 1000);
    }
}

bool kafka_topic_make(struct bus *bus, const struct bus_topic *topic, int timeout_ms,
                      GError **error)
{
    struct question question;
    struct bus_topic_look look = {0};
    int32_t partitions = 0;
    bool led = false;
    if (!question_begin(&question, bus, topic->name, timeout_ms, error))
        return false;
    /* One that is there is taken without the right to make any. */
    if ((ask_metadata(&question, &look, &led) &&
         !create(&question, topic, look.brokers, error)) ||
        !wait_until_usable(&question, &partitions, error))
        return false;
    if (partitions == topic->partitions)
        return true;
    g_set_error(
        error, BUS_ERROR, BUS_ERROR_PARTITIONS,
        "topic %s is there with %d partitions, not %d; a count cannot change: make "
        "a new topic",
        topic->name, partitions, topic->partitions);
    return false;
}

/* --- Offsets -------------------------------------------------------------------------- */

static bool leader_moves(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION ||
           code == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
}

bool kafka_topic_range(struct bus *bus, const char *topic, int32_t partition,
                       int timeout_ms, int64_t *ret_first, int64_t *ret_end,
                       GError **error)
{
    struct question question;
    int64_t first = 0, end = 0;
    if (!question_begin(&question, bus, topic, timeout_ms, error))
        return false;
    rd_kafka_resp_err_t code;
    while (leader_moves(code = ask_range(&question, partition, &first, &end)) &&
           question_left_ms(&question) > 0)
        g_usleep(AGAIN_MS * 1000);
    code = tell_apart(&question, code, partition);
    if (code)
        return question_failed(&question, code, NULL, "offsets", error);
    *ret_first = first;
    *ret_end = end;
    return true;
}

bool kafka_topic_offset_at(struct bus *bus, const char *topic, int32_t partition,
                           int64_t ms, int timeout_ms, int64_t *ret_offset,
                           GError **error)
{
    struct question question;
    if (!question_begin(&question, bus, topic, timeout_ms, error))
        return false;
    int64_t offset = 0; /* times below it are Kafka's words for something else */
    rd_kafka_resp_err_t code = ask_offset(&question, partition, MAX(ms, 0), &offset);
    code = tell_apart(&question, code, partition);
    if (code)
        return question_failed(&question, code, NULL, "offset by time", error);
    if (offset >= 0) {
        *ret_offset = offset;
        return true;
    }
    int64_t first = 0;
    return kafka_topic_range(bus, topic, partition, question_left_ms(&question), &first,
                             ret_offset, error);
}

rd_kafka_resp_err_t kafka_tell_apart(struct kafka *kafka, rd_kafka_resp_err_t code,
                                     const char *topic, int32_t partition)
{
    struct question question;
    if (kafka_error_code(code) != BUS_ERROR_NO_TOPIC ||
        !question_begin(&question, &kafka->base, topic, APART_MS, NULL))
        return code;
    return tell_apart(&question, code, partition);
}

/* --- Configuration ----------------------------------------------------------------------- */

static const char *value_in(const rd_kafka_ConfigResource_t *resource, const char *name)
{
    size_t count = 0;
    const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(resource,
                                                                             &count);
    for (size_t i = 0; i < count; i++) {
        if (g_str_equal(rd_kafka_ConfigEntry_name(entries[i]), name))
            return rd_kafka_ConfigEntry_value(entries[i]);
    }
    return NULL;
}

/* The answer that holds `*ret_resource`; NULL on error. */
static rd_kafka_event_t *describe(const struct question *question,
                                  const rd_kafka_ConfigResource_t **ret_resource,
                                  GError **error)
{
    g_autoptr(rd_kafka_ConfigResource_t)
        asked = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, question->topic);
    g_autoptr(rd_kafka_queue_t) answers = rd_kafka_queue_new(question->asker);
    g_autoptr(rd_kafka_AdminOptions_t)
        options = admin_options(question, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    rd_kafka_DescribeConfigs(question->asker, &asked, 1, options, answers);
    g_autoptr(rd_kafka_event_t) event = admin_answer(question, answers);
    rd_kafka_resp_err_t code = event ? rd_kafka_event_error(event)
                                     : RD_KAFKA_RESP_ERR__TIMED_OUT;
    const char *text = event ? rd_kafka_event_error_string(event) : NULL;
    if (!code) {
        size_t count = 0;
        const rd_kafka_ConfigResource_t **results =
            rd_kafka_DescribeConfigs_result_resources(
                rd_kafka_event_DescribeConfigs_result(event), &count);
        g_assert(count == 1);
        code = rd_kafka_ConfigResource_error(results[0]);
        text = rd_kafka_ConfigResource_error_string(results[0]);
        *ret_resource = results[0];
    }
    if (!code)
        return g_steal_pointer(&event);
    question_failed(question, code, text, "configuration", error);
    return NULL;
}

static int64_t number_in(const rd_kafka_ConfigResource_t *resource, const char *name)
{
    const char *value = value_in(resource, name);
    return value ? g_ascii_strtoll(value, NULL, 10) : -1;
}

static void take_settings(const rd_kafka_ConfigResource_t *resource,
                          struct bus_topic_look *look)
{
    const char *policy = value_in(resource, "cleanup.policy");
    const char *times = value_in(resource, "message.timestamp.type");
    look->known = policy && times;
    if (!look->known)
        return;
    look->compacted = strstr(policy, "compact") != NULL;
    look->deletes = strstr(policy, "delete") != NULL;
    look->append_time = g_str_equal(times, "LogAppendTime");
    look->retention_ms = number_in(resource, "retention.ms");
    look->retention_bytes = number_in(resource, "retention.bytes");
    look->max_bytes = MIN(look->max_bytes,
                          number_in(resource, "max.message.bytes") - BATCH_SLACK);
    look->min_insync = (int)number_in(resource, "min.insync.replicas");
}

bool kafka_topic_look(struct bus *bus, const char *topic, int timeout_ms,
                      struct bus_topic_look *ret_look, GError **error)
{
    struct question question;
    struct bus_topic_look look = {0};
    const rd_kafka_ConfigResource_t *resource = NULL;
    g_autoptr(GError) why = NULL;
    bool led = false;
    if (!question_begin(&question, bus, topic, timeout_ms, error))
        return false;
    rd_kafka_resp_err_t code = ask_metadata(&question, &look, &led);
    if (code)
        return question_failed(&question, code, NULL, "partitions", error);
    g_autoptr(rd_kafka_event_t) event = NULL;
    while (!(event = describe(&question, &resource, &why)) &&
           is_late(&question, (enum bus_error)why->code))
        g_clear_error(&why);
    if (!event && !g_error_matches(why, BUS_ERROR, BUS_ERROR_DENIED)) {
        g_propagate_error(error, g_steal_pointer(&why));
        return false;
    }
    look.max_bytes = (int64_t)kafka_message_limit(question.asker);
    if (event)
        take_settings(resource, &look);
    *ret_look = look;
    return true;
}

/* --- Append times ------------------------------------------------------------------------ */

#define TIME_PROPERTY "message.timestamp.type"

static const char *time_type(bool keep)
{
    return keep ? "CreateTime" : "LogAppendTime";
}

/* What a topic has of its own is to be sent along: AlterConfigs sets all that it is not told to
 * the default (IncrementalAlterConfigs, KIP-339, comes with librdkafka 2.2). */
static rd_kafka_ConfigResource_t *changed(const rd_kafka_ConfigResource_t *now,
                                          const char *topic, bool keep)
{
    size_t count = 0;
    const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(now, &count);
    rd_kafka_ConfigResource_t *change = rd_kafka_ConfigResource_new(
        RD_KAFKA_RESOURCE_TOPIC, topic);
    for (size_t i = 0; i < count; i++) {
        const char *name = rd_kafka_ConfigEntry_name(entries[i]);
        const char *value = rd_kafka_ConfigEntry_value(entries[i]);
        bool is_own = rd_kafka_ConfigEntry_source(entries[i]) ==
                      RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG;
        if (is_own && value && !g_str_equal(name, TIME_PROPERTY))
            rd_kafka_ConfigResource_set_config(change, name, value);
    }
    rd_kafka_ConfigResource_set_config(change, TIME_PROPERTY, time_type(keep));
    return change;
}

static bool alter(const struct question *question, const rd_kafka_ConfigResource_t *now,
                  bool keep, GError **error)
{
    g_autoptr(rd_kafka_ConfigResource_t) change = changed(now, question->topic, keep);
    g_autoptr(rd_kafka_queue_t) answers = rd_kafka_queue_new(question->asker);
    g_autoptr(rd_kafka_AdminOptions_t)
        options = admin_options(question, RD_KAFKA_ADMIN_OP_ALTERCONFIGS);
    rd_kafka_AlterConfigs(question->asker, &change, 1, options, answers);
    g_autoptr(rd_kafka_event_t) event = admin_answer(question, answers);
    rd_kafka_resp_err_t code = event ? rd_kafka_event_error(event)
                                     : RD_KAFKA_RESP_ERR__TIMED_OUT;
    const char *text = event ? rd_kafka_event_error_string(event) : NULL;
    if (!code) {
        size_t count = 0;
        const rd_kafka_ConfigResource_t **results =
            rd_kafka_AlterConfigs_result_resources(
                rd_kafka_event_AlterConfigs_result(event), &count);
        g_assert(count == 1);
        code = rd_kafka_ConfigResource_error(results[0]);
        text = rd_kafka_ConfigResource_error_string(results[0]);
    }
    return !code ||
           question_failed(question, code, text, "change of " TIME_PROPERTY, error);
}

/* The controller has the change before the brokers do: asked until it is seen. */
bool kafka_topic_keep_times(struct bus *bus, const char *topic, bool keep, int timeout_ms,
                            GError **error)
{
    struct question question;
    bool asked = false;
    if (!question_begin(&question, bus, topic, timeout_ms, error))
        return false;
    for (;;) {
        const rd_kafka_ConfigResource_t *now = NULL;
        g_autoptr(rd_kafka_event_t) event = describe(&question, &now, error);
        if (!event)
            return false;
        if (g_strcmp0(value_in(now, TIME_PROPERTY), time_type(keep)) == 0)
            return true;
        if (!asked && !alter(&question, now, keep, error))
            return false;
        asked = true;
        if (question_left_ms(&question) == 0)
            return question_failed(&question, RD_KAFKA_RESP_ERR__TIMED_OUT, NULL,
                                   "change of " TIME_PROPERTY, error);
        g_usleep(AGAIN_MS * 1000);
    }
}

/* --- Identity --------------------------------------------------------------------------- */

/* A topic that is made anew under its name is known by its records (KIP-516's topic ids are
 * shown by librdkafka from 2.3 on only), and no setting tells it: tools rewrite those. */
char *kafka_topic_log_id(struct bus *bus, const char *topic, int timeout_ms,
                         GError **error)
{
    struct question question;
    int32_t partitions = 0;
    bool led = false;
    if (!question_begin(&question, bus, topic, timeout_ms, error))
        return NULL;
    rd_kafka_resp_err_t code = ask_partitions(&question, &partitions, &led);
    char *cluster = code ? NULL : rd_kafka_clusterid(question.asker, timeout_ms);
    if (!cluster) {
        question_failed(&question, code ? code : RD_KAFKA_RESP_ERR__TIMED_OUT, NULL,
                        "cluster id", error);
        return NULL;
    }
    char *id = g_strdup_printf("kafka:%s/%s", cluster, topic);
    rd_kafka_mem_free(question.asker, cluster);
    return id;
}
