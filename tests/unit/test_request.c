/*
 * test_request.c - requests into a ledger, and events back into it, without a bus.
 *
 * What a request writes is read from the outbox; its Record event is handed back as ingest
 * would, with the events a worker would answer by.
 */
#include "apply.h"
#include "check.h"
#include "decree.h"
#include "request.h"
#include "rules.h"

#include <glib/gstdio.h>
#include <string.h>

struct desk {
    char *directory;
    struct ledger *ledger;
    struct codec *codec;
    int64_t clock;
    int64_t offset;
};

static void set_up(struct desk *desk, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    desk->directory = g_dir_make_tmp("desk-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(desk->directory, "ledger.db", NULL);
    desk->ledger = ledger_make(path, &error);
    g_assert_no_error(error);
    desk->codec = codec_new();
    desk->clock = INT64_C(1800000000000);
}

static void tear_down(struct desk *desk, gconstpointer data)
{
    ledger_close(desk->ledger);
    codec_free(desk->codec);
    g_autoptr(GDir) dir = g_dir_open(desk->directory, 0, NULL);
    for (const char *name; (name = g_dir_read_name(dir));) {
        g_autofree char *path = g_build_filename(desk->directory, name, NULL);
        g_unlink(path);
    }
    g_rmdir(desk->directory);
    g_free(desk->directory);
}

static struct request request_of(struct desk *desk, enum action action)
{
    return (struct request){
        .action = action,
        .actor = "test",
        .reason = "",
        .now = desk->clock += 1000,
    };
}

static struct queued *add_agent(struct desk *desk, const char *id, GError **error)
{
    const struct request request = request_of(desk, ACTION_UNKNOWN);
    g_autoptr(AgentRow) agent = agent_row_new();
    row_set(&agent->id, id);
    row_set(&agent->name, id);
    row_set(&agent->steam_zomboid_registry, "registry:5000/steam-zomboid");
    row_set(&agent->server_data_path, "/srv");
    agent->partitions = 4;
    return request_agent(desk->ledger, desk->codec, agent, &request, error);
}

static struct queued *create(struct desk *desk, const char *agent, const char *name,
                             GError **error)
{
    const struct request request = request_of(desk, ACTION_CREATE);
    g_autoptr(ServerRow) draft = server_row_new();
    row_set(&draft->agent_id, agent);
    row_set(&draft->name, name);
    row_set(&draft->profile, "zomboid");
    row_set(&draft->config, "{\"PASSWORD\":\"geheim\"}");
    draft->game_port = 16261;
    draft->udp_port = 16262;
    draft->rcon_port = 27015;
    return request_create(desk->ledger, desk->codec, draft, &request, error);
}

static struct queued *act(struct desk *desk, enum action action, const char *server_id,
                          GError **error)
{
    const struct request request = request_of(desk, action);
    return request_action(desk->ledger, desk->codec, server_id, &request, error);
}

static struct queued *good(struct queued *queued, GError **error)
{
    g_assert_no_error(*error);
    g_assert_nonnull(queued);
    return queued;
}

/* --- The log's side ------------------------------------------------------------------------ */

static void tell(struct desk *desk, const struct event *event)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) bytes = codec_encode_event(desk->codec, event);
    const struct place place = {0, desk->offset++, desk->clock += 1000};
    g_assert_true(ledger_begin(desk->ledger, NULL));
    g_assert_true(apply_event(desk->ledger, desk->codec, event, bytes, &place, &error));
    g_assert_no_error(error);
    g_assert_true(ledger_commit(desk->ledger, NULL));
}

static struct event *decode_event(struct desk *desk, GBytes *bytes)
{
    struct event *event = NULL;
    gsize length;
    const void *data = g_bytes_get_data(bytes, &length);
    g_assert_cmpint(codec_decode_event(desk->codec, data, length, &event, NULL), ==,
                    DECODED);
    return event;
}

/* Hands back all Records that wait in the outbox; how many. */
static guint tell_records(struct desk *desk)
{
    g_autoptr(GPtrArray) unsent = ledger_unsent(desk->ledger, 1000, NULL);
    for (guint i = 0; i < unsent->len; i++) {
        const struct outgoing *outgoing = unsent->pdata[i];
        g_autoptr(Event) event = decode_event(desk, outgoing->event);
        tell(desk, event);
    }
    return unsent->len;
}

static struct event *worker_event(const struct queued *queued)
{
    struct event *event = event_new();
    row_set(&event->event_id, "e");
    row_set(&event->agent_id, queued->agent_id);
    row_set(&event->server_id, queued->server_id);
    row_set(&event->worker, "agent-1");
    row_set(&event->engine_id, "engine-1");
    return event;
}

static struct event *answer(const struct queued *queued, const char *action,
                            enum outcome outcome, enum container_status status)
{
    struct event *event = worker_event(queued);
    event->cause = g_new0(struct cause, 1);
    event->cause->command_id = g_strdup(queued->command_id);
    event->cause->action = g_strdup(action);
    event->cause->actor = g_strdup("test");
    event->cause->topic = topic_commands(queued->agent_id);
    event->cause->offset = 5;
    event->result = result_new();
    event->result->outcome = outcome;
    event->result->state = state_new();
    event->result->state->status = status;
    if (status > CONTAINER_ABSENT)
        row_set(&event->result->state->container_id, "c1");
    return event;
}

static void tell_answer(struct desk *desk, const struct queued *queued,
                        const char *action, enum outcome outcome,
                        enum container_status status)
{
    g_autoptr(Event) event = answer(queued, action, outcome, status);
    tell(desk, event);
}

static struct server_row *server_of(struct desk *desk, const struct queued *queued)
{
    struct server_row *server = NULL;
    g_assert_true(ledger_load_server(desk->ledger, queued->server_id, &server, NULL));
    g_assert_nonnull(server);
    return server;
}

static void assert_status(struct desk *desk, const struct queued *queued,
                          enum server_status status)
{
    g_autoptr(ServerRow) server = server_of(desk, queued);
    g_assert_cmpstr(server_status_name(server->status), ==, server_status_name(status));
}

/* An agent with one running server; the create's `queued`. */
static struct queued *running_server(struct desk *desk)
{
    g_autoptr(GError) error = NULL;
    queued_free(good(add_agent(desk, "a1", &error), &error));
    struct queued *queued = good(create(desk, "a1", "alpha", &error), &error);
    tell_records(desk);
    tell_answer(desk, queued, "create", OUTCOME_DONE, CONTAINER_RUNNING);
    return queued;
}

/* --- Requests -------------------------------------------------------------------------------- */

static bool holds(GBytes *bytes, const char *text)
{
    return memmem(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), text,
                  strlen(text)) != NULL;
}

static void test_a_create_writes_both_letters(struct desk *desk, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    queued_free(good(add_agent(desk, "a1", &error), &error));
    tell_records(desk);
    g_autoptr(Queued) queued = good(create(desk, "a1", "alpha", &error), &error);
    g_autoptr(GPtrArray) unsent = ledger_unsent(desk->ledger, 10, NULL);
    g_assert_cmpuint(unsent->len, ==, 1);
    const struct outgoing *outgoing = unsent->pdata[0];
    g_assert_cmpstr(outgoing->topic, ==, "muster.commands.a1");
    g_assert_cmpint(outgoing->partition, ==, partition_of(queued->server_id, 4));
    g_assert_cmpstr(outgoing->key, ==, queued->server_id);
    g_assert_true(holds(outgoing->command, "geheim"));
    g_assert_false(holds(outgoing->event, "geheim"));
    g_assert_true(holds(outgoing->event, "PASSWORD"));
    assert_status(desk, queued, STATUS_CREATING);
}

static void test_a_command_says_all(struct desk *desk, gconstpointer data)
{
    g_autoptr(Queued) queued = running_server(desk);
    g_autoptr(GError) error = NULL;
    tell_records(desk); /* of the pinned engine */
    g_autoptr(Queued)
        start = good(act(desk, ACTION_START, queued->server_id, &error), &error);
    g_autoptr(GPtrArray) unsent = ledger_unsent(desk->ledger, 10, NULL);
    const struct outgoing *outgoing = unsent->pdata[0];
    struct command *decoded = NULL;
    gsize length;
    const void *bytes = g_bytes_get_data(outgoing->command, &length);
    g_assert_cmpint(codec_decode_command(desk->codec, bytes, length, &decoded, NULL), ==,
                    DECODED);
    g_autoptr(Command) command = decoded;
    g_assert_cmpstr(command->command_id, ==, start->command_id);
    g_assert_cmpstr(command->server_id, ==, queued->server_id);
    g_assert_cmpstr(command->engine_id, ==, "engine-1");
    g_assert_cmpstr(command->action, ==, "start");
    g_assert_cmpstr(command->actor, ==, "test");
    g_assert_cmpint(command->expires_at, >, command->issued_at);
    g_assert_cmpstr(pairs_get(command->spec->env, "PASSWORD"), ==, "geheim");
}

/* It would be carried out after the purge, and make a container of what is gone. */
static void test_nothing_is_made_after_a_purge(struct desk *desk, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Queued) queued = running_server(desk);
    g_autoptr(Queued)
        purge = good(act(desk, ACTION_PURGE, queued->server_id, &error), &error);
    g_assert_null(act(desk, ACTION_RESTORE, queued->server_id, &error));
    g_assert_error(error, RULES_ERROR, RULES_ERROR_REFUSED);
    g_assert_nonnull(strstr(error->message, "possible now: delete, purge, cancel"));
    g_clear_error(&error);

    tell_records(desk);
    tell_answer(desk, purge, "purge", OUTCOME_REJECTED, CONTAINER_RUNNING);
    g_autoptr(Queued)
        restore = good(act(desk, ACTION_RESTORE, queued->server_id, &error), &error);
    g_assert_nonnull(restore);
}

static void test_a_name_is_taken_until_purged(struct desk *desk, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Queued) queued = running_server(desk);
    g_assert_null(create(desk, "a1", "alpha", &error));
    g_assert_error(error, REQUEST_ERROR, REQUEST_ERROR_REFUSED);
    g_assert_nonnull(strstr(error->message, "possible"));
    g_clear_error(&error);

    g_autoptr(Queued)
        purge = good(act(desk, ACTION_PURGE, queued->server_id, &error), &error);
    tell_records(desk);
    tell_answer(desk, purge, "purge", OUTCOME_DONE, CONTAINER_ABSENT);
    assert_status(desk, queued, STATUS_PURGED);
    g_autoptr(Queued) again = good(create(desk, "a1", "alpha", &error), &error);
    g_assert_cmpstr(again->server_id, !=, queued->server_id);
}

static void test_a_refused_request_leaves_nothing(struct desk *desk, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Queued) queued = running_server(desk);
    g_autoptr(Queued)
        drop = good(act(desk, ACTION_DELETE, queued->server_id, &error), &error);
    tell_records(desk);
    tell_answer(desk, drop, "delete", OUTCOME_DONE, CONTAINER_ABSENT);
    g_assert_null(act(desk, ACTION_START, queued->server_id, &error));
    g_assert_error(error, RULES_ERROR, RULES_ERROR_REFUSED);
    g_autoptr(GPtrArray) unsent = ledger_unsent(desk->ledger, 10, NULL);
    g_assert_cmpuint(unsent->len, ==, 0);
    assert_status(desk, queued, STATUS_DELETED);
}

static void test_nothing_is_taken_for_an_agent_that_is_held(struct desk *desk,
                                                            gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Queued) queued = running_server(desk);
    tell_records(desk);
    g_assert_true(ledger_hold(desk->ledger, "a1", "its topic has grown", true, NULL));
    g_assert_null(act(desk, ACTION_STOP, queued->server_id, &error));
    g_assert_error(error, REQUEST_ERROR, REQUEST_ERROR_REFUSED);
    g_assert_nonnull(strstr(error->message, "its topic has grown"));
    assert_status(desk, queued, STATUS_RUNNING);
    g_assert_true(ledger_lift(desk->ledger, "a1", NULL));
    g_clear_error(&error);
    queued_free(good(act(desk, ACTION_STOP, queued->server_id, &error), &error));
}

static void test_a_bad_record_is_refused(struct desk *desk, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    queued_free(good(add_agent(desk, "a1", &error), &error));
    g_assert_null(create(desk, "a1", "../etc", &error));
    g_assert_error(error, CHECK_ERROR, CHECK_ERROR_INVALID);
    g_clear_error(&error);
    g_assert_null(create(desk, "nobody", "alpha", &error));
    g_assert_error(error, REQUEST_ERROR, REQUEST_ERROR_NOT_FOUND);
}

static void test_a_sync_is_one_command_a_partition(struct desk *desk, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    queued_free(good(add_agent(desk, "a1", &error), &error));
    tell_records(desk);
    const struct request request = request_of(desk, ACTION_SYNC);
    g_autoptr(GPtrArray)
        all = request_sync(desk->ledger, desk->codec, "a1", &request, &error);
    g_autoptr(GPtrArray) unsent = ledger_unsent(desk->ledger, 10, NULL);
    g_assert_cmpuint(all->len, ==, 4);
    g_assert_cmpuint(unsent->len, ==, 4);
    for (guint i = 0; i < unsent->len; i++) {
        const struct outgoing *outgoing = unsent->pdata[i];
        g_assert_cmpstr(outgoing->topic, ==, "muster.control.a1");
        g_assert_cmpint(outgoing->partition, ==, i);
        g_assert_null(outgoing->key);
    }
}

static void test_a_cancel_names_its_target(struct desk *desk, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Queued) queued = running_server(desk);
    g_assert_null(act(desk, ACTION_CANCEL, queued->server_id, &error));
    g_assert_error(error, RULES_ERROR, RULES_ERROR_REFUSED);
    g_clear_error(&error);
    g_autoptr(Queued)
        stop = good(act(desk, ACTION_STOP, queued->server_id, &error), &error);
    g_autoptr(Queued)
        cancel = good(act(desk, ACTION_CANCEL, queued->server_id, &error), &error);
    g_autoptr(CommandRow) row = NULL;
    g_assert_true(ledger_load_command(desk->ledger, cancel->command_id, &row, NULL));
    g_assert_cmpstr(row->target, ==, stop->command_id);
}

static void test_a_change_shows_drift(struct desk *desk, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Queued) queued = running_server(desk);
    g_autoptr(ServerRow) server = server_of(desk, queued);
    g_autoptr(Event) shown = answer(queued, "start", OUTCOME_DONE, CONTAINER_RUNNING);
    row_set(&shown->cause->command_id, "by-other-hands");
    row_set(&shown->result->state->spec_digest, server->spec_digest);
    tell(desk, shown);
    row_set(&server->image_tag, "v42");
    const struct request request = request_of(desk, ACTION_UNKNOWN);
    g_autoptr(Queued) change = good(
        request_change(desk->ledger, desk->codec, server, &request, &error), &error);
    g_autoptr(ServerRow) after = server_of(desk, queued);
    g_assert_cmpstr(after->image_tag, ==, "v42");
    g_assert_true(after->drift);
    g_assert_null(change->command_id);
}

/* --- Events --------------------------------------------------------------------------------- */

static void test_told_twice_is_told_once(struct desk *desk, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Queued) queued = running_server(desk);
    g_autoptr(Queued)
        stop = good(act(desk, ACTION_STOP, queued->server_id, &error), &error);
    tell_records(desk);
    tell_answer(desk, stop, "stop", OUTCOME_DONE, CONTAINER_EXITED);
    tell_answer(desk, stop, "stop", OUTCOME_DONE, CONTAINER_RUNNING);
    assert_status(desk, queued, STATUS_STOPPED);
    g_autoptr(CommandRow) row = NULL;
    g_assert_true(ledger_load_command(desk->ledger, stop->command_id, &row, NULL));
    g_assert_cmpstr(row->outcome, ==, "done");
    g_assert_nonnull(row->result);
}

static void test_a_record_in_the_log_empties_the_outbox(struct desk *desk,
                                                        gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    queued_free(good(add_agent(desk, "a1", &error), &error));
    g_assert_cmpuint(tell_records(desk), ==, 1);
    g_assert_cmpuint(tell_records(desk), ==, 0);
}

static void test_l5_a_foreign_engine_changes_nothing(struct desk *desk,
                                                     gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Queued) queued = running_server(desk);
    g_autoptr(Event) state = worker_event(queued);
    row_set(&state->engine_id, "engine-2");
    state->state = state_new();
    state->state->status = CONTAINER_ABSENT;
    tell(desk, state);
    assert_status(desk, queued, STATUS_RUNNING);

    g_autoptr(Queued)
        stop = good(act(desk, ACTION_STOP, queued->server_id, &error), &error);
    tell_records(desk);
    g_autoptr(Event) refusal = answer(stop, "stop", OUTCOME_REJECTED, CONTAINER_ABSENT);
    row_set(&refusal->engine_id, "engine-2");
    tell(desk, refusal);
    assert_status(desk, queued, STATUS_RUNNING);
    g_autoptr(ServerRow) server = server_of(desk, queued);
    g_assert_cmpuint(server->open->len, ==, 0); /* the command is over all the same */
}

static void test_events_of_nobody_known(struct desk *desk, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Queued) stranger = queued_new("c", "s", "unknown", "e");
    tell_answer(desk, stranger, "start", OUTCOME_DONE, CONTAINER_RUNNING);
    queued_free(good(add_agent(desk, "a1", &error), &error));
    g_autoptr(Queued) label = queued_new("c", "never-made", "a1", "e");
    tell_answer(desk, label, "start", OUTCOME_DONE, CONTAINER_RUNNING);
    const struct server_filter all = {.partition = CONTRACT_NONE};
    g_autoptr(GPtrArray) servers = ledger_servers(desk->ledger, &all, false, NULL);
    g_assert_cmpuint(servers->len, ==, 0);
}

static void tell_sync(struct desk *desk, const struct queued *queued, int64_t chunk,
                      int64_t chunks, bool lists)
{
    g_autoptr(Event) event = worker_event(queued);
    row_set(&event->server_id, NULL);
    event->sync = sync_new();
    row_set(&event->sync->sync_id, "sync-1");
    event->sync->partition = partition_of(queued->server_id, 4);
    event->sync->partitions = 4;
    event->sync->complete = true;
    event->sync->chunk = chunk;
    event->sync->chunks = chunks;
    event->sync->seen = 1000;
    if (lists) {
        struct state *state = state_new();
        state->status = CONTAINER_RUNNING;
        row_set(&state->container_id, "c1");
        g_ptr_array_add(event->sync->servers, listed_new(queued->server_id, state));
    }
    tell(desk, event);
}

static void test_a_sync_counts_once_all_chunks_are_there(struct desk *desk,
                                                         gconstpointer data)
{
    g_autoptr(Queued) queued = running_server(desk);
    tell_sync(desk, queued, 0, 2, false);
    assert_status(desk, queued, STATUS_RUNNING);
    tell_sync(desk, queued, 1, 2, true);
    assert_status(desk, queued, STATUS_RUNNING);
    tell_sync(desk, queued, 0, 2, false);
    assert_status(desk, queued, STATUS_RUNNING);
    tell_sync(desk, queued, 1, 2, false);
    assert_status(desk, queued, STATUS_MISSING);
}

static void test_s01_a_failed_list_proves_nothing(struct desk *desk, gconstpointer data)
{
    g_autoptr(Queued) queued = running_server(desk);
    g_autoptr(Event) event = worker_event(queued);
    event->sync = sync_new();
    event->sync->partition = partition_of(queued->server_id, 4);
    event->sync->partitions = 4;
    event->sync->chunks = 1;
    event->sync->seen = 1000;
    row_set(&event->sync->code, CODE_SYNC_FAILED);
    tell(desk, event);
    assert_status(desk, queued, STATUS_RUNNING);
    event->sync->complete = true;
    event->sync->partitions = 8; /* nor does one that counts other partitions (L13) */
    tell(desk, event);
    assert_status(desk, queued, STATUS_RUNNING);
}

/* All that a ledger says of its servers, env values left out. */
static char *picture(struct ledger *ledger)
{
    const struct server_filter all = {.partition = CONTRACT_NONE};
    g_autoptr(GPtrArray) servers = ledger_servers(ledger, &all, true, NULL);
    json_auto_t *list = json_array();
    for (guint i = 0; i < servers->len; i++) {
        json_t *json = row_to_json(&table_servers, servers->pdata[i]);
        json_object_del(json, "status_at"); /* a request shows before the log has it */
        json_array_append_new(list, json);
    }
    return json_dumps(list, JSON_INDENT(1) | JSON_SORT_KEYS);
}

/* The log alone makes the same servers again; only their env values are gone, and asked
 * for. */
static void test_a_new_ledger_from_the_same_log(struct desk *desk, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) log = g_ptr_array_new_with_free_func((GDestroyNotify)event_free);
    queued_free(good(add_agent(desk, "a1", &error), &error));
    g_autoptr(Queued) queued = good(create(desk, "a1", "alpha", &error), &error);
    g_autoptr(GPtrArray) unsent = ledger_unsent(desk->ledger, 10, NULL);
    for (guint i = 0; i < unsent->len; i++)
        g_ptr_array_add(log,
                        decode_event(desk, ((struct outgoing *)unsent->pdata[i])->event));
    g_ptr_array_add(log, answer(queued, "create", OUTCOME_DONE, CONTAINER_RUNNING));
    int64_t clock = desk->clock;
    for (guint i = 0; i < log->len; i++)
        tell(desk, log->pdata[i]);
    g_autofree char *before = picture(desk->ledger);

    struct desk other = {0};
    set_up(&other, NULL);
    other.clock = clock;
    for (guint i = 0; i < log->len; i++)
        tell(&other, log->pdata[i]);
    g_autofree char *after = picture(other.ledger);
    g_assert_cmpstr(before, ==, after);
    g_assert_null(act(&other, ACTION_REBUILD, queued->server_id, &error));
    g_assert_error(error, REQUEST_ERROR, REQUEST_ERROR_REFUSED);
    g_assert_nonnull(strstr(error->message, "PASSWORD"));
    g_clear_error(&error);
    queued_free(good(act(&other, ACTION_STOP, queued->server_id, &error), &error));
    tear_down(&other, NULL);
}

static void test_s22_many_missing_at_once(struct desk *desk, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray)
        all = g_ptr_array_new_with_free_func((GDestroyNotify)queued_free);
    queued_free(good(add_agent(desk, "a1", &error), &error));
    for (int i = 0; i < 4; i++) {
        g_autofree char *name = g_strdup_printf("server%d", i);
        g_ptr_array_add(all, good(create(desk, "a1", name, &error), &error));
    }
    tell_records(desk);
    for (guint i = 0; i < all->len; i++)
        tell_answer(desk, all->pdata[i], "create", OUTCOME_DONE, CONTAINER_RUNNING);
    for (guint i = 0; i < 3; i++) {
        g_autoptr(AgentRow) agent = NULL;
        g_autoptr(Event) gone = worker_event(all->pdata[i]);
        gone->state = state_new();
        gone->state->status = CONTAINER_ABSENT;
        tell(desk, gone);
        assert_status(desk, all->pdata[i], STATUS_MISSING);
        g_assert_true(ledger_load_agent(desk->ledger, "a1", &agent, NULL));
        g_assert_true((agent->mass_absence_at != CONTRACT_NONE) == (i == 2));
    }
}

/* --- Decrees -------------------------------------------------------------------------------- */

static struct agent_row *agent_of(struct desk *desk, const char *id)
{
    struct agent_row *agent = NULL;
    g_assert_true(ledger_load_agent(desk->ledger, id, &agent, NULL));
    g_assert_nonnull(agent);
    return agent;
}

static void test_a_release_comes_into_force_by_the_log(struct desk *desk,
                                                       gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    const struct request request = request_of(desk, ACTION_UNKNOWN);
    queued_free(good(add_agent(desk, "a1", &error), &error));
    tell_records(desk);
    g_assert_null(decree_release(desk->ledger, desk->codec, "a1", &request, &error));
    g_assert_error(error, REQUEST_ERROR, REQUEST_ERROR_REFUSED);
    g_clear_error(&error);
    g_autoptr(AgentRow) marked = agent_of(desk, "a1");
    marked->mass_absence_at = 5;
    g_assert_true(ledger_store_agent(desk->ledger, marked, NULL));
    queued_free(
        good(decree_release(desk->ledger, desk->codec, "a1", &request, &error), &error));
    g_autoptr(AgentRow) before = agent_of(desk, "a1");
    g_assert_cmpint(before->mass_absence_at, ==, 5);
    tell_records(desk);
    g_autoptr(AgentRow) after = agent_of(desk, "a1");
    g_assert_true(after->mass_absence_at == CONTRACT_NONE);
}

static void test_a_rebind_comes_into_force_by_the_log(struct desk *desk,
                                                      gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    queued_free(running_server(desk));
    const struct request request = request_of(desk, ACTION_UNKNOWN);
    tell_records(desk);
    queued_free(
        good(decree_rebind(desk->ledger, desk->codec, "a1", "engine-2", &request, &error),
             &error));
    g_autoptr(AgentRow) before = agent_of(desk, "a1");
    g_assert_cmpstr(before->engine_id, ==, "engine-1");
    tell_records(desk);
    g_autoptr(AgentRow) after = agent_of(desk, "a1");
    g_assert_cmpstr(after->engine_id, ==, "engine-2");
}

static void test_a_lost_command_is_closed_once(struct desk *desk, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    queued_free(good(add_agent(desk, "a1", &error), &error));
    g_autoptr(Queued) queued = good(create(desk, "a1", "alpha", &error), &error);
    tell_records(desk);
    g_autoptr(CommandRow) command = NULL;
    g_assert_true(ledger_load_command(desk->ledger, queued->command_id, &command, NULL));
    for (int i = 0; i < 3; i++)
        g_assert_true(decree_lost(desk->ledger, desk->codec, command, 9, &error));
    assert_status(desk, queued, STATUS_CREATING);
    g_assert_cmpuint(tell_records(desk), ==, 1);
    assert_status(desk, queued, STATUS_FAILED);
    g_autoptr(CommandRow) closed = NULL;
    g_assert_true(ledger_load_command(desk->ledger, queued->command_id, &closed, NULL));
    g_assert_cmpstr(closed->code, ==, CODE_LOST);
}

/* --- Data ------------------------------------------------------------------------------------- */

static void tell_directories(struct desk *desk, const struct queued *queued,
                             int64_t listed_at, const char *path)
{
    g_autoptr(Event) event = worker_event(queued);
    struct found *found = found_new();
    row_set(&event->server_id, NULL);
    row_set(&found->name, path);
    event->sync = sync_new();
    event->sync->complete = true;
    event->sync->partitions = 4;
    event->sync->chunks = 1;
    event->sync->listed_at = listed_at;
    g_ptr_array_add(event->sync->data, found);
    g_ptr_array_add(event->sync->unknown, g_strdup(queued->server_id));
    tell(desk, event);
}

static void assert_data(struct desk *desk, const struct queued *queued, enum maybe data)
{
    g_autoptr(ServerRow) server = server_of(desk, queued);
    g_assert_cmpstr(maybe_name(server->data_exists), ==, maybe_name(data));
}

static void test_a_list_of_directories_tells_of_data(struct desk *desk,
                                                     gconstpointer data)
{
    g_autoptr(Queued) queued = running_server(desk);
    g_autoptr(ServerRow) server = server_of(desk, queued);
    tell_directories(desk, queued, 1000, server->data_dir);
    assert_data(desk, queued, MAYBE_YES);
    tell_directories(desk, queued, 2000, "/elsewhere/alpha");
    assert_data(desk, queued, MAYBE_YES);
    g_autofree char *root = g_path_get_dirname(server->data_dir);
    g_autofree char *sibling = g_build_filename(root, "beta", NULL);
    tell_directories(desk, queued, 3000, sibling);
    assert_data(desk, queued, MAYBE_NO);
}

/* It may be older than what the last command made. */
static void test_an_old_list_of_directories_says_nothing(struct desk *desk,
                                                         gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Queued) queued = running_server(desk);
    g_autoptr(ServerRow) server = server_of(desk, queued);
    server->data_at = 5000;
    server->data_exists = MAYBE_YES;
    g_assert_true(ledger_store_server(desk->ledger, server, NULL));
    g_autofree char *root = g_path_get_dirname(server->data_dir);
    g_autofree char *sibling = g_build_filename(root, "beta", NULL);
    tell_directories(desk, queued, 5000, sibling);
    assert_data(desk, queued, MAYBE_YES);
    g_autoptr(Queued)
        stop = good(act(desk, ACTION_STOP, queued->server_id, &error), &error);
    tell_records(desk);
    tell_directories(desk, queued, 6000, sibling);
    assert_data(desk, queued, MAYBE_YES);
    tell_answer(desk, stop, "stop", OUTCOME_DONE, CONTAINER_EXITED);
    tell_directories(desk, queued, 6000, sibling);
    assert_data(desk, queued, MAYBE_NO);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*test)(struct desk *desk, gconstpointer data);
    } tests[] = {
        {"/request/a_create_writes_both_letters", test_a_create_writes_both_letters},
        {"/request/a_command_says_all", test_a_command_says_all},
        {"/request/nothing_is_made_after_a_purge", test_nothing_is_made_after_a_purge},
        {"/request/a_name_is_taken_until_purged", test_a_name_is_taken_until_purged},
        {"/request/a_refused_request_leaves_nothing",
         test_a_refused_request_leaves_nothing},
        {"/request/nothing_is_taken_for_an_agent_that_is_held",
         test_nothing_is_taken_for_an_agent_that_is_held},
        {"/request/a_bad_record_is_refused", test_a_bad_record_is_refused},
        {"/request/a_sync_is_one_command_a_partition",
         test_a_sync_is_one_command_a_partition},
        {"/request/a_cancel_names_its_target", test_a_cancel_names_its_target},
        {"/request/a_change_shows_drift", test_a_change_shows_drift},
        {"/apply/told_twice_is_told_once", test_told_twice_is_told_once},
        {"/apply/a_record_in_the_log_empties_the_outbox",
         test_a_record_in_the_log_empties_the_outbox},
        {"/apply/l5_a_foreign_engine_changes_nothing",
         test_l5_a_foreign_engine_changes_nothing},
        {"/apply/events_of_nobody_known", test_events_of_nobody_known},
        {"/apply/a_sync_counts_once_all_chunks_are_there",
         test_a_sync_counts_once_all_chunks_are_there},
        {"/apply/s01_a_failed_list_proves_nothing",
         test_s01_a_failed_list_proves_nothing},
        {"/apply/a_new_ledger_from_the_same_log", test_a_new_ledger_from_the_same_log},
        {"/apply/s22_many_missing_at_once", test_s22_many_missing_at_once},
        {"/decree/a_release_comes_into_force_by_the_log",
         test_a_release_comes_into_force_by_the_log},
        {"/decree/a_rebind_comes_into_force_by_the_log",
         test_a_rebind_comes_into_force_by_the_log},
        {"/decree/a_lost_command_is_closed_once", test_a_lost_command_is_closed_once},
        {"/apply/a_list_of_directories_tells_of_data",
         test_a_list_of_directories_tells_of_data},
        {"/apply/an_old_list_of_directories_says_nothing",
         test_an_old_list_of_directories_says_nothing},
    };
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(tests); i++)
        g_test_add(tests[i].name, struct desk, NULL, set_up, tests[i].test, tear_down);
    return g_test_run();
}
