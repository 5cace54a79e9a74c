/*
 * bus_kafka.c - the bus over Apache Kafka: its URL, its properties, its clients and what
 * their errors mean to us.
 *
 * Made for librdkafka 2.0.2 and later and brokers from 2.5 (KIP-447).  Nothing is contacted
 * before somebody asks something.  Properties may hold secrets: their values never go into
 * an error or a log line.
 */
#include "bus_kafka.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
    COMPLAINT_FRESH_US = 60 * G_USEC_PER_SEC,
    TEXT_BYTES = 512, /* librdkafka's own limit for error texts */
};

static struct kafka *kafka_of(struct bus *bus)
{
    return (struct kafka *)bus;
}

/* --- Properties --------------------------------------------------------------------- */

/* Where we differ from librdkafka; -F and -X may change any of these. */
static const struct kafka_setting default_table[] = {
    {"client.id", "muster"},
    /* A transaction is four small requests: 40 ms each with Nagle (off by default in 2.10). */
    {"socket.nagle.disable", "true"},
    {"socket.keepalive.enable", "true"},
    {"socket.connection.setup.timeout.ms", "5000"},
    /* Back before a broker that returns gives our transaction up. */
    {"reconnect.backoff.max.ms", "1000"},
    /* A topic that is made later is found soon. */
    {"topic.metadata.refresh.interval.ms", "10000"},
    /* A batch is handed over at once; there is nothing to wait for. */
    {"linger.ms", "0"},
    /* A commit is answered before it is complete: a transaction that begins meanwhile is
     * told to come back, and 100 ms (the default) is long. */
    {"retry.backoff.ms", "5"},
    /* With what comes around a message, just below a topic's default max.message.bytes. */
    {"message.max.bytes", "1048576"},
    {"session.timeout.ms", "10000"},
    {"max.poll.interval.ms", "300000"},
    /* For each partition. */
    {"queued.min.messages", "1000"},
    {"queued.max.messages.kbytes", "2048"},
    {"transaction.timeout.ms", G_STRINGIFY(KAFKA_TRANSACTION_MS)},
};

/* What is not the user's to choose, and why. */
static const struct owned_row {
    const char *name; /* all that begin so, if it ends in a dot */
    const char *reason;
} owned_table[] = {
    {"bootstrap.servers", "the brokers come from the bus's URL: kafka://HOST:PORT,…"},
    {"metadata.broker.list", "the brokers come from the bus's URL: kafka://HOST:PORT,…"},
    {"group.id", "the group is named after the agent"},
    {"group.instance.id", "it is the worker's slot (--worker)"},
    {"transactional.id", "it is the worker's slot (--worker)"},
    {"partition.assignment.strategy",
     "range keeps the same partition of commands and control with one owner"},
    {"group.protocol.type", "Muster's groups are consumer groups"},
    {"group.protocol", "Muster's groups are classic ones, with static members"},
    {"enable.auto.commit", "offsets are committed with their events, in one transaction"},
    {"enable.auto.offset.store", "offsets are committed with their events"},
    {"auto.commit.enable", "offsets are committed with their events, in one transaction"},
    {"auto.offset.reset", "an offset that is gone is handled, never skipped"},
    {"isolation.level", "only committed records count"},
    {"enable.partition.eof", "readers need it, workers must not have it"},
    {"enable.idempotence", "an event is never lost, doubled or reordered"},
    {"enable.gapless.guarantee", "an event is never lost, doubled or reordered"},
    {"acks", "an event counts when all replicas in sync have it"},
    {"request.required.acks", "an event counts when all replicas in sync have it"},
    {"queuing.strategy", "events keep their order"},
    {"allow.auto.create.topics", "topics are made by \"muster init\" and \"agent add\""},
    {"enabled_events", "Muster asks for the events that it handles"},
    {"delivery.report.only.error", "Muster looks at delivery reports itself"},
    {"log.queue", "Muster takes librdkafka's log lines itself"},
    {"statistics.interval.ms", "nobody reads them; Muster has --metrics of its own"},
};

static const struct owned_row *owned_find(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(owned_table); i++)
        if (g_str_equal(owned_table[i].name, name))
            return &owned_table[i];
    return NULL;
}

static bool name_is_secret(const char *name)
{
    static const char *const marks[] = {"password", "secret", "key",
                                        "pem",      "config", "jaas"};
    for (size_t i = 0; i < G_N_ELEMENTS(marks); i++)
        if (strstr(name, marks[i]))
            return true;
    return false;
}

/* The values that a property takes, from librdkafka's own table: "a, b" or "1 .. 9". */
static char *dup_allowed(const char *name)
{
    char *table = NULL;
    size_t size = 0;
    char *allowed = NULL;
    FILE *stream = open_memstream(&table, &size);
    if (!stream)
        return NULL;
    rd_kafka_conf_properties_show(stream);
    fclose(stream);
    g_auto(GStrv) lines = g_strsplit(table, "\n", -1);
    free(table);
    for (char **line = lines; !allowed && *line; line++) {
        g_auto(GStrv) cells = g_strsplit(*line, "|", 5);
        if (g_strv_length(cells) >= 4 && g_str_equal(g_strstrip(cells[0]), name))
            allowed = g_strdup(g_strstrip(cells[2]));
    }
    return allowed;
}

/* `text` is librdkafka's: it quotes the value, so it is left out where that is a secret. */
static bool refuse_value(const char *name, rd_kafka_conf_res_t result, const char *text,
                         GError **error)
{
    g_autofree char *allowed = dup_allowed(name);
    if (result == RD_KAFKA_CONF_UNKNOWN)
        g_set_error(error, BUS_ERROR, BUS_ERROR_USAGE,
                    "no such librdkafka property: \"%s\"; see CONFIGURATION.md of "
                    "librdkafka %s for their names",
                    name, rd_kafka_version_str());
    else if (name_is_secret(name))
        g_set_error(error, BUS_ERROR, BUS_ERROR_USAGE,
                    "librdkafka refuses the value of property \"%s\"%s%s", name,
                    allowed && *allowed ? "; it takes " : "", allowed ? allowed : "");
    else
        g_set_error(error, BUS_ERROR, BUS_ERROR_USAGE, "property \"%s\": %s%s%s", name,
                    text, allowed && *allowed ? "; it takes " : "",
                    allowed ? allowed : "");
    return false;
}

static bool set_property(rd_kafka_conf_t *conf, const char *pair, guint index,
                         GError **error)
{
    const char *equals = strchr(pair, '=');
    if (!equals || equals == pair) {
        g_set_error(error, BUS_ERROR, BUS_ERROR_USAGE,
                    "property %u is not of the form KEY=VALUE, as in "
                    "\"security.protocol=ssl\"",
                    index + 1);
        return false;
    }
    g_autofree char *name = g_strstrip(g_strndup(pair, (gsize)(equals - pair)));
    g_autofree char *value = g_strstrip(g_strdup(equals + 1));
    const struct owned_row *owned = owned_find(name);
    if (owned) {
        g_set_error(error, BUS_ERROR, BUS_ERROR_USAGE,
                    "property \"%s\" is not yours to set: %s; leave it out", name,
                    owned->reason);
        return false;
    }
    char text[TEXT_BYTES] = "";
    rd_kafka_conf_res_t result = rd_kafka_conf_set(conf, name, value, text, sizeof(text));
    return result == RD_KAFKA_CONF_OK || refuse_value(name, result, text, error);
}

static void set_own(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char text[TEXT_BYTES] = "";
    rd_kafka_conf_res_t result = rd_kafka_conf_set(conf, name, value, text, sizeof(text));
    if (result != RD_KAFKA_CONF_OK)
        g_error("our own property %s=%s: %s", name, value, text);
}

static char *dup_property(const rd_kafka_conf_t *conf, const char *name)
{
    char value[TEXT_BYTES] = "";
    size_t size = sizeof(value);
    return rd_kafka_conf_get(conf, name, value, &size) == RD_KAFKA_CONF_OK
               ? g_strdup(value)
               : NULL;
}

/* Three heartbeats fit into a session, whatever its length. */
static void fit_heartbeat(rd_kafka_conf_t *conf)
{
    g_autofree char *session = dup_property(conf, "session.timeout.ms");
    g_autofree char *heartbeat = dup_property(conf, "heartbeat.interval.ms");
    int64_t third = g_ascii_strtoll(session, NULL, 10) / 3;
    if (g_ascii_strtoll(heartbeat, NULL, 10) <= third)
        return;
    g_autofree char *fitting = g_strdup_printf("%" G_GINT64_FORMAT, MAX(third, 1));
    set_own(conf, "heartbeat.interval.ms", fitting);
}

/* --- Clients -------------------------------------------------------------------------- */

static void note_complaint(struct kafka *kafka, rd_kafka_resp_err_t code,
                           const char *text)
{
    g_mutex_lock(&kafka->lock);
    g_free(kafka->complaint);
    kafka->complaint = g_strdup(text);
    kafka->complaint_code = code;
    kafka->complained_us = g_get_monotonic_time();
    g_mutex_unlock(&kafka->lock);
}

/* From librdkafka's threads.  Its lines are for those who look for them (G_MESSAGES_DEBUG);
 * errors are kept for the next sentence about a broker that does not answer. */
static void take_log_line(const rd_kafka_t *client, int level, const char *facility,
                          const char *text)
{
    struct kafka *kafka = rd_kafka_opaque(client);
    const char *start = g_str_has_prefix(text, "[thrd:") ? strstr(text, "]: ") : NULL;
    g_debug("librdkafka %s: %s", facility, text);
    if (kafka && level <= 3 /* LOG_ERR of syslog */)
        note_complaint(kafka, RD_KAFKA_RESP_ERR_NO_ERROR, start ? start + 3 : text);
}

/* Closing resets the connection.  Otherwise the kernel goes on sending what was queued when
 * the network was cut, and a JoinGroup of half a minute ago, arriving after the newer one,
 * fences the very member that sent both (KIP-345). */
static int make_socket(int domain, int type, int protocol, void *opaque)
{
    const struct linger reset = {.l_onoff = 1, .l_linger = 0};
    int fd = socket(domain, type | SOCK_CLOEXEC, protocol);
    if (fd >= 0)
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    return fd;
}

rd_kafka_conf_t *kafka_conf_new(struct kafka *kafka)
{
    return rd_kafka_conf_dup(kafka->base_conf);
}

/* "; ssl.ca.location is /path: No such file or directory": librdkafka names the property alone. */
static char *dup_path_named(const rd_kafka_conf_t *conf, const char *text)
{
    static const char *const names[] = {"ssl.ca.location", "ssl.certificate.location",
                                        "ssl.key.location", "ssl.crl.location",
                                        "ssl.keystore.location"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = strstr(text, names[i]) ? dup_property(conf, names[i])
                                                       : NULL;
        if (path && g_access(path, R_OK) != 0)
            return g_strdup_printf("; %s is %s: %s", names[i], path, g_strerror(errno));
    }
    return g_strdup("");
}

/* A thread that is not ready within a minute of the clock on the wall, which may jump, goes on
 * to read the properties and to call back: rd_kafka_new() leaves it behind. */
static rd_kafka_t *client_failed(struct kafka *kafka, rd_kafka_conf_t *conf,
                                 const char *text, GError **error)
{
    const bool is_refused = rd_kafka_last_error() == RD_KAFKA_RESP_ERR__INVALID_ARG;
    if (is_refused)
        rd_kafka_conf_destroy(conf);
    else
        kafka->left = conf;
    g_autofree char *path = dup_path_named(kafka->base_conf, text);
    g_set_error(error, BUS_ERROR, is_refused ? BUS_ERROR_USAGE : BUS_ERROR_FATAL,
                is_refused ? "librdkafka cannot work with these properties: %s%s"
                           : "librdkafka did not start: %s%s",
                text, path);
    return NULL;
}

rd_kafka_t *kafka_client_new(struct kafka *kafka, rd_kafka_type_t type,
                             rd_kafka_conf_t *conf, const struct kafka_setting *settings,
                             GError **error)
{
    g_autoptr(rd_kafka_conf_t) mine = conf ? conf : kafka_conf_new(kafka);
    char text[TEXT_BYTES] = "";
    for (const struct kafka_setting *setting = settings; setting->name; setting++)
        set_own(mine, setting->name, setting->value);
    rd_kafka_conf_set_log_cb(mine, take_log_line);
    rd_kafka_conf_set_socket_cb(mine, make_socket);
    rd_kafka_conf_set_opaque(mine, kafka);
    rd_kafka_t *client = rd_kafka_new(type, mine, text, sizeof(text));
    if (!client)
        return client_failed(kafka, g_steal_pointer(&mine), text, error);
    g_steal_pointer(&mine); /* the client's now */
    return client;
}

/* From librdkafka's background thread: nobody polls the asker.  "All brokers are down" says
 * less than what was said of each before. */
static void take_asker_event(rd_kafka_t *client, rd_kafka_event_t *event, void *kafka)
{
    if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_ERROR &&
        rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
        note_complaint(kafka, rd_kafka_event_error(event),
                       rd_kafka_event_error_string(event));
    rd_kafka_event_destroy(event);
}

static rd_kafka_t *asker_new(struct kafka *kafka, GError **error)
{
    static const struct kafka_setting settings[] = {
        {"isolation.level", "read_uncommitted"}, /* ends: see bus_kafka_topic.c */
        {"allow.auto.create.topics", "false"},
        {NULL, NULL},
    };
    rd_kafka_conf_t *conf = kafka_conf_new(kafka);
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_ERROR);
    rd_kafka_conf_set_background_event_cb(conf, take_asker_event);
    rd_kafka_t *client = kafka_client_new(kafka, RD_KAFKA_CONSUMER, conf, settings,
                                          error);
    if (!client)
        return NULL;
    g_autoptr(rd_kafka_queue_t) events = rd_kafka_queue_get_main(client);
    g_autoptr(rd_kafka_queue_t) background = rd_kafka_queue_get_background(client);
    rd_kafka_queue_forward(events, background);
    return client;
}

rd_kafka_t *kafka_asker(struct kafka *kafka, GError **error)
{
    static GMutex making; /* not kafka->lock: librdkafka logs while it makes a client */
    g_mutex_lock(&making);
    if (!kafka->asker)
        kafka->asker = asker_new(kafka, error);
    rd_kafka_t *asker = kafka->asker;
    g_mutex_unlock(&making);
    return asker;
}

/* --- Errors ----------------------------------------------------------------------------- */

/* What is not here may pass: UNREACHABLE. */
static const struct error_row {
    rd_kafka_resp_err_t code;
    enum bus_error error;
} error_table[] = {
    {RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, BUS_ERROR_NO_TOPIC},
    {RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, BUS_ERROR_NO_TOPIC},
    {RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, BUS_ERROR_NO_TOPIC},
    {RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE, BUS_ERROR_RANGE},
    {RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET, BUS_ERROR_RANGE},
    {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, BUS_ERROR_TOO_LARGE},
    {RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE, BUS_ERROR_TOO_LARGE},
    {RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE, BUS_ERROR_TOO_LARGE},
    {RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE, BUS_ERROR_TOO_LARGE},
    {RD_KAFKA_RESP_ERR_INVALID_RECORD, BUS_ERROR_INVALID},
    {RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP, BUS_ERROR_INVALID},
    {RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION, BUS_ERROR_STALE},
    {RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID, BUS_ERROR_STALE},
    {RD_KAFKA_RESP_ERR__AUTHENTICATION, BUS_ERROR_DENIED},
    {RD_KAFKA_RESP_ERR__SSL, BUS_ERROR_DENIED},
    {RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED, BUS_ERROR_DENIED},
    {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, BUS_ERROR_DENIED},
    {RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, BUS_ERROR_DENIED},
    {RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, BUS_ERROR_DENIED},
    {RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED, BUS_ERROR_DENIED},
    {RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, BUS_ERROR_USAGE},
    {RD_KAFKA_RESP_ERR_INVALID_PARTITIONS, BUS_ERROR_USAGE},
    {RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR, BUS_ERROR_USAGE},
    {RD_KAFKA_RESP_ERR_INVALID_CONFIG, BUS_ERROR_USAGE},
    {RD_KAFKA_RESP_ERR_POLICY_VIOLATION, BUS_ERROR_USAGE},
    {RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT, BUS_ERROR_USAGE},
    {RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT, BUS_ERROR_USAGE},
    {RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION, BUS_ERROR_USAGE},
    {RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE, BUS_ERROR_USAGE},
    {RD_KAFKA_RESP_ERR__INVALID_ARG, BUS_ERROR_USAGE},
    {RD_KAFKA_RESP_ERR__FATAL, BUS_ERROR_FATAL},
    {RD_KAFKA_RESP_ERR__FENCED, BUS_ERROR_FATAL},
    {RD_KAFKA_RESP_ERR_PRODUCER_FENCED, BUS_ERROR_FATAL},
    {RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, BUS_ERROR_FATAL},
    {RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID, BUS_ERROR_FATAL},
};

enum bus_error kafka_error_code(rd_kafka_resp_err_t code)
{
    for (size_t i = 0; i < G_N_ELEMENTS(error_table); i++)
        if (error_table[i].code == code)
            return error_table[i].error;
    return BUS_ERROR_UNREACHABLE;
}

/* What librdkafka complained of in the last minute; a refused login is worth more than the
 * time-out that it led to. */
static char *fresh_complaint(struct kafka *kafka, enum bus_error *inout_code)
{
    g_mutex_lock(&kafka->lock);
    bool fresh = kafka->complaint &&
                 g_get_monotonic_time() - kafka->complained_us < COMPLAINT_FRESH_US;
    char *text = fresh ? g_strdup(kafka->complaint) : NULL;
    if (fresh && kafka_error_code(kafka->complaint_code) == BUS_ERROR_DENIED)
        *inout_code = BUS_ERROR_DENIED;
    g_mutex_unlock(&kafka->lock);
    return text;
}

void kafka_set_error(struct kafka *kafka, GError **error, rd_kafka_resp_err_t code,
                     const char *text, const char *what, ...)
{
    enum bus_error mine = kafka_error_code(code);
    va_list arguments;
    va_start(arguments, what);
    g_autofree char *context = g_strdup_vprintf(what, arguments);
    va_end(arguments);
    text = text && *text ? text : rd_kafka_err2str(code);
    if (mine != BUS_ERROR_UNREACHABLE) {
        g_set_error(error, BUS_ERROR, mine, "%s: %s", context, text);
        return;
    }
    g_autofree char *complaint = fresh_complaint(kafka, &mine);
    g_set_error(error, BUS_ERROR, mine, "%s: %s (brokers: %s%s%s)", context, text,
                kafka->brokers, complaint ? "; librdkafka: " : "",
                complaint ? complaint : "");
}

/* --- The bus ---------------------------------------------------------------------------------- */

static const char url_prefix[] = "kafka://";

/* A comma-separated list of HOST[:PORT], and nothing else. */
static char *parse_brokers(const char *url, GError **error)
{
    g_autofree char *brokers = g_strdup(url + strlen(url_prefix));
    size_t length = strlen(brokers);
    if (length > 0 && brokers[length - 1] == '/')
        brokers[length - 1] = '\0';
    if (strchr(brokers, '@')) {
        g_set_error(error, BUS_ERROR, BUS_ERROR_USAGE,
                    "a bus URL holds no credentials: put sasl.username and sasl.password "
                    "into a file for -F");
        return NULL;
    }
    g_auto(GStrv) parts = g_strsplit(brokers, ",", -1);
    bool good = parts[0] != NULL;
    for (char **part = parts; good && *part; part++)
        good = **part && **part != ':' && !strpbrk(*part, "/ \t?#");
    if (!good) {
        g_set_error(error, BUS_ERROR, BUS_ERROR_USAGE,
                    "\"%s\" is not kafka://HOST:PORT[,HOST:PORT…]", url);
        return NULL;
    }
    return g_steal_pointer(&brokers);
}

static rd_kafka_conf_t *base_conf_new(const char *brokers, const GPtrArray *properties,
                                      GError **error)
{
    g_autoptr(rd_kafka_conf_t) conf = rd_kafka_conf_new();
    for (size_t i = 0; i < G_N_ELEMENTS(default_table); i++)
        set_own(conf, default_table[i].name, default_table[i].value);
    for (guint i = 0; properties && i < properties->len; i++)
        if (!set_property(conf, g_ptr_array_index(properties, i), i, error))
            return NULL;
    set_own(conf, "bootstrap.servers", brokers);
    fit_heartbeat(conf);
    return g_steal_pointer(&conf);
}

static void kafka_close(struct bus *bus)
{
    struct kafka *kafka = kafka_of(bus);
    if (kafka->asker)
        rd_kafka_destroy(kafka->asker);
    if (kafka->base_conf)
        rd_kafka_conf_destroy(kafka->base_conf);
    if (kafka->left)
        return;
    g_mutex_clear(&kafka->lock);
    g_free(kafka->complaint);
    g_free(kafka->made);
    g_free(kafka->brokers);
    g_free(kafka);
}

static struct bus *kafka_open(const char *url, const GPtrArray *properties,
                              GError **error)
{
    g_autofree char *brokers = parse_brokers(url, error);
    if (!brokers)
        return NULL;
    rd_kafka_conf_t *conf = base_conf_new(brokers, properties, error);
    if (!conf)
        return NULL;
    struct kafka *kafka = g_new0(struct kafka, 1);
    kafka->base.ops = &bus_kafka_ops;
    kafka->brokers = g_steal_pointer(&brokers);
    kafka->base_conf = conf;
    g_mutex_init(&kafka->lock);
    return &kafka->base;
}

const struct bus_ops bus_kafka_ops = {
    .scheme = "kafka",
    .open = kafka_open,
    .close = kafka_close,
    .topic_make = kafka_topic_make,
    .topic_look = kafka_topic_look,
    .topic_partitions = kafka_topic_partitions,
    .topic_range = kafka_topic_range,
    .topic_offset_at = kafka_topic_offset_at,
    .topic_keep_times = kafka_topic_keep_times,
    .topic_log_id = kafka_topic_log_id,
    .consumer_open = kafka_consumer_open,
    .consumer_close = kafka_consumer_close,
    .consumer_fd = kafka_consumer_fd,
    .consumer_notice = kafka_consumer_notice,
    .consumer_take = kafka_consumer_take,
    .consumer_committed = kafka_consumer_committed,
    .consumer_start = kafka_consumer_start,
    .consumer_release = kafka_consumer_release,
    .membership_free = kafka_membership_free,
    .reader_open = kafka_reader_open,
    .reader_close = kafka_reader_close,
    .reader_fd = kafka_reader_fd,
    .reader_next = kafka_reader_next,
    .reader_passed = kafka_reader_passed,
    .sender_open = kafka_sender_open,
    .sender_close = kafka_sender_close,
    .sender_commit = kafka_sender_commit,
    .teller_open = kafka_teller_open,
    .teller_close = kafka_teller_close,
    .teller_tell = kafka_teller_tell,
    .teller_heard = kafka_teller_heard,
};
