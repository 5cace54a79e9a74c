/*
 * cli_bus.c - muster bus copy: from one bus to another, the ledger along with it.
 *
 * The one command that has two buses, so it opens what it works with by itself.
 */
#include "cli.h"

#include "clean.h"
#include "eventlog.h"
#include "log.h"
#include "move.h"
#include "print.h"
#include "replay.h"
#include "terminal.h"
#include "verify.h"

#include <stdio.h>

static const char copy_details[] =
    "Carries the log, the commands without a result, heartbeats and dead letters over to a "
    "bus\nwithout records, with keys, headers, partitions and append times; compares what has\n"
    "arrived; and moves the ledger (--ledger), if there is one: it is compared with the log "
    "first,\nand goes on behind the copy.  Its env values, tokens and unsent requests come "
    "along.\n\n"
    "Stop `muster serve` and all workers before it, and start them with --bus TO after it,\n"
    "never again with FROM, which is left as it was: commands that wait lie in both.  A worker\n"
    "finds no offsets in TO and reads from the log what has been answered; commands that have\n"
    "been are not carried.  Refused: a worker that is alive, a command that has begun and has\n"
    "no result, a record that cannot be decoded and has no answer (--yes: all the same).\n"
    "For an hour, lists say nothing of servers whose last command came in the hour before.\n"
    "-F and -X are for Kafka, on whichever side it is.  A copy that was broken off is made\n"
    "again from its beginning: delete the target's topics, or its file, first.\n";

/* One copy at work. */
struct copying {
    const struct common *common;
    struct bus *from, *to;
    struct codec *codec;
    struct ledger *ledger; /* NULL: there is none */
    struct lock *relay_lock, *ingest_lock;
};

static void copying_end(struct copying *copying)
{
    lock_release(copying->relay_lock);
    lock_release(copying->ingest_lock);
    ledger_close(copying->ledger);
    bus_close(copying->from);
    bus_close(copying->to);
    codec_free(copying->codec);
}
typedef struct copying Copying;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Copying, copying_end)

/* --- Opening -------------------------------------------------------------------------------------- */

static struct bus *open_bus(const struct common *common, const char *url, GError **error)
{
    g_autoptr(GPtrArray) properties = common_properties(common, error);
    if (!properties)
        return NULL;
    return bus_open(url, g_str_has_prefix(url, "kafka://") ? properties : NULL, error);
}

static bool take_lock(const struct copying *copying, const char *what, struct lock **lock,
                      GError **error)
{
    if (!lock_try(copying->common->ledger, what, lock, error))
        return false;
    if (*lock)
        return true;
    cli_usage(error, "refused: another muster works with %s: stop `muster serve`",
              copying->common->ledger);
    return false;
}

/* Nobody sends, and nobody but us takes, until the end. */
static bool open_ledger(struct copying *copying, GError **error)
{
    const char *path = copying->common->ledger;
    int32_t partitions;
    if (!g_file_test(path, G_FILE_TEST_EXISTS))
        return true;
    copying->ledger = ledger_open(path, error);
    if (!copying->ledger ||
        !take_lock(copying, RELAY_LOCK, &copying->relay_lock, error) ||
        !take_lock(copying, INGEST_LOCK, &copying->ingest_lock, error))
        return false;
    if (eventlog_check(copying->ledger, copying->from, &partitions, error))
        return true;
    g_prefix_error(error, "%s (--ledger) is not of the bus to copy: ", path);
    return false;
}

static bool copying_begin(struct copying *copying, char *const *words, GError **error)
{
    copying->codec = codec_new();
    copying->from = open_bus(copying->common, words[0], error);
    copying->to = copying->from ? open_bus(copying->common, words[1], error) : NULL;
    return copying->to && open_ledger(copying, error);
}

/* --- The ledger ------------------------------------------------------------------------------------- */

static bool take_all(struct copying *copying, GError **error)
{
    g_autoptr(Ingest)
        ingest = ingest_open(copying->ledger, copying->from, copying->codec, error);
    return ingest && ingest_catch_up(ingest, true, error);
}

static void print_difference(void *listener, const struct difference *difference)
{
    g_autofree char *text = difference_text(difference);
    clean_print(stderr, "%s\n", text);
}

/* Otherwise positions in the copy would say that the ledger is what the log makes, and it is
 * not. */
static bool check_ledger(struct copying *copying, GError **error)
{
    const struct verify_scope all = {NULL, NULL};
    g_auto(Folding) folding = {0};
    g_auto(Span) span;
    struct verified verified;
    int32_t partitions;
    int64_t events;
    struct replay replay = {copying->from, copying->codec, 0,
                            folding_take,  &folding,       NULL};
    span_init(&span);
    if (!eventlog_check(copying->ledger, copying->from, &partitions, error))
        return false;
    replay.partitions = partitions;
    if (!span_add(&span, copying->from, TOPIC_EVENTS, 0, partitions, error) ||
        !folding_begin(&folding, copying->codec, partitions, error) ||
        !replay_run(&replay, &span, &events, error) ||
        !verify_ledger(copying->ledger, folding.ledger, copying->codec, &all,
                       print_difference, NULL, &verified, error))
        return false;
    if (verified.differences == 0)
        return true;
    cli_usage(error,
              "refused: the ledger is not what its log makes of it (%u differences)",
              verified.differences);
    return false;
}

/* --- Copying ---------------------------------------------------------------------------------------- */

static void show_progress(const char *what, double share)
{
    g_autofree char *line = g_strdup_printf("%s: %3.0f %%", what, share * 100);
    terminal_live(line);
}

static void tell_foreign(const struct bus_record *record, const char *why)
{
    terminal_live(NULL);
    clean_print(
        stderr,
        "muster: %s %d@%" G_GINT64_FORMAT
        " is left behind, since it counts nowhere and the target does not take it: %s\n",
        record->topic, record->partition, record->offset, why);
}

static void print_copied(const struct copying *copying, const struct cargo *cargo,
                         const struct moved *moved)
{
    const char *ledger = copying->ledger ? copying->common->ledger : NULL;
    if (copying->common->json) {
        print_json(json_pack("{s:i, s:I, s:I, s:i, s:I, s:i, s:s?}", "topics",
                             (int)moved->topics, "records", (json_int_t)moved->records,
                             "records_left", (json_int_t)moved->foreign,
                             "commands_waiting", (int)cargo_waiting(cargo),
                             "commands_answered", (json_int_t)moved->left, "agents",
                             (int)cargo->agents->len, "ledger", ledger));
        return;
    }
    clean_print(stdout,
                "copied: %" G_GINT64_FORMAT
                " records in %u topics, of %u agents; %u commands "
                "wait, %" G_GINT64_FORMAT " that are answered stay behind\n",
                moved->records, moved->topics, cargo->agents->len, cargo_waiting(cargo),
                moved->left);
    if (ledger)
        clean_print(stdout, "moved:  %s goes on with the copy\n", ledger);
    else
        clean_print(stdout, "no ledger at %s: `muster init` makes one from the copy\n",
                    copying->common->ledger);
}

static int bus_copy(struct call *call, GError **error)
{
    g_auto(Copying) copying = {.common = call->common};
    struct moved moved;
    log_setup(LOG_LEVEL_NONE, false); /* what the fold logs, ingest has logged */
    if (!copying_begin(&copying, call->words, error) ||
        (copying.ledger &&
         (!take_all(&copying, error) || !check_ledger(&copying, error))))
        return CLI_UNREACHABLE;
    g_autoptr(Cargo) cargo = cargo_look(copying.from, copying.codec, error);
    if (!cargo || (!call->common->yes && !cargo_check(cargo, session_now(), error)))
        return CLI_UNREACHABLE;
    const struct move move = {cargo, copying.to, show_progress, tell_foreign};
    bool good = move_carry(&move, &moved, error) &&
                (!copying.ledger || eventlog_move(copying.ledger, copying.to, error));
    terminal_live(NULL);
    if (!good)
        return CLI_UNREACHABLE;
    print_copied(&copying, cargo, &moved);
    return CLI_DONE;
}

/* clang-format off */
const struct cli_row cli_bus_rows[] = {
    {"bus", "copy", "FROM TO", 2, "carry a log over to another bus, such as from one machine's file to Kafka", NULL, 0,
     bus_copy, .alone = true, .details = copy_details},
};
/* clang-format on */
const size_t cli_n_bus_rows = G_N_ELEMENTS(cli_bus_rows);
