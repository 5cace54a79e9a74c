/*
 * test_contract.c - words, names, ids and lives of what travels.
 */
#include "contract.h"

#include "filled.h"
#include "shape.h"
#include "words.h"

#include <string.h>

/* --- Words ------------------------------------------------------------------------- */

static void test_actions(void)
{
    for (int i = ACTION_CREATE; i < ACTION_COUNT; i++)
        g_assert_cmpint(action_from_name(action_name((enum action)i)), ==, i);
    g_assert_cmpint(action_from_name("privileged"), ==, ACTION_UNKNOWN);
    g_assert_cmpint(action_from_name(""), ==, ACTION_UNKNOWN);
    g_assert_cmpint(action_from_name(NULL), ==, ACTION_UNKNOWN);
}

static void test_statuses(void)
{
    for (int i = 0; i < CONTAINER_STATUS_COUNT; i++) {
        const char *name = container_status_name((enum container_status)i);
        g_assert_cmpint(container_status_from_name(name), ==, i);
    }
    g_assert_cmpint(container_status_from_name("stopping"), ==, CONTAINER_UNKNOWN);
    g_assert_cmpint(container_status_from_name(NULL), ==, CONTAINER_UNKNOWN);
}

static void test_every_word_is_there_once(void)
{
    static const struct {
        const char *const *words;
        int count;
    } tables[] = {
        {words_action, ACTION_COUNT},
        {words_outcome, OUTCOME_COUNT},
        {words_container_status, CONTAINER_STATUS_COUNT},
        {words_maybe, MAYBE_YES + 1},
        {words_protocol, PROTOCOL_COUNT},
        {words_pull, PULL_COUNT},
        {words_sync_reason, SYNC_REASON_COUNT},
        {words_record_kind, RECORD_KIND_COUNT},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(tables); i++) {
        for (int word = 0; word < tables[i].count; word++)
            g_assert_cmpint(words_find(tables[i].words, tables[i].words[word]), ==, word);
        g_assert_null(tables[i].words[tables[i].count]);
    }
}

static void test_outcomes(void)
{
    g_assert_false(outcome_is_terminal(OUTCOME_ACCEPTED));
    g_assert_false(outcome_is_terminal(OUTCOME_PROGRESS));
    for (int i = OUTCOME_DONE; i < OUTCOME_COUNT; i++)
        g_assert_true(outcome_is_terminal((enum outcome)i));
    g_assert_cmpstr(outcome_name(OUTCOME_CANCELLED), ==, "cancelled");
    g_assert_cmpstr(maybe_name(MAYBE_YES), ==, "yes");
    g_assert_cmpstr(protocol_name(PROTOCOL_UDP), ==, "udp");
    g_assert_cmpstr(pull_name(PULL_BY_ACTION), ==, "by_action");
    g_assert_cmpstr(sync_reason_name(SYNC_ON_TIME), ==, "time");
    g_assert_cmpstr(record_kind_name(RECORD_RELEASE), ==, "release");
}

/* --- Names and partitions ---------------------------------------------------------- */

static void test_topics(void)
{
    g_autofree char *commands = topic_commands("host-1");
    g_autofree char *control = topic_control("host-1");
    g_autofree char *group = group_workers("host-1");

    g_assert_cmpstr(commands, ==, "muster.commands.host-1");
    g_assert_cmpstr(control, ==, "muster.control.host-1");
    g_assert_cmpstr(group, ==, "muster.worker.host-1");
}

/* The hashes are those of Kafka's own UtilsTest.testMurmur2(). */
static void test_partitions_are_kafkas(void)
{
    static const struct {
        const char *key;
        int32_t murmur2;
    } rows[] = {
        {"21", -973932308},
        {"foobar", -790332482},
        {"a-little-bit-long-string", -985981536},
        {"a-little-bit-longer-string", -1486304829},
        {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
        {"abc", 479470107},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        int32_t positive = rows[i].murmur2 & INT32_MAX;

        /* With as many partitions as there can be, nearly the hash itself is seen. */
        g_assert_cmpint(partition_of(rows[i].key, INT32_MAX), ==, positive % INT32_MAX);
        g_assert_cmpint(partition_of(rows[i].key, 4), ==, positive % 4);
        g_assert_cmpint(partition_of(rows[i].key, 32), ==, positive % 32);
        g_assert_cmpint(partition_of(rows[i].key, 1), ==, 0);
    }
    g_assert_cmpint(partition_of("", 7), ==, (275646681 & INT32_MAX) % 7);
}

/* --- Ids --------------------------------------------------------------------------- */

static void l20_the_time_of_an_id(void)
{
    static const struct {
        const char *id;
        int64_t ms;
    } rows[] = {
        {"017f22e2-79b0-7cc3-98c4-dc0c0c07398f", 1645557742000}, /* RFC 9562, A.6 */
        {"017F22E2-79B0-7CC3-B8C4-DC0C0C07398F", 1645557742000},
        {"00000000-0000-7000-8000-000000000000", 0},
        {"ffffffff-ffff-7fff-bfff-ffffffffffff", (INT64_C(1) << 48) - 1},
        {"919108f7-52d1-4320-9bac-f847db4148a8", CONTRACT_NONE}, /* of version 4 */
        {"017f22e2-79b0-7cc3-c8c4-dc0c0c07398f", CONTRACT_NONE},
        {"017f22e2-79b0-7cc3-98c4-dc0c0c07398", CONTRACT_NONE},
        {"017f22e2-79b0-7cc3-98c4-dc0c0c07398f0", CONTRACT_NONE},
        {"017f22e279b07cc398c4dc0c0c07398f", CONTRACT_NONE},
        {"{17f22e2-79b0-7cc3-98c4-dc0c0c07398f", CONTRACT_NONE},
        {"017f22e2-79b0-7", CONTRACT_NONE},
        {"", CONTRACT_NONE},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
        g_assert_cmpint(uuid7_ms(rows[i].id), ==, rows[i].ms);
    g_autofree char *id = uuid7_new(1800000000123);
    g_assert_cmpint(uuid7_ms(id), ==, 1800000000123);
}

static void test_uuid7(void)
{
    const int64_t now = INT64_C(0x018bcfe56800);
    g_autofree char *one = uuid7_new(now);
    g_autofree char *other = uuid7_new(now);
    g_autofree char *later = uuid7_new(now + 1);

    g_assert_true(g_uuid_string_is_valid(one));
    g_assert_true(g_str_has_prefix(one, "018bcfe5-6800-7"));
    g_assert_nonnull(strchr("89ab", one[19])); /* RFC 9562: the variant */
    g_assert_cmpstr(one, !=, other);
    g_assert_cmpstr(one, <, later);
    g_assert_cmpstr(other, <, later);
}

/* --- Lives ------------------------------------------------------------------------- */

static void test_new_is_complete(void)
{
    g_autoptr(Event) event = event_new();
    g_autoptr(Spec) spec = spec_new();
    g_autoptr(Command) command = command_new();
    g_autoptr(State) state = state_new();

    g_assert_cmpstr(event->event_id, ==, "");
    g_assert_null(event->server_id);
    g_assert_null(event->cause);
    g_assert_null(event->result);
    g_assert_nonnull(spec->stop);
    g_assert_nonnull(spec->stop->save);
    g_assert_cmpuint(spec->env->len, ==, 0);
    g_assert_nonnull(command->options);
    g_assert_null(command->spec);
    g_assert_cmpint(state->exit_code, ==, CONTRACT_NONE);
    g_assert_cmpint(state->status, ==, CONTAINER_UNKNOWN);
    g_assert_cmpint(state->restart_count, ==, 0);
}

static void test_free_takes_null_and_the_half_built(void)
{
    command_free(NULL);
    event_free(NULL);
    deadletter_free(g_new0(struct deadletter, 1));
    event_free(g_new0(struct event, 1));
    spec_free(g_new0(struct spec, 1));
}

static void test_dup_is_deep(void)
{
    for (guint32 seed = 0; seed < 20; seed++) {
        g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
        struct spec *spec = filled_new(&shape_spec, rand);
        g_autoptr(Spec) copy = spec_dup(spec);
        json_t *before = shape_to_json(&shape_spec, spec);

        spec_free(spec);
        json_t *after = shape_to_json(&shape_spec, copy);
        g_assert_true(json_equal(before, after));
        json_decref(before);
        json_decref(after);
    }
    g_assert_null(spec_dup(NULL));
}

static void test_pairs_keep_their_order(void)
{
    g_autoptr(Spec) spec = spec_new();
    static const char *const sorted[] = {"A", "B", "C"};

    pairs_set(spec->env, "B", "2");
    pairs_set(spec->env, "A", "1");
    pairs_set(spec->env, "C", "3");
    pairs_set(spec->env, "A", "4");
    g_assert_cmpuint(spec->env->len, ==, 3);
    for (guint i = 0; i < 3; i++) {
        const struct pair *pair = g_ptr_array_index(spec->env, i);
        g_assert_cmpstr(pair->key, ==, sorted[i]);
    }
    g_assert_cmpstr(pairs_get(spec->env, "A"), ==, "4");
    g_assert_null(pairs_get(spec->env, "D"));
}

static void test_elements(void)
{
    g_autoptr(Sync) sync = sync_new();
    g_autoptr(Result) result = result_new();
    g_autoptr(Spec) spec = spec_new();

    g_ptr_array_add(sync->servers, listed_new("s1", state_new()));
    g_ptr_array_add(sync->servers, listed_new("s2", NULL));
    g_ptr_array_add(sync->extra, found_new());
    g_ptr_array_add(result->steps, step_report_new("pull", "done", 12));
    g_ptr_array_add(spec->networks, network_new("games", true));
    g_ptr_array_add(spec->mounts, mount_new("/data/x", "/x"));
    g_ptr_array_add(spec->ports, port_new(16261, 16261, PROTOCOL_UDP));
    g_ptr_array_remove_index(spec->ports, 0); /* arrays own their elements */
    g_assert_nonnull(((const struct listed *)sync->servers->pdata[1])->state);
    g_assert_cmpint(((const struct step_report *)result->steps->pdata[0])->ms, ==, 12);
}

/* --- JSON -------------------------------------------------------------------------- */

static void test_json_has_no_env_values(void)
{
    g_autoptr(Command) command = command_new();

    command->spec = spec_new();
    pairs_set(command->spec->env, "ADMIN_PASSWORD", "hunter2");
    pairs_set(command->spec->labels, "colour", "blue");
    json_t *json = shape_to_json(&shape_command, command);
    char *text = json_dumps(json, JSON_COMPACT);
    g_assert_null(strstr(text, "hunter2"));
    g_assert_nonnull(strstr(text, "\"env\":{\"ADMIN_PASSWORD\":\"\"}"));
    g_assert_nonnull(strstr(text, "\"labels\":{\"colour\":\"blue\"}"));
    free(text);
    json_decref(json);
}

static void test_json_of_a_recorded_spec_has_names_only(void)
{
    g_autoptr(Spec) spec = spec_new();

    pairs_set(spec->env, "ADMIN_PASSWORD", "hunter2");
    json_t *json = shape_to_json(&shape_recorded_spec, spec);
    char *text = json_dumps(json, JSON_COMPACT);
    g_assert_null(strstr(text, "hunter2"));
    g_assert_nonnull(strstr(text, "\"env_names\":[\"ADMIN_PASSWORD\"]"));
    free(text);
    json_decref(json);
}

static void test_json_names_the_branch(void)
{
    g_autoptr(Event) event = event_new();

    event->state = state_new();
    event->state->data_exists = MAYBE_NO;
    json_t *json = shape_to_json(&shape_event, event);
    const json_t *body = json_object_get(json, "body");
    g_assert_cmpstr(json_string_value(json_object_get(body, "type")), ==, "State");
    g_assert_cmpstr(json_string_value(json_object_get(body, "status")), ==, "unknown");
    g_assert_true(json_is_false(json_object_get(body, "data_exists")));
    g_assert_true(json_is_null(json_object_get(body, "exit_code")));
    json_decref(json);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/contract/words/actions", test_actions);
    g_test_add_func("/contract/words/statuses", test_statuses);
    g_test_add_func("/contract/words/each_once", test_every_word_is_there_once);
    g_test_add_func("/contract/words/outcomes", test_outcomes);
    g_test_add_func("/contract/topics", test_topics);
    g_test_add_func("/contract/partitions_are_kafkas", test_partitions_are_kafkas);
    g_test_add_func("/contract/uuid7", test_uuid7);
    g_test_add_func("/contract/l20_the_time_of_an_id", l20_the_time_of_an_id);
    g_test_add_func("/contract/new_is_complete", test_new_is_complete);
    g_test_add_func("/contract/free_takes_null", test_free_takes_null_and_the_half_built);
    g_test_add_func("/contract/dup_is_deep", test_dup_is_deep);
    g_test_add_func("/contract/pairs_keep_their_order", test_pairs_keep_their_order);
    g_test_add_func("/contract/elements", test_elements);
    g_test_add_func("/contract/json/no_env_values", test_json_has_no_env_values);
    g_test_add_func("/contract/json/names_only",
                    test_json_of_a_recorded_spec_has_names_only);
    g_test_add_func("/contract/json/branch", test_json_names_the_branch);
    return g_test_run();
}
