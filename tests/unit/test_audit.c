/*
 * test_audit.c - moments as people write them, and how two ledgers differ.
 */
#include "moment.h"
#include "verify.h"

#include "ledger_log.h"
#include "ledger_rows.h"

#include <string.h>

/* --- Moments ------------------------------------------------------------------------------ */

static const struct {
    const char *text;
    int64_t ms; /* -1: refused */
} times[] = {
    {"2026-01-31T12:00:00Z", INT64_C(1769860800000)},
    {"2026-01-31T13:00:00+01:00", INT64_C(1769860800000)},
    {"2026-01-31T12:00:00.250Z", INT64_C(1769860800250)},
    {"2026-01-31t12:00:00z", INT64_C(1769860800000)},
    {"2026-01-31 12:00:00Z", INT64_C(1769860800000)},
    {"1769860800000", INT64_C(1769860800000)},
    {"0", 0},
    {"", -1},
    {"now", -1},
    {"-1", -1},
    {"2026-01-31", -1},
    {"2026-01-31T12:00:00", -1}, /* whose clock? */
    {"2026-W05-6T12:00:00Z", -1},
    {"2026-02-30T12:00:00Z", -1},
    {"1969-12-31T00:00:00Z", -1},
    {"99999999999999999999", -1},
    {"12 o'clock", -1},
};

static void test_times(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(times); i++) {
        g_autoptr(GError) error = NULL;
        int64_t ms = -1;
        g_assert_true(moment_parse("--at", times[i].text, &ms, &error) ==
                      (times[i].ms >= 0));
        if (times[i].ms >= 0)
            g_assert_cmpint(ms, ==, times[i].ms);
        else
            g_assert_true(g_str_has_prefix(error->message, "--at: "));
    }
}

static void test_times_or_offsets(void)
{
    struct moment moment;
    g_assert_true(moment_or_offset("--from", "0", &moment, NULL));
    g_assert_true(moment.is_offset);
    g_assert_true(moment_or_offset("--from", "99999999999", &moment, NULL));
    g_assert_true(moment.is_offset);
    g_assert_true(moment_or_offset("--from", "100000000000", &moment, NULL));
    g_assert_false(moment.is_offset);
    g_assert_true(moment_or_offset("--from", "2026-01-31T12:00:00Z", &moment, NULL));
    g_assert_false(moment.is_offset);
    g_assert_false(moment_or_offset("--from", "yesterday", &moment, NULL));
}

static void test_times_as_text(void)
{
    g_autofree char *text = moment_text(INT64_C(1769860800250));
    g_assert_cmpstr(text, ==, "2026-01-31T12:00:00.250Z");
}

/* --- Verifying ---------------------------------------------------------------------------- */

/* Two ledgers with the same agent, and what was told of their differences. */
struct pair_of_ledgers {
    struct ledger *ledger, *log;
    struct codec *codec;
    GString *told;
};

static void store_server(struct ledger *ledger, const char *id, const char *image_tag)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(ServerRow) server = server_row_new();
    row_set(&server->id, id);
    row_set(&server->agent_id, "a1");
    row_set(&server->name, id);
    row_set(&server->image_tag, image_tag);
    server->settled_status = server->status = STATUS_RUNNING;
    ledger_store_server(ledger, server, &error);
    g_assert_no_error(error);
}

static struct ledger *make(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(AgentRow) agent = agent_row_new();
    struct ledger *ledger = ledger_make_scratch(&error);
    g_assert_no_error(error);
    row_set(&agent->id, "a1");
    agent->partitions = 4;
    ledger_store_agent(ledger, agent, &error);
    g_assert_no_error(error);
    return ledger;
}

static void set_up(struct pair_of_ledgers *both, gconstpointer data)
{
    both->ledger = make();
    both->log = make();
    both->codec = codec_new();
    both->told = g_string_new("");
}

static void tear_down(struct pair_of_ledgers *both, gconstpointer data)
{
    ledger_close(both->ledger);
    ledger_close(both->log);
    codec_free(both->codec);
    g_string_free(both->told, TRUE);
}

static void note(void *listener, const struct difference *difference)
{
    struct pair_of_ledgers *both = listener;
    g_autofree char *text = difference_text(difference);
    g_string_append_printf(both->told, "%s\n", text);
}

static struct verified verify(struct pair_of_ledgers *both, const char *server_id)
{
    g_autoptr(GError) error = NULL;
    const struct verify_scope scope = {NULL, server_id};
    struct verified verified;
    verify_ledger(both->ledger, both->log, both->codec, &scope, note, both, &verified,
                  &error);
    g_assert_no_error(error);
    g_assert_cmpint(verified.differences > 0, ==, both->told->len > 0);
    return verified;
}

static void test_equal(struct pair_of_ledgers *both, gconstpointer data)
{
    store_server(both->ledger, "s1", "v1");
    store_server(both->log, "s1", "v1");
    struct verified verified = verify(both, NULL);
    g_assert_cmpuint(verified.differences, ==, 0);
    g_assert_cmpuint(verified.agents, ==, 1);
    g_assert_cmpuint(verified.servers, ==, 1);
}

static void test_a_column_differs(struct pair_of_ledgers *both, gconstpointer data)
{
    store_server(both->ledger, "s1", "v1");
    store_server(both->log, "s1", "v2");
    g_assert_cmpuint(verify(both, NULL).differences, ==, 1);
    g_assert_cmpstr(
        both->told->str, ==,
        "servers s1: image_tag is \"v1\" in the ledger, and \"v2\" by the log\n");
}

static void test_rows_are_on_one_side(struct pair_of_ledgers *both, gconstpointer data)
{
    store_server(both->ledger, "s1", "v1");
    store_server(both->log, "s2", "v1");
    store_server(both->ledger, "s3", "v1");
    store_server(both->log, "s3", "v1");
    store_server(both->log, "s4", "v1");
    g_assert_cmpuint(verify(both, NULL).differences, ==, 3);
    g_assert_cmpstr(both->told->str, ==,
                    "servers s1 is in the ledger and not in the log\n"
                    "servers s2 is in the log and not in the ledger\n"
                    "servers s4 is in the log and not in the ledger\n");
}

static void test_a_scope_leaves_out_the_rest(struct pair_of_ledgers *both,
                                             gconstpointer data)
{
    store_server(both->ledger, "s1", "v1");
    store_server(both->log, "s1", "v2");
    g_assert_cmpuint(verify(both, "s2").differences, ==, 0);
}

static void test_what_is_not_in_the_log_may_differ(struct pair_of_ledgers *both,
                                                   gconstpointer data)
{
    g_autoptr(Event) event = event_new();
    g_autoptr(GError) error = NULL;
    store_server(both->ledger, "s1", "v2");
    store_server(both->log, "s1", "v1");
    row_set(&event->agent_id, "a1");
    row_set(&event->server_id, "s1");
    event->record = record_new();
    g_autoptr(GBytes) bytes = codec_encode_event(both->codec, event);
    struct outgoing outgoing = {.event_id = (char *)"e1",
                                .agent_id = (char *)"a1",
                                .event = bytes,
                                .event_key = (char *)"s1"};
    ledger_queue(both->ledger, &outgoing, &error);
    g_assert_no_error(error);
    struct verified verified = verify(both, NULL);
    g_assert_cmpuint(verified.differences, ==, 0);
    g_assert_cmpuint(verified.unsent, ==, 1);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/moment/times", test_times);
    g_test_add_func("/moment/times_or_offsets", test_times_or_offsets);
    g_test_add_func("/moment/times_as_text", test_times_as_text);
#define VERIFY(name)                                                             \
 g_test_add("/verify/" #name, struct pair_of_ledgers, NULL, set_up, test_##name, \
            tear_down)
    VERIFY(equal);
    VERIFY(a_column_differs);
    VERIFY(rows_are_on_one_side);
    VERIFY(a_scope_leaves_out_the_rest);
    VERIFY(what_is_not_in_the_log_may_differ);
    return g_test_run();
}
