/*
 * cli_complete.c - what a shell may put at the cursor.
 *
 * Names come from the ledger as it lies there: no bus is asked, so that a key never waits.
 */
#include "cli_complete.h"

#include "cli_rows.h"
#include "ledger_found.h"
#include "ledger_log.h"
#include "ledger_rows.h"
#include "profile.h"
#include "reach.h"
#include "session.h"

#include <stdio.h>
#include <string.h>

#define MOST_NAMES 500 /* nobody reads more; a letter more makes them fewer */

/* One key press. */
struct completing {
    GString *out;
    struct cursor cursor;
    const struct cli_row *row; /* NULL: no command yet */
    struct ledger *ledger;     /* opened when it is needed; NULL: there is none */
};

static void completing_end(struct completing *completing)
{
    g_string_free(completing->out, true);
    cursor_clear(&completing->cursor);
    ledger_close(completing->ledger);
}
typedef struct completing Completing;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Completing, completing_end)

static void offer(struct completing *completing, const char *candidate, const char *about)
{
    completion_offer(completing->out, &completing->cursor, candidate, about);
}

/* --- Names -------------------------------------------------------------------------- */

static void offer_agents_with(struct completing *completing, const char *suffix)
{
    g_autoptr(GPtrArray) agents = ledger_agents(completing->ledger, NULL);
    for (guint i = 0; agents && i < agents->len; i++) {
        const struct agent_row *agent = agents->pdata[i];
        g_autofree char *name = g_strconcat(agent->name, suffix, NULL);
        offer(completing, name, agent->id);
    }
}

static void offer_agents(struct completing *completing)
{
    offer_agents_with(completing, "");
}

/* Those of one agent whose names go on as they are begun, by the index over names. */
static void offer_servers_of(struct completing *completing, const struct agent_row *agent,
                             const char *begun)
{
    struct server_row before = {
        .agent_id = agent->id, .name = (char *)begun, .id = (char *)""};
    const struct server_filter filter = {.agent_id = agent->id,
                                         .partition = CONTRACT_NONE,
                                         .after = *begun ? &before : NULL,
                                         .limit = MOST_NAMES};
    g_autoptr(GPtrArray) all = ledger_servers(completing->ledger, &filter, false, NULL);
    for (guint i = 0; all && i < all->len; i++) {
        const struct server_row *server = all->pdata[i];
        g_autofree char *name = g_strdup_printf("%s/%s", agent->name, server->name);
        offer(completing, name, server_status_name(server->status));
    }
}

/* First which agent, then which of its servers. */
static void offer_servers(struct completing *completing)
{
    const char *begun = completing->cursor.begun;
    const char *slash = strchr(begun, '/');
    if (!slash) {
        offer_agents_with(completing, "/");
        return;
    }
    g_autofree char *name = g_strndup(begun, (gsize)(slash - begun));
    g_autoptr(AgentRow) agent = NULL;
    if (ledger_find_agent(completing->ledger, name, &agent, NULL) && agent)
        offer_servers_of(completing, agent, slash + 1);
}

/* What `server adopt` can take, of the agent that is named before it. */
static void offer_unmanaged(struct completing *completing)
{
    const GPtrArray *words = completing->cursor.words;
    g_autoptr(AgentRow) agent = NULL;
    if (words->len == 0 ||
        !ledger_find_agent(completing->ledger, words->pdata[0], &agent, NULL) || !agent)
        return;
    g_autoptr(GPtrArray)
        found = ledger_found(completing->ledger, agent->id, 1U << FOUND_UNMANAGED, NULL);
    for (guint i = 0; found && i < found->len; i++) {
        const struct found_row *row = found->pdata[i];
        if (!row->server_id)
            offer(completing, row->name, row->image);
    }
}

static void offer_profiles(struct completing *completing)
{
    g_auto(GStrv) compiled = profile_compiled_in();
    g_autoptr(GPtrArray) own = ledger_profile_names(completing->ledger, NULL);
    for (char **name = compiled; *name; name++)
        offer(completing, *name, "");
    for (guint i = 0; own && i < own->len; i++)
        offer(completing, own->pdata[i], "brought by --profile FILE");
}

static void offer_statuses(struct completing *completing)
{
    for (int status = STATUS_NONE + 1; status < STATUS_COUNT; status++)
        offer(completing, server_status_name((enum server_status)status), "");
    offer(completing, REACH_UNKNOWN, "nobody can say now");
}

/* clang-format off */
static const struct {
    const char *argument;
    void (*offer)(struct completing *completing);
    bool asks_ledger;
} names[] = {
    {"AGENT",     offer_agents,    true},
    {"SERVER",    offer_servers,   true},
    {"CONTAINER", offer_unmanaged, true},
    {"PROFILE",   offer_profiles,  true},
    {"STATUS",    offer_statuses,  false},
};
/* clang-format on */

/* What --ledger says on the command line so far; NULL: nothing. */
static const char *said_ledger(char *const *words)
{
    for (; words[0] && words[1]; words++) {
        if (g_str_equal(words[0], "--ledger"))
            return words[1];
        if (g_str_has_prefix(words[0], "--ledger="))
            return words[0] + strlen("--ledger=");
    }
    return NULL;
}

static void open_ledger(struct completing *completing, char *const *words)
{
    g_auto(Common) common = {.ledger = g_strdup(said_ledger(words))};
    common_defaults(&common);
    completing->ledger = ledger_open(common.ledger, NULL);
}

/* "AGENT", "FILE", "always|missing|never", "PROFILE|FILE" */
static void offer_argument(struct completing *completing, const char *argument,
                           char *const *words)
{
    g_auto(GStrv) kinds = g_strsplit(argument ? argument : "", "|", -1);
    completion_argument(completing->out, &completing->cursor, argument);
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        if (!g_strv_contains((const char *const *)kinds, names[i].argument))
            continue;
        if (names[i].asks_ledger)
            open_ledger(completing, words);
        if (completing->ledger || !names[i].asks_ledger)
            names[i].offer(completing);
    }
}

/* --- Commands ----------------------------------------------------------------------- */

/* Nouns, and commands of one word; each once. */
static void offer_first_words(struct completing *completing)
{
    const struct cli_row *row;
    g_autoptr(GHashTable) told = g_hash_table_new(g_str_hash, g_str_equal);
    for (size_t i = 0; (row = cli_row_at(i)); i++) {
        g_autofree char *verbs = cli_verbs_of(row->noun);
        const char *word = row->noun ? row->noun : row->verb;
        if (g_hash_table_add(told, (gpointer)word))
            offer(completing, word, row->noun ? verbs : row->about);
    }
}

static void offer_verbs(struct completing *completing, const char *noun)
{
    const struct cli_row *row;
    for (size_t i = 0; (row = cli_row_at(i)); i++)
        if (g_strcmp0(row->noun, noun) == 0)
            offer(completing, row->verb, row->about);
}

/* The n-th word of "AGENT CONTAINER" is wanted. */
static void offer_word(struct completing *completing, char *const *words)
{
    const GPtrArray *before = completing->cursor.words;
    if (!completing->row && before->len == 0) {
        offer_first_words(completing);
    } else if (!completing->row) {
        offer_verbs(completing, before->pdata[0]);
    } else {
        g_auto(GStrv) wanted = g_strsplit(completing->row->arguments, " ", -1);
        if (before->len < g_strv_length(wanted))
            offer_argument(completing, wanted[before->len], words);
    }
}

/* The command that the words before the cursor name; its words are not the cursor's. */
static void take_row(struct completing *completing, char *const *words)
{
    int count = (int)g_strv_length((char **)words);
    g_autofree char **argv = g_new0(char *, count + 1); /* [0] is the program's */
    int at[2] = {0, 0};
    for (int i = 0; i + 1 < count; i++)
        argv[i + 1] = words[i];
    int found = cli_find_words(count, argv, at);
    completing->row = cli_row_find(found > 0 ? argv[at[0]] : NULL,
                                   found > 1 ? argv[at[1]] : NULL);
    if (completing->row)
        g_ptr_array_remove_range(completing->cursor.words, 0,
                                 completing->row->noun ? 2 : 1);
}

static void complete(struct completing *completing, char *const *words)
{
    static const struct cli_row none = {.about = ""};
    const struct option_table shared = cli_common_table("");
    struct option_table own = cli_own_table(&none, "", "", NULL);
    const struct option_table *const tables[] = {&own, &shared};

    cursor_find(&completing->cursor, tables + 1, 1, words);
    take_row(completing, words);
    if (completing->row) { /* once more, knowing which options have values */
        own = cli_own_table(completing->row, "", "", NULL);
        cursor_clear(&completing->cursor);
        cursor_find(&completing->cursor, tables, 2, words);
        take_row(completing, words);
    }
    switch (completing->cursor.at) {
    case CURSOR_WORD:
        offer_word(completing, words);
        break;
    case CURSOR_OPTION:
        completion_options(completing->out, &completing->cursor, tables, 2);
        break;
    case CURSOR_VALUE:
        offer_argument(completing, completing->cursor.option->argument, words);
        break;
    }
}

int cli_complete(char *const *words)
{
    g_auto(Completing) completing = {.out = g_string_new(NULL)};
    complete(&completing, words);
    fputs(completing.out->str, stdout);
    return CLI_DONE;
}
