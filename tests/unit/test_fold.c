/*
 * test_fold.c - lives of servers, as rows of text (cases/fold/), through the fold.
 *
 * Each life is folded three times: as it is, with every event told twice, and into the rows
 * of a ledger that had applied its own requests before the log had them.  All must agree.
 */
#include "fold.h"
#include "rules.h"

#include "cases.h"

#include <string.h>

#define AGENT  "a1"
#define SERVER "s1"
#define FAR    (INT64_MAX / 2)

/* One life on its way. */
struct life {
    struct server_row *server;
    GHashTable *commands; /* id → struct command_row */
    int64_t clock;
    int64_t offset;
    bool twice;
};

/* The words of a step, and what the key=value ones say. */
struct step {
    GStrv words;
    enum maybe data;  /* of the state */
    enum maybe found; /* by a command, before it made anything */
    bool empty;
    int64_t offset;
    int64_t seen;
    const char *digest;
};

static void life_begin(struct life *life, bool twice)
{
    life->server = server_row_new();
    row_set(&life->server->id, SERVER);
    row_set(&life->server->agent_id, AGENT);
    life->commands = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                           (GDestroyNotify)command_row_free);
    life->clock = 1000;
    life->offset = 0;
    life->twice = twice;
}

static void life_end(struct life *life)
{
    server_row_free(life->server);
    g_hash_table_unref(life->commands);
}

/* --- Events from words ---------------------------------------------------------------- */

static struct event *event_of_server(const struct life *life)
{
    struct event *event = event_new();
    row_set(&event->agent_id, AGENT);
    row_set(&event->server_id, SERVER);
    row_set(&event->engine_id, "engine");
    event->at = life->clock;
    return event;
}

static void set_cause(struct event *event, const char *command)
{
    const char *hash = strchr(command, '#');
    struct cause *cause = g_new0(struct cause, 1);
    cause->command_id = g_strdup(command);
    cause->action = hash ? g_strndup(command, (gsize)(hash - command))
                         : g_strdup(command);
    cause->actor = g_strdup("test");
    cause->topic = g_strdup("muster.commands." AGENT);
    cause->offset = CONTRACT_NONE;
    g_assert_cmpint(action_from_name(cause->action), !=, ACTION_UNKNOWN);
    event->cause = cause;
}

/* "running", "running@c2", "none" */
static struct state *state_from(const char *word, const struct step *step)
{
    const char *at = strchr(word, '@');
    g_autofree char *name = at ? g_strndup(word, (gsize)(at - word)) : g_strdup(word);
    if (g_str_equal(name, "none"))
        return NULL;
    struct state *state = state_new();
    state->status = container_status_from_name(name);
    g_assert_cmpstr(container_status_name(state->status), ==, name);
    bool is_there = state->status > CONTAINER_ABSENT;
    if (at || is_there)
        row_set(&state->container_id, at ? at + 1 : "c1");
    row_set(&state->spec_digest, is_there ? step->digest : "");
    state->data_exists = step->data;
    return state;
}

static struct server_record *record_with(const char *digest, int64_t updated_at)
{
    struct server_record *record = server_record_new();
    row_set(&record->name, "alpha");
    record->created_at = 1000;
    record->updated_at = updated_at;
    record->deleted_at = CONTRACT_NONE;
    record->spec = spec_new();
    row_set(&record->spec->container, "steam-zomboid-alpha");
    row_set(&record->spec->digest, digest);
    return record;
}

static struct event *record_event(const struct life *life, enum record_kind kind)
{
    struct event *event = event_of_server(life);
    row_set(&event->engine_id, "");
    event->record = record_new();
    event->record->kind = kind;
    return event;
}

static struct event *command_event(const struct life *life, const struct step *step)
{
    struct event *event = record_event(life, RECORD_COMMAND);
    const char *digest = *life->server->spec_digest ? life->server->spec_digest : "d1";
    set_cause(event, step->words[0]);
    event->record->server = record_with(digest, MAX(life->server->updated_at, 1000));
    event->record->expires_at = FAR;
    return event;
}

static struct event *result_event(const struct life *life, const struct step *step)
{
    struct event *event = event_of_server(life);
    struct result *result = result_new();
    set_cause(event, step->words[0]);
    event->cause->offset = step->offset;
    while (!g_str_equal(outcome_name(result->outcome), step->words[1]))
        g_assert_cmpint(++result->outcome, <, OUTCOME_COUNT);
    result->data_exists = step->found;
    result->data_empty = step->empty;
    result->state = step->words[2] ? state_from(step->words[2], step) : NULL;
    event->result = result;
    return event;
}

static struct event *state_event(const struct life *life, const struct step *step)
{
    struct event *event = event_of_server(life);
    event->state = state_from(step->words[1], step);
    return event;
}

static struct event *imported_event(const struct life *life, const struct step *step)
{
    struct event *event = record_event(life, RECORD_SERVER);
    struct server_record *record = record_with("d1", 1000);
    row_set(&record->status, step->words[1]);
    if (g_str_equal(step->words[1], "deleted"))
        record->deleted_at = 900;
    else
        row_set(&record->container_id, "c1");
    event->record->server = record;
    return event;
}

static struct event *changed_event(const struct life *life, const struct step *step)
{
    struct event *event = record_event(life, RECORD_SERVER);
    event->record->server = record_with(step->words[1], life->clock);
    return event;
}

static struct event *lost_event(const struct life *life, const struct step *step)
{
    struct event *event = record_event(life, RECORD_LOST);
    set_cause(event, step->words[1]);
    return event;
}

static struct event *sync_event(const struct life *life, const struct step *step)
{
    struct event *event = event_of_server(life);
    struct sync *sync = event->sync = sync_new();
    const char *what = step->words[1];
    sync->complete = true;
    sync->seen = step->seen;
    if (g_str_equal(what, "lists"))
        g_ptr_array_add(sync->servers,
                        listed_new(SERVER, state_from(step->words[2], step)));
    else if (g_str_equal(what, "pending") || g_str_equal(what, "unknown"))
        g_ptr_array_add(*what == 'p' ? sync->pending : sync->unknown, g_strdup(SERVER));
    else if (g_str_equal(what, "extra") || g_str_equal(what, "unmanaged")) {
        struct found *found = found_new();
        row_set(&found->container_id, "c1");
        row_set(&found->status, step->words[2] ? step->words[2] : "");
        g_ptr_array_add(*what == 'e' ? sync->extra : sync->unmanaged, found);
    } else if (g_str_equal(what, "others"))
        g_ptr_array_add(sync->others, g_strdup("c1"));
    else
        g_assert_cmpstr(what, ==, "lacks");
    return event;
}

static struct event *event_from(const struct life *life, const struct step *step)
{
    static const struct {
        const char *word;
        struct event *(*make)(const struct life *life, const struct step *step);
    } makers[] = {{"state", state_event},
                  {"sync", sync_event},
                  {"record", imported_event},
                  {"spec", changed_event},
                  {"lost", lost_event}};
    for (size_t i = 0; i < G_N_ELEMENTS(makers); i++)
        if (g_str_equal(step->words[0], makers[i].word))
            return makers[i].make(life, step);
    return step->words[1] ? result_event(life, step) : command_event(life, step);
}

/* --- Folding, as apply.c does ----------------------------------------------------------- */

static struct command_row *command_of(struct life *life, const char *id)
{
    struct command_row *command = g_hash_table_lookup(life->commands, id);
    if (command)
        return command;
    command = command_row_new();
    row_set(&command->command_id, id);
    g_hash_table_insert(life->commands, g_strdup(id), command);
    return command;
}

static void fold_once(struct life *life, const struct event *event,
                      const struct place *place)
{
    if (event->sync) {
        g_autoptr(PresenceSync) index = presence_sync_new(event->sync, place->append_ms);
        fold_sync(life->server, index, place);
        return;
    }
    if (event->cause && fold_command(command_of(life, event->cause->command_id), event,
                                     place) == FOLDED_REPEATED)
        return;
    fold_server(life->server, event, place);
}

static struct step step_from(const char *text)
{
    struct step step = {.offset = CONTRACT_NONE, .seen = FAR, .digest = "d1"};
    g_auto(GStrv) all = g_strsplit(text, " ", -1);
    g_autoptr(GStrvBuilder) words = g_strv_builder_new();
    for (char **word = all; *word; word++) {
        const char *equals = strchr(*word, '=');
        if (g_str_has_prefix(*word, "data="))
            step.data = g_str_equal(equals + 1, "yes") ? MAYBE_YES : MAYBE_NO;
        else if (g_str_has_prefix(*word, "found=")) {
            step.found = g_str_equal(equals + 1, "yes") ? MAYBE_YES : MAYBE_NO;
            step.empty = g_str_equal(equals + 1, "empty");
        } else if (g_str_has_prefix(*word, "offset="))
            step.offset = g_ascii_strtoll(equals + 1, NULL, 10);
        else if (g_str_has_prefix(*word, "seen="))
            step.seen = g_ascii_strtoll(equals + 1, NULL, 10);
        else if (g_str_has_prefix(*word, "digest="))
            step.digest = g_intern_string(equals + 1);
        else if (**word)
            g_strv_builder_add(words, *word);
    }
    step.words = g_strv_builder_end(words);
    return step;
}

static void live(struct life *life, const char *events)
{
    g_auto(GStrv) texts = g_strsplit(events, ";", -1);
    for (char **text = texts; *text; text++) {
        struct step step = step_from(*text);
        life->clock += 1000;
        const struct place place = {0, life->offset++, life->clock};
        g_autoptr(Event) event = event_from(life, &step);
        fold_once(life, event, &place);
        if (life->twice && !event->state)
            fold_once(life, event, &place);
        g_strfreev(step.words);
    }
}

/* A ledger applies its request at once; the log has the Record later. */
static void live_ahead(struct life *life, const char *events)
{
    g_auto(GStrv) texts = g_strsplit(events, ";", -1);
    g_autoptr(GPtrArray)
        waiting = g_ptr_array_new_with_free_func((GDestroyNotify)event_free);
    for (char **text = texts; *text; text++) {
        struct step step = step_from(*text);
        life->clock += 1000;
        g_autoptr(Event) event = event_from(life, &step);
        if (event->record && event->record->kind == RECORD_COMMAND) {
            const struct place here = {-1, -1, life->clock};
            fold_once(life, event, &here);
            g_ptr_array_add(waiting, g_steal_pointer(&event));
        } else {
            for (guint i = 0; i < waiting->len; i++) {
                const struct place place = {0, life->offset++, life->clock};
                fold_once(life, waiting->pdata[i], &place);
            }
            g_ptr_array_set_size(waiting, 0);
            const struct place place = {0, life->offset++, life->clock};
            fold_once(life, event, &place);
        }
        g_strfreev(step.words);
    }
}

/* --- What came of it ------------------------------------------------------------------- */

static char *summary(const struct server_row *server)
{
    GString *text = g_string_new(server_status_name(server->status));
    const struct {
        bool holds;
        const char *word;
    } words[] = {{server->open->len > 0, "open"},
                 {server->container_seen, "seen"},
                 {server->drift, "drift"},
                 {server->data_exists == MAYBE_YES, "data"},
                 {server->data_exists == MAYBE_NO, "nodata"},
                 {server->data_gone, "gone"},
                 {server->deleted_at != CONTRACT_NONE, "deleted"}};
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
        if (words[i].holds)
            g_string_append_printf(text, " %s", words[i].word);
    if (server->container_id)
        g_string_append_printf(text, " @%s", server->container_id);
    g_assert_true((server->missing_since != CONTRACT_NONE) ==
                      (server->status == STATUS_MISSING) ||
                  server->open->len > 0);
    return g_string_free(text, FALSE);
}

static int by_text(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *sorted(const char *text)
{
    g_auto(GStrv) words = g_strsplit(text, " ", -1);
    qsort(words, g_strv_length(words), sizeof *words, by_text);
    return g_strjoinv(" ", words);
}

static void check_life(const char *events, const char *wanted, const char *how,
                       void (*run)(struct life *life, const char *events), bool twice)
{
    struct life life;
    life_begin(&life, twice);
    run(&life, events);
    g_autofree char *got = summary(life.server);
    g_autofree char *got_sorted = sorted(got);
    g_autofree char *wanted_sorted = sorted(wanted);
    if (!g_str_equal(got_sorted, wanted_sorted))
        g_error("%s (%s)\n   gives   %s\n   and not %s", events, how, got, wanted);
    life_end(&life);
}

static void test_lives(void)
{
    g_auto(GStrv) files = cases_in("fold", ".txt");
    int lives = 0;
    for (char **file = files; *file; file++) {
        g_autoptr(GBytes) bytes = case_bytes(*file);
        g_autofree char *text = g_strndup(g_bytes_get_data(bytes, NULL),
                                          g_bytes_get_size(bytes));
        g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
        for (char **line = lines; *line; line++) {
            char *arrow = strstr(*line, " => ");
            if (**line == '#' || !**line)
                continue;
            g_assert_nonnull(arrow);
            *arrow = '\0';
            const char *wanted = arrow + strlen(" => ");
            check_life(*line, wanted, "as it is", live, false);
            check_life(*line, wanted, "told twice", live, true);
            check_life(*line, wanted, "ledger ahead", live_ahead, false);
            lives++;
        }
    }
    g_assert_cmpint(lives, >, 50);
}

/* Every status meets every event without ending up nowhere. */
static void test_every_status_meets_every_event(void)
{
    static const char *const outcomes[] = {"accepted", "done",    "failed",
                                           "rejected", "expired", "cancelled"};
    static const char *const states[] = {"none", "absent", "running", "exited",
                                         "unknown"};
    for (int status = STATUS_CREATING; status < STATUS_COUNT; status++)
        for (int action = ACTION_CREATE; action < ACTION_SYNC; action++)
            for (size_t o = 0; o < G_N_ELEMENTS(outcomes); o++)
                for (size_t s = 0; s < G_N_ELEMENTS(states); s++) {
                    struct life life;
                    life_begin(&life, false);
                    life.server->settled_status = (enum server_status)status;
                    g_autofree char *events = g_strdup_printf(
                        "%s; %s %s %s", action_name((enum action)action),
                        action_name((enum action)action), outcomes[o], states[s]);
                    live(&life, events);
                    g_assert_cmpint(life.server->status, !=, STATUS_NONE);
                    if (o > 0)
                        g_assert_cmpuint(life.server->open->len, ==, 0);
                    life_end(&life);
                }
}

/* What happens between a request and its Record is judged as the log has it: without the
 * command.  Otherwise ledger and replay would not agree. */
static void assert_as_in_log(const char *before, const char *request, const char *between,
                             const char *after)
{
    struct life here, log;
    life_begin(&here, false);
    life_begin(&log, false);
    live(&here, before);
    live(&log, before);
    struct step step = step_from(request);
    g_autoptr(Event) event = event_from(&here, &step);
    const struct place nowhere = {-1, -1, here.clock};
    fold_once(&here, event, &nowhere);
    live(&here, between);
    live(&log, between);
    live(&here, request);
    live(&log, request);
    live(&here, after);
    live(&log, after);
    g_assert_true(row_equal(&table_servers, here.server, log.server, COLUMN_LOG));
    g_strfreev(step.words);
    life_end(&here);
    life_end(&log);
}

static void test_a_request_is_not_in_the_log_yet(void)
{
    assert_as_in_log("create; create done running", "stop", "state absent",
                     "stop done absent");
    assert_as_in_log("create; create done running", "start", "sync lacks",
                     "start rejected none");
    assert_as_in_log("create; create failed absent", "start", "state running",
                     "start rejected none");
    assert_as_in_log("create; create done running", "rebuild",
                     "state absent; state exited", "rebuild done running@c2");
}

/* What did not take effect does not count. */
static void test_s35_meant_to_run(void)
{
    static const struct {
        const char *events;
        bool meant;
    } rows[] = {
        {"", true},
        {"stop; stop done exited", false},
        {"stop; stop done absent", false},
        {"stop; stop expired none", true},
        {"stop; stop rejected none", true},
        {"stop; stop cancelled running", true},
        {"stop; stop failed running", true},
        {"stop; stop failed unknown", true},
        {"stop; stop failed none", true},
        {"stop; stop failed exited", false},
        {"stop; stop done exited; start; start expired none", false},
        {"stop; stop done exited; start; start cancelled exited", false},
        {"stop; stop done exited; start; start failed exited", true},
        {"stop; stop done exited; start; start done running", true},
        {"stop; stop done exited; cancel; cancel failed none", false},
        {"cancel; cancel failed none", true},
        {"cancel; cancel done none", true},
        {"restart; restart done running; cancel; cancel failed none", true},
        {"restart; restart cancelled running; cancel; cancel done none", true},
        {"delete; delete failed running", true},
        {"delete; delete done absent; restore; restore done created", false},
        {"delete; delete done absent; restore; restore done running", true},
        {"state exited", true},
        {"state exited; state absent", true},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        struct life life;
        life_begin(&life, false);
        live(&life, "create; create done running");
        if (*rows[i].events)
            live(&life, rows[i].events);
        if (life.server->meant_to_run != rows[i].meant)
            g_error("%s: meant to run? %d", rows[i].events, life.server->meant_to_run);
        life_end(&life);
    }
}

static void test_strangers_change_nothing(void)
{
    struct life life;
    life_begin(&life, false);
    live(&life, "create; create done running");
    struct step step = step_from("state absent");
    g_autoptr(Event) event = event_from(&life, &step);
    row_set(&event->agent_id, "another");
    const struct place place = {0, 99, life.clock};
    g_assert_cmpint(fold_server(life.server, event, &place), ==, FOLDED_STRANGER);
    g_assert_cmpint(life.server->status, ==, STATUS_RUNNING);
    g_strfreev(step.words);
    life_end(&life);
}

static void test_older_records_are_old_news(void)
{
    struct life life;
    life_begin(&life, false);
    live(&life, "create; create done running");
    g_autoptr(Event) newer = record_event(&life, RECORD_SERVER);
    g_autoptr(Event) older = record_event(&life, RECORD_SERVER);
    const struct place place = {0, 99, life.clock};
    newer->record->server = record_with("d3", 9000);
    row_set(&newer->record->server->image_tag, "v3");
    older->record->server = record_with("d2", 8000);
    row_set(&older->record->server->image_tag, "v2");
    fold_server(life.server, newer, &place);
    fold_server(life.server, older, &place);
    g_assert_cmpstr(life.server->image_tag, ==, "v3");
    g_assert_true(life.server->drift);
    life_end(&life);
}

/* --- Agents ----------------------------------------------------------------------------- */

static void test_the_first_engine_is_pinned(void)
{
    g_autoptr(AgentRow) agent = agent_row_new();
    g_autoptr(Event) event = event_new();
    g_assert_cmpint(fold_engine(agent, event), ==, ENGINE_OURS); /* it names none */
    row_set(&event->engine_id, "one");
    g_assert_cmpint(fold_engine(agent, event), ==, ENGINE_FIRST);
    g_assert_cmpint(fold_engine(agent, event), ==, ENGINE_OURS);
    row_set(&event->engine_id, "two");
    g_assert_cmpint(fold_engine(agent, event), ==, ENGINE_FOREIGN);
    g_assert_cmpstr(agent->engine_id, ==, "one");
}

static void test_a_record_without_engine_does_not_unpin(void)
{
    g_autoptr(AgentRow) agent = agent_row_new();
    g_autoptr(Event) event = event_new();
    const struct place place = {0, 1, 1};
    row_set(&agent->engine_id, "one");
    event->record = record_new();
    event->record->kind = RECORD_AGENT;
    event->record->agent = agent_record_new();
    row_set(&event->record->agent->name, "host");
    event->record->agent->updated_at = 5;
    event->record->agent->partitions = 4;
    g_assert_cmpint(fold_agent(agent, event, &place), ==, FOLDED);
    g_assert_cmpstr(agent->engine_id, ==, "one");
    g_assert_cmpstr(agent->name, ==, "host");
    row_set(&event->record->agent->name, "old");
    event->record->agent->updated_at = 4;
    g_assert_cmpint(fold_agent(agent, event, &place), ==, FOLDED_REPEATED);
    g_assert_cmpstr(agent->name, ==, "host");
}

/* --- Rules ------------------------------------------------------------------------------ */

static void assert_possible(enum server_status status, const char *wanted)
{
    g_autoptr(ServerRow) server = server_row_new();
    server->status = status;
    g_autofree char *possible = rule_possible(server);
    g_assert_cmpstr(possible, ==, wanted);
}

static void test_what_is_possible_when(void)
{
    static const char live_actions[] =
        "start, stop, restart, rebuild, recreate, restore, delete, purge";
    assert_possible(STATUS_CREATING, live_actions);
    assert_possible(STATUS_RUNNING, live_actions);
    assert_possible(STATUS_STOPPED, live_actions);
    assert_possible(STATUS_REBUILDING, live_actions);
    assert_possible(STATUS_FAILED, live_actions);
    assert_possible(STATUS_MISSING, live_actions);
    assert_possible(STATUS_DELETING, "restore, delete, purge");
    assert_possible(STATUS_DELETED, "restore, delete, purge");
    assert_possible(STATUS_PURGED, "nothing");
}

static void test_a_refusal_says_what_is_possible(void)
{
    g_autoptr(ServerRow) server = server_row_new();
    g_autoptr(GError) error = NULL;
    row_set(&server->name, "alpha");
    server->status = STATUS_DELETED;
    g_assert_false(rule_check(ACTION_START, server, false, &error));
    g_assert_error(error, RULES_ERROR, RULES_ERROR_REFUSED);
    g_assert_nonnull(strstr(error->message, "it is deleted"));
    g_assert_nonnull(strstr(error->message, "restore"));
}

static void test_lost_data_needs_fresh(void)
{
    g_autoptr(ServerRow) server = server_row_new();
    server->status = STATUS_MISSING;
    server->data_gone = true;
    g_assert_false(rule_check(ACTION_START, server, false, NULL));
    g_assert_true(rule_check(ACTION_START, server, true, NULL));
    g_assert_true(rule_check(ACTION_DELETE, server, false, NULL));
    server->data_gone = false;
    server->data_exists = MAYBE_NO; /* there never was any */
    g_assert_true(rule_check(ACTION_START, server, false, NULL));
}

static void test_every_rule_ends_before_the_topic_forgets(void)
{
    for (int action = ACTION_CREATE; action < ACTION_COUNT; action++) {
        const struct rule *rule = rule_of((enum action)action);
        g_assert_cmpint(rule->expires_ms, >, 0);
        g_assert_cmpint(rule->expires_ms, <, INT64_C(7) * 24 * 3600 * 1000);
        g_assert_nonnull(rule->about);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/fold/lives", test_lives);
    g_test_add_func("/fold/every_status_meets_every_event",
                    test_every_status_meets_every_event);
    g_test_add_func("/fold/a_request_is_not_in_the_log_yet",
                    test_a_request_is_not_in_the_log_yet);
    g_test_add_func("/fold/s35_meant_to_run", test_s35_meant_to_run);
    g_test_add_func("/fold/strangers_change_nothing", test_strangers_change_nothing);
    g_test_add_func("/fold/older_records_are_old_news", test_older_records_are_old_news);
    g_test_add_func("/fold/the_first_engine_is_pinned", test_the_first_engine_is_pinned);
    g_test_add_func("/fold/a_record_without_engine_does_not_unpin",
                    test_a_record_without_engine_does_not_unpin);
    g_test_add_func("/rules/what_is_possible_when", test_what_is_possible_when);
    g_test_add_func("/rules/a_refusal_says_what_is_possible",
                    test_a_refusal_says_what_is_possible);
    g_test_add_func("/rules/lost_data_needs_fresh", test_lost_data_needs_fresh);
    g_test_add_func("/rules/every_rule_ends_before_the_topic_forgets",
                    test_every_rule_ends_before_the_topic_forgets);
    return g_test_run();
}
