/*
 * test_answered.c - what a log says of commands, whoever has written it.
 *
 * A log is a text, a record a line: "TIME OUTCOME COMMAND NOTE" of our agent ("-" for what is
 * not there; a command "@7": of the record 7 of the commands topic), or "TIME newer KEY", "TIME
 * garbage", "TIME none", "TIME other COMMAND" (of another agent).
 */
#include "answered.h"

#include "bus_ops.h"
#include "offsets.h"
#include "report.h"

#include <string.h>

#define AGENT    "alpha"
#define COMMANDS "muster.commands.alpha"
#define OLDEST   INT64_C(1000000)

/* --- A bus that has one log ----------------------------------------------------------- */

struct log_bus {
    struct bus bus;
    struct codec *codec;
    char **lines;
    int64_t read_from; /* the time that was asked for */
};

struct log_reader {
    struct bus_reader reader;
    struct log_bus *log;
    int64_t next;
};

static bool partitions_of(struct bus *bus, const char *topic, int timeout_ms,
                          int32_t *ret_partitions, GError **error)
{
    *ret_partitions = 8;
    return g_str_equal(topic, TOPIC_EVENTS);
}

static bool range_of(struct bus *bus, const char *topic, int32_t partition,
                     int timeout_ms, int64_t *ret_first, int64_t *ret_end, GError **error)
{
    *ret_first = 0;
    *ret_end = g_strv_length(((struct log_bus *)bus)->lines);
    return partition == partition_of(AGENT, 8);
}

static bool offset_at(struct bus *bus, const char *topic, int32_t partition, int64_t ms,
                      int timeout_ms, int64_t *ret_offset, GError **error)
{
    ((struct log_bus *)bus)->read_from = ms;
    *ret_offset = 0;
    return true;
}

static struct bus_reader *open_reader(struct bus *bus, const GPtrArray *positions,
                                      GError **error)
{
    struct log_reader *reader = g_new0(struct log_reader, 1);
    reader->reader.ops = bus->ops;
    reader->log = (struct log_bus *)bus;
    return &reader->reader;
}

static void close_reader(struct bus_reader *reader)
{
    g_free(reader);
}

static bool has_passed(struct bus_reader *reader, const char *topic, int32_t partition,
                       int64_t end)
{
    return ((struct log_reader *)reader)->next >= end;
}

static enum outcome outcome_of(const char *name)
{
    for (int i = 0; i < OUTCOME_COUNT; i++)
        if (g_str_equal(outcome_name(i), name))
            return i;
    g_error("there is no outcome %s", name);
}

static GBytes *event_bytes(struct codec *codec, char **words, const char *agent)
{
    const struct author author = {.agent_id = agent, .worker = "w", .engine_id = ""};
    const enum outcome outcome = outcome_of(words[1]);
    char *id = words[2];
    const bool by_place = *id == '@';
    const struct cause cause = {
        .command_id = by_place ? (char *)"" : id,
        .action = (char *)"start",
        .actor = (char *)"",
        .topic = (char *)COMMANDS,
        .partition = 3,
        .offset = by_place ? g_ascii_strtoll(id + 1, NULL, 10) : 2,
    };
    g_autoptr(Event) event = outcome == OUTCOME_ACCEPTED
                                 ? report_accepted(&author, "s", &cause, words[3], 0)
                                 : report_ended(&author, "s", &cause, outcome, "", "", 0);
    return codec_encode_event(codec, event);
}

/* NULL: a tombstone. */
static GBytes *value_of(struct codec *codec, char **words)
{
    static const char newer[] = "\xc3\x01\x01\x02\x03\x04\x05\x06\x07\x08 more";
    if (g_str_equal(words[1], "newer"))
        return g_bytes_new_static(newer, sizeof newer - 1);
    if (g_str_equal(words[1], "garbage"))
        return g_bytes_new_static("garbage", 7);
    if (g_str_equal(words[1], "none"))
        return NULL;
    if (!g_str_equal(words[1], "other"))
        return event_bytes(codec, words, AGENT);
    char *done[] = {words[0], (char *)"done", words[2], NULL};
    return event_bytes(codec, done, "beta");
}

static bool next_record(struct bus_reader *reader, int timeout_ms,
                        struct bus_record **ret_record, GError **error)
{
    struct log_reader *at = (struct log_reader *)reader;
    g_auto(GStrv) words = g_strsplit(at->log->lines[at->next], " ", 4);
    struct bus_record *record = g_new0(struct bus_record, 1);
    record->topic = g_strdup(TOPIC_EVENTS);
    record->offset = at->next++;
    record->append_ms = g_ascii_strtoll(words[0], NULL, 10);
    if (g_str_equal(words[1], "newer"))
        record->key = g_strdup(words[2]);
    record->value = value_of(at->log->codec, words);
    *ret_record = record;
    return true;
}

static const struct bus_ops log_ops = {
    .topic_partitions = partitions_of,
    .topic_range = range_of,
    .topic_offset_at = offset_at,
    .reader_open = open_reader,
    .reader_close = close_reader,
    .reader_next = next_record,
    .reader_passed = has_passed,
};

static struct answered *read_log(const char *log, int64_t *ret_from)
{
    static const int never = 0;
    g_autoptr(Codec) codec = codec_new();
    g_auto(GStrv) lines = g_strsplit(log, "\n", -1);
    struct log_bus bus = {.bus = {&log_ops}, .codec = codec, .lines = lines};
    const struct answered_setup setup = {&bus.bus, codec, AGENT, COMMANDS, 3, &never};
    g_autoptr(GError) error = NULL;
    struct answered *answered = answered_read(&setup, OLDEST, &error);
    g_assert_no_error(error);
    if (ret_from)
        *ret_from = bus.read_from;
    return answered;
}

/* --- The tables ------------------------------------------------------------------------- */

static void what_is_known_of_a_command(void)
{
    static const struct {
        const char *log;
        int64_t append_ms; /* of the command "c" */
        enum known known;
    } rows[] = {
        {"", 1000100, KNOWN_NOTHING},
        {"1000200 done d", 1000100, KNOWN_NOTHING},
        {"1000200 accepted c a", 1000100, KNOWN_BEGUN},
        {"1000200 progress c", 1000100, KNOWN_BEGUN},
        {"1000200 done c", 1000100, KNOWN_ANSWERED},
        {"1000200 failed c", 1000100, KNOWN_ANSWERED},
        {"1000200 expired c", 1000100, KNOWN_ANSWERED},
        {"1000200 cancelled c", 1000100, KNOWN_ANSWERED},
        {"1000200 rejected c", 1000100, KNOWN_ANSWERED},
        {"1000200 accepted c a\n1000300 done c", 1000100, KNOWN_ANSWERED},
        {"1000200 done c\n1000300 accepted c a", 1000100, KNOWN_ANSWERED},
        {"900000 done c", 1000100, KNOWN_ANSWERED}, /* an id is one command for ever */
        /* What another agent says, and what nobody of ours has written, answers nothing. */
        {"1000200 other c", 1000100, KNOWN_NOTHING},
        {"1000200 garbage\n1000201 none", 1000100, KNOWN_NOTHING},
        /* One that a newer worker wrote may be the answer to whatever is older of its server. */
        {"1000200 newer s", 1000100, KNOWN_UNREADABLE},
        {"1000200 newer s", 1000200, KNOWN_UNREADABLE},
        {"1000200 newer s", 1000201, KNOWN_NOTHING},
        {"1000200 newer s\n1000100 newer s", 1000150, KNOWN_UNREADABLE},
        {"1000200 newer s\n1000300 accepted c a", 1000100, KNOWN_UNREADABLE},
        {"1000200 newer s\n1000300 done c", 1000100, KNOWN_ANSWERED},
        /* What bears another's key is no answer to it, nor what bears none. */
        {"1000200 newer t", 1000100, KNOWN_NOTHING},
        {"1000200 newer alpha/3", 1000100, KNOWN_NOTHING},
        {"1000200 newer", 1000100, KNOWN_NOTHING},
        {"1000200 newer\n1000300 accepted c a", 1000100, KNOWN_BEGUN},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(Answered) answered = read_log(rows[i].log, NULL);
        const enum known known = answered_command(answered, "c", "s", rows[i].append_ms);
        if (known != rows[i].known)
            g_error("row %zu, \"%s\": %d, not %d", i, rows[i].log, known, rows[i].known);
    }
    g_assert_cmpint(answered_command(NULL, "c", "s", 0), ==, KNOWN_NOTHING);
}

/* Whoever may write events can put anything into a note; what is given back is taken by
 * offsets_begin(), which asserts that it is short and printable. */
static void a_note_is_one_that_offsets_take(void)
{
    static const struct {
        const char *note, *given;
    } rows[] = {
        {"a", "?a"},
        {"r1f2e3d4c", "?r1f2e3d4c"},
        {"", "?"},
        {"0123456789012345678901234567890", "?0123456789012345678901234567890"},
        {"01234567890123456789012345678901", ""}, /* no room for the "?" */
        {"r\t1", ""},
        {"r\x01", ""},
        {"r\x7f", ""},
        {"r\u00e9", ""},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *log = g_strconcat("1000200 accepted c ", rows[i].note, NULL);
        g_autoptr(Answered) answered = read_log(log, NULL);
        g_autofree char *note = answered_note(answered, "c");
        g_autoptr(Offsets) offsets = offsets_new(0);
        const char *none;
        g_assert_cmpint(offsets_receive(offsets, 7, &none), ==, OFFSETS_FRESH);
        g_assert_true(offsets_reserve(offsets, 7));
        offsets_begin(offsets, 7, note);
        g_assert_cmpstr(note, ==, rows[i].given);
    }
}

static void a_note_is_of_its_command_alone(void)
{
    g_autoptr(Answered)
        answered = read_log("1000200 accepted d r12\n1000300 progress c", NULL);
    g_autofree char *note = answered_note(answered, "c");

    g_assert_cmpstr(note, ==, "");
}

/* An offset is a name within one life of its topic. */
static void what_bears_no_id_is_known_by_its_place(void)
{
    g_autoptr(Answered)
        answered = read_log("999999 rejected @5\n1000000 rejected @7", NULL);

    g_assert_cmpint(answered_place(answered, COMMANDS, 3, 7, 1000000), ==,
                    KNOWN_ANSWERED);
    g_assert_cmpint(answered_place(answered, COMMANDS, 3, 5, 1000000), ==, KNOWN_NOTHING);
    g_assert_cmpint(answered_place(answered, COMMANDS, 2, 7, 1000000), ==, KNOWN_NOTHING);
    g_assert_cmpint(answered_place(answered, "muster.control.alpha", 3, 7, 1000000), ==,
                    KNOWN_NOTHING);
    g_assert_cmpint(answered_received(answered), ==, 8);
    g_assert_cmpint(answered_place(NULL, COMMANDS, 3, 7, 0), ==, KNOWN_NOTHING);
}

/* Metadata may say of any record that it had begun. */
static void t4_accepted_is_one_command_at_one_place(void)
{
    g_autoptr(Answered) answered = read_log(
        "1000100 accepted c a\n1000200 progress d\n1000300 other e\n1000400 done f",
        NULL);

    g_assert_true(answered_accepted(answered, "c", COMMANDS, 3, 2));
    g_assert_false(answered_accepted(answered, "c", COMMANDS, 3, 3));
    g_assert_false(answered_accepted(answered, "c", COMMANDS, 2, 2));
    g_assert_false(answered_accepted(answered, "c", "muster.control.alpha", 3, 2));
    for (const char *id = "defg"; *id; id++) {
        const char name[] = {*id, '\0'};
        g_assert_false(answered_accepted(answered, name, COMMANDS, 3, 2));
    }
    g_assert_false(answered_accepted(answered, "", COMMANDS, 3, 2));
    g_assert_false(answered_accepted(NULL, "c", COMMANDS, 3, 2));
}

/* A command to all servers, what bears no id, and a leftover whose server nobody knows. */
static void what_is_of_no_server_is_hidden_by_its_agents_key(void)
{
    static const struct {
        const char *key, *server_id;
        enum known command, place;
    } rows[] = {
        {"alpha/3", NULL, KNOWN_UNREADABLE, KNOWN_UNREADABLE},
        {"alpha/3", "", KNOWN_UNREADABLE, KNOWN_UNREADABLE},
        {"s", NULL, KNOWN_NOTHING, KNOWN_NOTHING},
        {"s", "", KNOWN_UNREADABLE, KNOWN_NOTHING},
        {"alphabet/3", NULL, KNOWN_NOTHING, KNOWN_NOTHING},
        {"alpha", NULL, KNOWN_NOTHING, KNOWN_NOTHING},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *log = g_strconcat("1000200 newer ", rows[i].key, NULL);
        g_autoptr(Answered) answered = read_log(log, NULL);
        g_assert_cmpint(answered_command(answered, "c", rows[i].server_id, 1000100), ==,
                        rows[i].command);
        g_assert_cmpint(answered_place(answered, COMMANDS, 3, 7, 1000100), ==,
                        rows[i].place);
    }
}

static void is_counted_and_read_from_early_enough(void)
{
    int64_t from = 0;
    g_autoptr(Answered)
        answered = read_log("1000100 accepted c a\n1000200 done c\n"
                            "1000201 done c\n1000300 done d\n1000400 newer",
                            &from);

    g_assert_cmpuint(answered_count(answered), ==, 2);
    g_assert_cmpuint(answered_unreadable(answered), ==, 1);
    g_assert_cmpint(answered_from(answered), ==, OLDEST);
    g_assert_cmpint(from, ==, OLDEST - 600000);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/answered/l9_l16_l32_what_is_known_of_a_command",
                    what_is_known_of_a_command);
    g_test_add_func("/answered/a_note_is_one_that_offsets_take",
                    a_note_is_one_that_offsets_take);
    g_test_add_func("/answered/a_note_is_of_its_command_alone",
                    a_note_is_of_its_command_alone);
    g_test_add_func("/answered/what_bears_no_id_is_known_by_its_place",
                    what_bears_no_id_is_known_by_its_place);
    g_test_add_func("/answered/t4_accepted_is_one_command_at_one_place",
                    t4_accepted_is_one_command_at_one_place);
    g_test_add_func("/answered/l32_what_is_of_no_server_is_hidden_by_its_agents_key",
                    what_is_of_no_server_is_hidden_by_its_agents_key);
    g_test_add_func("/answered/is_counted_and_read_from_early_enough",
                    is_counted_and_read_from_early_enough);
    return g_test_run();
}
