/*
 * test_rulebook.c - logs as rows of text (cases/rulebook/), and what the rulebook finds.
 */
#include "rulebook.h"

#include "cases.h"
#include "recall.h"

#include <string.h>

#define AGENT      "a1"
#define SERVER     "s1"
#define PARTITIONS 2 /* of muster.events */
#define FAR        (INT64_MAX / 2)

/* A log on its way. */
struct trial {
    struct rulebook *rulebook;
    GString *breaches;
    int64_t clock;
    int64_t offset;
    char *event_id; /* of the event before */
};

/* The words of an event, and what the others say. */
struct told {
    GPtrArray *words;
    int64_t at, begun, seen, expires, offset, partition, partitions, chunk, chunks;
    const char *engine, *worker, *agent, *server, *name, *env, *code;
    bool again;
    bool idle;
};

static void note_breach(void *listener, enum breach breach, const struct event *event,
                        const struct place *place, const char *sentence)
{
    struct trial *trial = listener;
    g_assert_cmpuint(strlen(sentence), >, 10);
    g_assert_null(strstr(sentence, "hunter2"));
    g_string_append_printf(trial->breaches, "%s%s", trial->breaches->len ? " " : "",
                           breach_name(breach));
}

/* --- Events from words ---------------------------------------------------------------- */

static bool take_number(const char *word, const char *name, int64_t *number)
{
    size_t length = strlen(name);
    if (!g_str_has_prefix(word, name) || word[length] != '=')
        return false;
    *number = g_ascii_strtoll(word + length + 1, NULL, 10);
    return true;
}

static bool take_text(const char *word, const char *name, const char **text)
{
    size_t length = strlen(name);
    if (!g_str_has_prefix(word, name) || word[length] != '=')
        return false;
    *text = g_intern_string(word + length + 1);
    return true;
}

static struct told told_from(const char *text, int64_t clock)
{
    struct told told = {.words = g_ptr_array_new_with_free_func(g_free),
                        .at = clock,
                        .begun = clock - 1,
                        .seen = FAR,
                        .expires = CONTRACT_NONE,
                        .offset = 1,
                        .partition = -1,
                        .partitions = 4,
                        .chunks = 1,
                        .engine = "",
                        .worker = "w1",
                        .agent = AGENT,
                        .server = SERVER,
                        .code = ""};
    g_auto(GStrv) all = g_strsplit(text, " ", -1);
    for (char **word = all; *word; word++) {
        if (g_str_equal(*word, "again"))
            told.again = true;
        else if (g_str_equal(*word, "idle"))
            told.idle = true;
        else if (take_number(*word, "chunk", &told.chunk))
            told.chunks = g_ascii_strtoll(strchr(*word, '/') + 1, NULL, 10);
        else if (**word && !take_number(*word, "at", &told.at) &&
                 !take_number(*word, "begun", &told.begun) &&
                 !take_number(*word, "seen", &told.seen) &&
                 !take_number(*word, "expires", &told.expires) &&
                 !take_number(*word, "offset", &told.offset) &&
                 !take_number(*word, "partition", &told.partition) &&
                 !take_number(*word, "partitions", &told.partitions) &&
                 !take_text(*word, "engine", &told.engine) &&
                 !take_text(*word, "worker", &told.worker) &&
                 !take_text(*word, "agent", &told.agent) &&
                 !take_text(*word, "server", &told.server) &&
                 !take_text(*word, "name", &told.name) &&
                 !take_text(*word, "env", &told.env) &&
                 !take_text(*word, "code", &told.code))
            g_ptr_array_add(told.words, g_strdup(*word));
    }
    g_ptr_array_add(told.words, NULL);
    if (told.partition < 0)
        told.partition = partition_of(told.agent, PARTITIONS);
    return told;
}

static struct state *state_from(const char *word)
{
    const char *at = strchr(word, '@');
    g_autofree char *name = at ? g_strndup(word, (gsize)(at - word)) : g_strdup(word);
    if (g_str_equal(name, "none"))
        return NULL;
    struct state *state = state_new();
    state->status = container_status_from_name(name);
    g_assert_cmpstr(container_status_name(state->status), ==, name);
    if (state->status > CONTAINER_ABSENT)
        row_set(&state->container_id, at ? at + 1 : "c1");
    row_set(&state->container, "steam-zomboid-alpha");
    return state;
}

static struct cause *cause_from(const char *word, const struct told *told)
{
    if (g_str_equal(word, "nothing"))
        return NULL;
    const char *hash = strchr(word, '#');
    bool is_garbage = g_str_equal(word, "garbage");
    struct cause *cause = g_new0(struct cause, 1);
    cause->command_id = g_strdup(is_garbage ? "" : word);
    cause->action = hash ? g_strndup(word, (gsize)(hash - word)) : g_strdup(word);
    cause->actor = g_strdup("test");
    cause->topic = topic_commands(AGENT);
    cause->offset = told->offset;
    return cause;
}

static struct record *record_from(const char *kind, const struct told *told)
{
    struct record *record = record_new();
    record->kind = g_str_equal(kind, "agent")  ? RECORD_AGENT
                   : g_str_equal(kind, "lost") ? RECORD_LOST
                                               : RECORD_COMMAND;
    record->expires_at = told->expires;
    if (told->name) {
        record->server = server_record_new();
        row_set(&record->server->name, told->name);
        record->server->spec = spec_new();
    }
    if (told->env) {
        struct pair *pair = g_new0(struct pair, 1);
        pair->key = g_strdup(told->env);
        pair->value = g_strdup("");
        g_ptr_array_add(record->server->spec->env, pair);
    }
    if (record->kind == RECORD_AGENT) {
        record->agent = agent_record_new();
        record->agent->partitions = 4;
        record->agent->updated_at = told->at;
        row_set(&record->agent->engine_id, *told->engine ? told->engine : NULL);
    }
    return record;
}

static struct sync *sync_from(char *const *words, const struct told *told)
{
    struct sync *sync = sync_new();
    row_set(&sync->sync_id, "sync-1");
    sync->partitions = told->partitions;
    sync->partition = partition_of(SERVER, 4) % told->partitions;
    sync->listed_at = told->begun;
    sync->seen = told->seen;
    sync->complete = !g_str_equal(words[1], "failed");
    sync->chunk = told->chunk;
    sync->chunks = told->chunks;
    if (g_str_equal(words[1], "lists"))
        g_ptr_array_add(sync->servers, listed_new(SERVER, state_from(words[2])));
    else if (g_str_equal(words[1], "pending"))
        g_ptr_array_add(sync->pending, g_strdup(SERVER));
    else if (g_str_equal(words[1], "unknown"))
        g_ptr_array_add(sync->unknown, g_strdup(SERVER));
    else if (g_str_equal(words[1], "extra") || g_str_equal(words[1], "unmanaged")) {
        struct found *found = found_new();
        row_set(&found->container_id, "c1");
        g_ptr_array_add(*words[1] == 'e' ? sync->extra : sync->unmanaged, found);
    }
    return sync;
}

static struct result *result_from(char *const *words, bool idle)
{
    struct result *result = result_new();
    for (int i = 0; i < OUTCOME_COUNT; i++)
        if (g_str_equal(words[0], outcome_name((enum outcome)i)))
            result->outcome = (enum outcome)i;
    g_assert_cmpstr(outcome_name(result->outcome), ==, words[0]);
    result->state = words[2] ? state_from(words[2]) : NULL;
    if (result->outcome == OUTCOME_ACCEPTED) { /* what it noted is no effect */
        g_ptr_array_add(result->steps, step_report_new("r1", STEP_DID_BEGIN, 0));
        return result;
    }
    g_ptr_array_add(result->steps, step_report_new("create", "already", 0));
    if (!idle && result->outcome >= OUTCOME_DONE && result->outcome <= OUTCOME_FAILED)
        g_ptr_array_add(result->steps, step_report_new("start", "done", 5));
    return result;
}

static struct event *event_from(const struct told *told)
{
    char *const *words = (char *const *)told->words->pdata;
    struct event *event = event_new();
    row_set(&event->agent_id, told->agent);
    row_set(&event->worker, told->worker);
    row_set(&event->engine_id, told->engine);
    event->at = told->at;
    if (g_str_equal(words[0], "sync")) {
        event->sync = sync_from(words, told);
        return event;
    }
    row_set(&event->server_id, told->server);
    if (g_str_equal(words[0], "agent") || g_str_equal(words[0], "asked") ||
        g_str_equal(words[0], "lost")) {
        event->record = record_from(words[0], told);
        row_set(&event->worker, "");
        row_set(&event->engine_id, "");
        event->cause = words[1] ? cause_from(words[1], told) : NULL;
    } else if (g_str_equal(words[0], "state")) {
        event->state = state_from(words[1]);
    } else {
        event->result = result_from(words, told->idle);
        row_set(&event->result->code, told->code);
        event->cause = cause_from(words[1], told);
    }
    return event;
}

/* --- Logs --------------------------------------------------------------------------------- */

static void judge(struct trial *trial, const char *text)
{
    trial->clock += 1000;
    struct told told = told_from(text, trial->clock);
    if (told.words->pdata[0]) {
        g_autoptr(Event) event = event_from(&told);
        g_autofree char *fresh = g_strdup_printf("event-%d", (int)trial->offset);
        const struct place place = {(int32_t)told.partition, trial->offset++,
                                    trial->clock};
        row_set(&event->event_id, told.again ? trial->event_id : fresh);
        row_set(&trial->event_id, event->event_id);
        trial->clock = MAX(trial->clock, told.at);
        rulebook_judge(trial->rulebook, event, &place);
    }
    g_ptr_array_unref(told.words);
}

static void check_log(const char *events, const char *wanted)
{
    static const char middle[] = "from the middle: ";
    bool whole = !g_str_has_prefix(events, middle);
    struct trial trial = {.breaches = g_string_new("")};
    g_auto(GStrv) texts = g_strsplit(whole ? events : events + strlen(middle), ";", -1);
    trial.rulebook = rulebook_new(PARTITIONS, whole, note_breach, &trial);
    for (char **text = texts; *text; text++)
        judge(&trial, *text);
    if (trial.breaches->len == 0)
        g_string_append(trial.breaches, "fine");
    if (!g_str_equal(trial.breaches->str, wanted))
        g_error("%s\n   gives   %s\n   and not %s", events, trial.breaches->str, wanted);
    rulebook_free(trial.rulebook);
    g_string_free(trial.breaches, TRUE);
    g_free(trial.event_id);
}

static void test_breaches(void)
{
    g_auto(GStrv) files = cases_in("rulebook", ".txt");
    int logs = 0;
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
            check_log(*line, arrow + strlen(" => "));
            logs++;
        }
    }
    g_assert_cmpint(logs, >, 50);
}

static void test_unreadable(void)
{
    struct trial trial = {.breaches = g_string_new("")};
    const struct place place = {0, 7, 1000};
    g_autoptr(Rulebook) rulebook = rulebook_new(PARTITIONS, true, note_breach, &trial);
    rulebook_unreadable(rulebook, &place, "byte 3: no such branch");
    g_assert_cmpstr(trial.breaches->str, ==, "unreadable");
    g_string_free(trial.breaches, TRUE);
}

static void test_every_breach_has_a_name(void)
{
    for (int i = 0; i < BREACH_COUNT; i++)
        g_assert_nonnull(breach_name((enum breach)i));
}

/* --- Recall --------------------------------------------------------------------------------- */

static void test_recall_says_where(void)
{
    struct recall *recall = recall_new(10);
    const struct place place = {1023, INT64_C(10000000000000), 5};
    struct place found;
    recall_note(recall, "one", &place);
    g_assert_false(recall_find(recall, "two", &found));
    g_assert_true(recall_find(recall, "one", &found));
    g_assert_cmpint(found.partition, ==, place.partition);
    g_assert_cmpint(found.offset, ==, place.offset);
    recall_free(recall);
}

static void test_recall_forgets_the_oldest(void)
{
    struct recall *recall = recall_new(10);
    struct place found;
    for (int i = 0; i < 100; i++) {
        g_autofree char *id = g_strdup_printf("%d", i);
        const struct place place = {0, i, 0};
        recall_note(recall, id, &place);
        g_autofree char *tenth = g_strdup_printf("%d", i - 9);
        if (i >= 9)
            g_assert_true(recall_find(recall, tenth, &found));
    }
    g_assert_false(recall_find(recall, "79", &found));
    recall_free(recall);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/rulebook/breaches", test_breaches);
    g_test_add_func("/rulebook/unreadable", test_unreadable);
    g_test_add_func("/rulebook/every_breach_has_a_name", test_every_breach_has_a_name);
    g_test_add_func("/recall/says_where", test_recall_says_where);
    g_test_add_func("/recall/forgets_the_oldest", test_recall_forgets_the_oldest);
    return g_test_run();
}
