/*
 * test_bus_kafka_conf.c - the Kafka bus where no broker is needed: its URL, its properties,
 * what it says of a broker that is not there.
 */
#include "bus.h"

#include <string.h>

static int64_t now_ms(void)
{
    return g_get_monotonic_time() / 1000;
}

static GPtrArray *properties_new(const char *first, ...)
{
    GPtrArray *properties = g_ptr_array_new();
    va_list list;
    va_start(list, first);
    for (const char *pair = first; pair; pair = va_arg(list, const char *))
        g_ptr_array_add(properties, (void *)pair);
    va_end(list);
    return properties;
}

static void test_bad_urls(void)
{
    static const char *const urls[] = {"kafka://", "kafka:///x", "kafka://a:1/b",
                                       "kafka://a:1,,b:2", "kafka://me:secret@a:1"};
    for (size_t i = 0; i < G_N_ELEMENTS(urls); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(bus_open(urls[i], NULL, &error));
        g_assert_error(error, BUS_ERROR, BUS_ERROR_USAGE);
        g_assert_null(strstr(error->message, "secret"));
    }
}

static const struct property_row {
    const char *pair;
    const char *says; /* NULL: it is fine */
} property_table[] = {
    {"acks=1", "not yours to set"},
    {"group.id=x", "named after the agent"},
    {"transactional.id=x", "--worker"},
    {"isolation.level=read_uncommitted", "only committed"},
    {"auto.offset.reset=latest", "never skipped"},
    {"bootstrap.servers=other:1", "kafka://"},
    {"no.such.thing=1", "no such librdkafka property: \"no.such.thing\""},
    {"security.protocol=tls", "sasl_ssl"},
    {"linger.ms=fast", "linger.ms"},
    {"linger.ms", "KEY=VALUE"},
    {"ssl.key.pem=hunter2", NULL},
    {"session.timeout.ms=6000", NULL},
    {"linger.ms = 1", NULL},
};

static void test_properties(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(property_table); i++) {
        const struct property_row *row = &property_table[i];
        g_autoptr(GError) error = NULL;
        g_autoptr(GPtrArray) properties = properties_new(row->pair, NULL);
        g_autoptr(Bus) bus = bus_open("kafka://localhost:1", properties, &error);
        if (row->says) {
            g_assert_error(error, BUS_ERROR, BUS_ERROR_USAGE);
            g_assert_null(bus);
            if (!strstr(error->message, row->says))
                g_error("%s: %s", row->pair, error->message);
        } else {
            g_assert_no_error(error);
            g_assert_nonnull(bus);
        }
        g_test_message("%s: %s", row->pair, error ? error->message : "taken");
    }
}

static void test_secrets_stay_out_of_errors(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) properties = properties_new(
        "ssl.key.pem=hunter2", "sasl.oauthbearer.client.secret=hunter2",
        "sasl.password=hunter2", "sasl.paswort=hunter2", NULL);
    g_autoptr(Bus) bus = bus_open("kafka://localhost:1", properties, &error);
    g_assert_error(error, BUS_ERROR, BUS_ERROR_USAGE);
    g_assert_null(bus);
    g_assert_null(strstr(error->message, "hunter2"));
}

static void test_s36_a_file_that_is_not_there_is_named(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) properties = properties_new(
        "security.protocol=ssl", "ssl.ca.location=/no/such/ca.pem", NULL);
    g_autoptr(Bus) bus = bus_open("kafka://localhost:1", properties, &error);
    int32_t partitions = 0;
    g_assert_no_error(error);
    g_assert_false(bus_topic_partitions(bus, "t", 1000, &partitions, &error));
    g_assert_error(error, BUS_ERROR, BUS_ERROR_USAGE);
    g_assert_nonnull(strstr(
        error->message, "ssl.ca.location is /no/such/ca.pem: No such file or directory"));
}

static void test_unreachable(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Bus) bus = bus_open("kafka://127.0.0.1:1", NULL, &error);
    g_assert_no_error(error);
    int32_t partitions = 0;
    int64_t start = now_ms();
    g_assert_false(bus_topic_partitions(bus, "t", 1000, &partitions, &error));
    g_assert_error(error, BUS_ERROR, BUS_ERROR_UNREACHABLE);
    g_assert_cmpint(now_ms() - start, <, 3000);
    g_assert_nonnull(strstr(error->message, "127.0.0.1:1"));
    g_assert_nonnull(strstr(error->message, "refused"));
    g_clear_error(&error);
    g_assert_null(bus_sender_open(bus, "x", 1000, &error));
    g_assert_error(error, BUS_ERROR, BUS_ERROR_UNREACHABLE);
    g_assert_nonnull(strstr(error->message, "127.0.0.1:1"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/bus_kafka/bad_urls", test_bad_urls);
    g_test_add_func("/bus_kafka/properties", test_properties);
    g_test_add_func("/bus_kafka/secrets", test_secrets_stay_out_of_errors);
    g_test_add_func("/bus_kafka/s36_a_file_that_is_not_there_is_named",
                    test_s36_a_file_that_is_not_there_is_named);
    g_test_add_func("/bus_kafka/unreachable", test_unreachable);
    return g_test_run();
}
