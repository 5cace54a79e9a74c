/*
 * test_publish.c - what becomes of letters, whatever the bus says: on a bus that answers each
 * transaction as the test tells it.
 */
#include "publish.h"

#include "bus_ops.h"
#include "report.h"

#define ANSWERS_MOST 8
#define PATIENCE_US  (90 * G_USEC_PER_SEC)

static const struct author author = {
    .agent_id = "agent", .worker = "slot", .engine_id = "ENGINE"};

/* A bus that knows one thing: what to say to the next transaction. */
struct scripted_bus {
    struct bus_sender base;
    enum bus_sent answers[ANSWERS_MOST];
    guint asked;
    GString *texts; /* a line for each transaction: "alpha beta; commands 2" */
    gsize length;   /* of the values of the last one */
};

#define NOW (G_MAXINT64 - 1) /* later than any retry */

struct stage {
    struct scripted_bus bus;
    struct errands *errands;
    struct codec *codec;
    struct partition partition;
    struct assignment assignment;
    struct publisher *publisher;
    GString *told; /* which letters have been told that they went out */
    int64_t received;
    int64_t log_ms;
};

static enum bus_sent say(struct bus_sender *sender, const struct bus_batch *batch,
                         GError **error)
{
    struct scripted_bus *bus = (struct scripted_bus *)sender;
    bus->length = 0;
    for (guint i = 0; i < batch->messages->len; i++) {
        const struct bus_message *message = g_ptr_array_index(batch->messages, i);
        g_string_append_printf(bus->texts, "%s%s", i ? " " : "", message->key);
        bus->length += g_bytes_get_size(message->value);
    }
    const struct bus_position *commands = g_ptr_array_index(batch->positions, 0);
    g_string_append_printf(bus->texts, "; commands %" G_GINT64_FORMAT, commands->offset);
    if (batch->before_ms)
        g_string_append_printf(bus->texts, " before %" G_GINT64_FORMAT, batch->before_ms);
    g_string_append_c(bus->texts, '\n');
    g_assert_cmpuint(bus->asked, <, ANSWERS_MOST);
    const enum bus_sent answer = bus->answers[bus->asked++];
    if (answer != BUS_SENT)
        g_set_error(error, BUS_ERROR, BUS_ERROR_FATAL, "answer %u", bus->asked);
    return answer;
}

static const struct bus_ops scripted_ops = {.scheme = "scripted", .sender_commit = say};

static void wake(void *context)
{
}

static struct stage *stage_new(const enum bus_sent *answers, size_t number)
{
    struct stage *stage = g_new0(struct stage, 1);
    stage->bus.base.ops = &scripted_ops;
    stage->bus.texts = g_string_new(NULL);
    memcpy(stage->bus.answers, answers, number * sizeof(*answers));
    stage->told = g_string_new(NULL);
    stage->errands = errands_new(1, wake, NULL);
    stage->codec = codec_new();
    stage->partition.commands = offsets_new(0);
    stage->partition.control = offsets_new(0);
    stage->publisher = publisher_new(&(struct publisher_setup){
        .sender = &stage->bus.base,
        .codec = stage->codec,
        .errands = stage->errands,
        .agent_id = "agent",
    });
    publisher_assign(stage->publisher, &stage->assignment);
    return stage;
}

#define STAGE(...)                               \
 stage_new((const enum bus_sent[]){__VA_ARGS__}, \
           sizeof((const enum bus_sent[]){__VA_ARGS__}) / sizeof(enum bus_sent))

static void stage_free(struct stage *stage)
{
    publisher_free(stage->publisher);
    errands_free(stage->errands);
    codec_free(stage->codec);
    offsets_free(stage->partition.commands);
    offsets_free(stage->partition.control);
    g_string_free(stage->bus.texts, TRUE);
    g_string_free(stage->told, TRUE);
    g_free(stage);
}

typedef struct stage Stage;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Stage, stage_free)

static void letter_was_sent(void *owner)
{
    struct stage *stage = owner;
    g_string_append_c(stage->told, '+');
}

/* Answers the next command, one of the server `name`, with a sentence. */
static void answer(struct stage *stage, const char *name, const char *sentence)
{
    const int64_t offset = stage->received++;
    const char *note = NULL;
    struct letter *letter = letter_new(&stage->partition);
    offsets_receive(stage->partition.commands, offset, &note);
    letter_add_event(
        letter, report_ended(&author, name, NULL, OUTCOME_DONE, CODE_OK, sentence, 1000),
        NULL);
    letter_finishes(letter, false, offset);
    letter_then(letter, letter_was_sent, stage);
    publisher_add(stage->publisher, letter);
}

static void letter_has_lapsed(void *owner)
{
    struct stage *stage = owner;
    g_string_append_c(stage->told, '-');
}

/* Begins the next command, one of the server `name`, unless it is `expires_at` by then. */
static void begin(struct stage *stage, const char *name, int64_t expires_at)
{
    const int64_t offset = stage->received++;
    const char *note = NULL;
    struct letter *letter = letter_new(&stage->partition);
    offsets_receive(stage->partition.commands, offset, &note);
    letter_add_event(letter, report_accepted(&author, name, NULL, "r1", 1000), NULL);
    letter_begins(letter, false, offset, "r1");
    letter_then(letter, letter_was_sent, stage);
    letter_expires(letter, expires_at, letter_has_lapsed);
    publisher_add(stage->publisher, letter);
}

/* One transaction, if any is due: there and back. */
static void turn(struct stage *stage)
{
    const int64_t until = g_get_monotonic_time() + PATIENCE_US;
    publisher_advance(stage->publisher, NOW, stage->log_ms);
    while (publisher_is_busy(stage->publisher)) {
        g_assert_cmpint(g_get_monotonic_time(), <, until);
        errands_collect(stage->errands);
        g_usleep(1000);
    }
}

static void l4_only_what_is_committed_counts_as_sent(void)
{
    g_autoptr(Stage) stage = STAGE(BUS_RETRY, BUS_RETRY, BUS_SENT, BUS_SENT);
    answer(stage, "alpha", "");
    turn(stage);
    g_assert_cmpstr(stage->told->str, ==, "");
    g_assert_false(publisher_is_idle(stage->publisher));
    answer(stage, "beta", ""); /* it waits its turn */
    turn(stage);
    g_assert_cmpstr(stage->told->str, ==, "");
    turn(stage);
    g_assert_cmpstr(stage->told->str, ==, "+");
    turn(stage);
    g_assert_cmpstr(stage->told->str, ==, "++");
    g_assert_true(publisher_is_idle(stage->publisher));
    g_assert_null(publisher_error(stage->publisher));
    g_assert_cmpstr(stage->bus.texts->str, ==,
                    "alpha; commands 1\nalpha; commands 1\nalpha; commands 1\n"
                    "beta; commands 2\n");
}

static void tries_again_after_a_pause_that_grows(void)
{
    g_autoptr(Stage) stage = STAGE(BUS_RETRY, BUS_RETRY, BUS_SENT);
    const int64_t began = g_get_monotonic_time() / 1000;
    answer(stage, "alpha", "");
    turn(stage);
    const int64_t first = publisher_wakes_at(stage->publisher);
    g_assert_cmpint(first, >=, began + 100);
    publisher_advance(stage->publisher, first - 1, 0);
    g_assert_cmpuint(stage->bus.asked, ==, 1);
    turn(stage);
    g_assert_cmpint(publisher_wakes_at(stage->publisher), >=, first + 100);
}

static void letters_that_came_meanwhile_go_together(void)
{
    g_autoptr(Stage) stage = STAGE(BUS_SENT);
    answer(stage, "alpha", "");
    answer(stage, "beta", "");
    turn(stage);
    g_assert_cmpstr(stage->told->str, ==, "++");
    g_assert_cmpstr(stage->bus.texts->str, ==, "alpha beta; commands 2\n");
}

static void l10_nothing_goes_out_for_an_assignment_that_is_over(void)
{
    g_autoptr(Stage) stage = STAGE(BUS_RETRY);
    answer(stage, "alpha", "");
    turn(stage);
    publisher_assign(stage->publisher, NULL);
    answer(stage, "beta", "");
    turn(stage);
    g_assert_cmpstr(stage->told->str, ==, "");
    g_assert_true(publisher_is_idle(stage->publisher));
    g_assert_cmpuint(stage->bus.asked, ==, 1);
}

static void l10_stale_ends_it_without_a_word(void)
{
    g_autoptr(Stage) stage = STAGE(BUS_STALE);
    answer(stage, "alpha", "");
    turn(stage);
    answer(stage, "beta", "");
    turn(stage);
    g_assert_cmpstr(stage->told->str, ==, "");
    g_assert_cmpuint(stage->bus.asked, ==, 1);
    g_assert_cmpint(publisher_stale_ms(stage->publisher, G_MAXINT64), >, 0);
    g_assert_null(publisher_error(stage->publisher));
}

/* The notice that it waited for has come, and an assignment after it. */
static void l29_stale_is_over_with_the_next_assignment(void)
{
    g_autoptr(Stage) stage = STAGE(BUS_STALE, BUS_SENT);
    answer(stage, "alpha", "");
    turn(stage);
    publisher_assign(stage->publisher, NULL);
    g_assert_cmpint(publisher_stale_ms(stage->publisher, G_MAXINT64), ==, 0);
    publisher_assign(stage->publisher, &stage->assignment);
    answer(stage, "beta", "");
    turn(stage);
    g_assert_cmpstr(stage->told->str, ==, "+");
    g_assert_cmpint(publisher_stale_ms(stage->publisher, G_MAXINT64), ==, 0);
    g_assert_null(publisher_error(stage->publisher));
}

/* Retried or not: since it first set out. */
static void a_batch_that_is_not_taken_is_told(void)
{
    g_autoptr(Stage) stage = STAGE(BUS_RETRY, BUS_SENT);
    g_assert_cmpint(publisher_trying_ms(stage->publisher, G_MAXINT64), ==, 0);
    answer(stage, "alpha", "");
    turn(stage);
    g_assert_cmpint(publisher_trying_ms(stage->publisher, G_MAXINT64), >, 0);
    turn(stage);
    g_assert_cmpint(publisher_trying_ms(stage->publisher, G_MAXINT64), ==, 0);
}

static void l3_too_large_is_cut_once(void)
{
    g_autoptr(Stage) stage = STAGE(BUS_REFUSED, BUS_SENT);
    g_autofree char *sentence = g_strnfill(2000, 'x');
    answer(stage, "alpha", sentence);
    turn(stage);
    const gsize whole = stage->bus.length;
    turn(stage);
    g_assert_cmpuint(stage->bus.length, <, whole);
    g_assert_cmpstr(stage->told->str, ==, "+");
    g_assert_null(publisher_error(stage->publisher));
}

static void l4_what_cannot_go_out_ends_the_process(void)
{
    static const enum bus_sent answers[][2] = {{BUS_REFUSED, BUS_REFUSED}, {BUS_DEAD}};
    for (size_t i = 0; i < G_N_ELEMENTS(answers); i++) {
        g_autoptr(Stage) stage = stage_new(answers[i], 2);
        answer(stage, "alpha", "");
        turn(stage);
        turn(stage);
        g_assert_cmpstr(stage->told->str, ==, "");
        g_assert_nonnull(publisher_error(stage->publisher));
        publisher_assign(stage->publisher, NULL);
    }
}

static void l18_what_has_expired_is_left_out_of_the_next_try(void)
{
    g_autoptr(Stage) stage = STAGE(BUS_RETRY, BUS_RETRY, BUS_SENT);
    begin(stage, "alpha", 2000);
    begin(stage, "beta", 3000);
    answer(stage, "gamma", "");
    turn(stage);
    stage->log_ms = 1999;
    turn(stage);
    stage->log_ms = 2000;
    turn(stage);
    g_assert_cmpstr(stage->told->str, ==, "-++");
    g_assert_cmpstr(stage->bus.texts->str, ==,
                    "alpha beta gamma; commands 0 before 2000\n"
                    "alpha beta gamma; commands 0 before 2000\n"
                    "beta gamma; commands 0 before 3000\n");
}

/* The clock here is behind: what the bus says counts. */
static void l18_what_the_bus_calls_late_is_left_out(void)
{
    g_autoptr(Stage) stage = STAGE(BUS_LATE, BUS_LATE, BUS_SENT);
    begin(stage, "alpha", 2000);
    begin(stage, "beta", 1000);
    answer(stage, "gamma", "");
    turn(stage);
    g_assert_cmpstr(stage->told->str, ==, "");
    turn(stage);
    g_assert_cmpstr(stage->told->str, ==, "-");
    turn(stage);
    g_assert_cmpstr(stage->told->str, ==, "--+");
    g_assert_cmpstr(stage->bus.texts->str, ==,
                    "alpha beta gamma; commands 0 before 1000\n"
                    "alpha gamma; commands 0 before 2000\n"
                    "gamma; commands 0\n");
}

/* As if it had never been handed over: neither in the offsets, nor in the way. */
static void l18_a_batch_of_which_nothing_is_left_is_none(void)
{
    g_autoptr(Stage) stage = STAGE(BUS_RETRY, BUS_SENT);
    begin(stage, "alpha", 1000);
    g_autofree char *before = offsets_metadata(stage->partition.commands);
    turn(stage);
    g_autofree char *begun = offsets_metadata(stage->partition.commands);
    g_assert_cmpstr(begun, !=, before);
    stage->log_ms = 1000;
    turn(stage);
    g_autofree char *after = offsets_metadata(stage->partition.commands);
    g_assert_cmpstr(after, ==, before);
    g_assert_cmpstr(stage->told->str, ==, "-");
    g_assert_true(publisher_is_idle(stage->publisher));
    begin(stage, "beta", 1000);
    turn(stage);
    g_assert_cmpstr(stage->told->str, ==, "--");
    answer(stage, "gamma", "");
    turn(stage);
    g_assert_cmpstr(stage->told->str, ==, "--+");
    g_assert_cmpuint(stage->bus.asked, ==, 2);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/publish/l4_only_what_is_committed_counts_as_sent",
                    l4_only_what_is_committed_counts_as_sent);
    g_test_add_func("/publish/tries_again_after_a_pause_that_grows",
                    tries_again_after_a_pause_that_grows);
    g_test_add_func("/publish/letters_that_came_meanwhile_go_together",
                    letters_that_came_meanwhile_go_together);
    g_test_add_func("/publish/l10_nothing_goes_out_for_an_assignment_that_is_over",
                    l10_nothing_goes_out_for_an_assignment_that_is_over);
    g_test_add_func("/publish/l10_stale_ends_it_without_a_word",
                    l10_stale_ends_it_without_a_word);
    g_test_add_func("/publish/l29_stale_is_over_with_the_next_assignment",
                    l29_stale_is_over_with_the_next_assignment);
    g_test_add_func("/publish/a_batch_that_is_not_taken_is_told",
                    a_batch_that_is_not_taken_is_told);
    g_test_add_func("/publish/l3_too_large_is_cut_once", l3_too_large_is_cut_once);
    g_test_add_func("/publish/l4_what_cannot_go_out_ends_the_process",
                    l4_what_cannot_go_out_ends_the_process);
    g_test_add_func("/publish/l18_what_has_expired_is_left_out_of_the_next_try",
                    l18_what_has_expired_is_left_out_of_the_next_try);
    g_test_add_func("/publish/l18_what_the_bus_calls_late_is_left_out",
                    l18_what_the_bus_calls_late_is_left_out);
    g_test_add_func("/publish/l18_a_batch_of_which_nothing_is_left_is_none",
                    l18_a_batch_of_which_nothing_is_left_is_none);
    return g_test_run();
}
