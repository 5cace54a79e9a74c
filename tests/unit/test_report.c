/*
 * test_report.c - what a worker writes into the log.
 */
#include "report.h"

#include "seen.h"

static const struct author author = {
    .agent_id = "agent-1", .worker = "slot-1", .engine_id = "ENGINE"};

static struct cause *cause_of(const char *action)
{
    g_autoptr(Command) command = seen_command(action);
    seen_set(&command->actor, "somebody");
    return cause_new(command, "muster.commands.agent-1", 3, 77);
}

static void assert_written_by_us(const struct event *event)
{
    g_assert_cmpstr(event->agent_id, ==, "agent-1");
    g_assert_cmpstr(event->worker, ==, "slot-1");
    g_assert_cmpstr(event->engine_id, ==, "ENGINE");
    g_assert_cmpint(event->at, ==, 5000);
    g_assert_cmpuint(strlen(event->event_id), ==, 36);
}

static void results_name_their_command(void)
{
    struct cause *cause = cause_of("create");
    g_autoptr(Event) accepted = report_accepted(&author, "s", cause, "r1", 5000);
    g_autoptr(Event)
        progress = report_progress(&author, "s", cause, CODE_OK, "pull: half", 5000);
    g_autoptr(Event) ended = report_ended(&author, "s", cause, OUTCOME_EXPIRED,
                                          CODE_EXPIRED, "too late", 5000);
    cause_free(cause); /* the events have their own */

    const struct event *events[] = {accepted, progress, ended};
    for (size_t i = 0; i < G_N_ELEMENTS(events); i++) {
        assert_written_by_us(events[i]);
        g_assert_cmpstr(events[i]->server_id, ==, "s");
        g_assert_cmpstr(events[i]->cause->command_id, ==, SEEN_COMMAND);
        g_assert_cmpstr(events[i]->cause->actor, ==, "somebody");
        g_assert_cmpint(events[i]->cause->partition, ==, 3);
        g_assert_cmpint(events[i]->cause->offset, ==, 77);
        g_assert_true(events[i]->result && !events[i]->state && !events[i]->sync);
    }
    g_assert_cmpint(accepted->result->outcome, ==, OUTCOME_ACCEPTED);
    g_assert_cmpint(progress->result->outcome, ==, OUTCOME_PROGRESS);
    g_assert_cmpstr(progress->result->message, ==, "pull: half");
    g_assert_cmpstr(ended->result->code, ==, CODE_EXPIRED);
    g_assert_cmpstr(accepted->event_id, !=, ended->event_id);
}

static void l3_what_could_not_be_decoded_is_named_by_its_place(void)
{
    struct cause *cause = cause_new(NULL, "muster.commands.agent-1", 3, 77);
    g_autoptr(Event) event = report_ended(&author, NULL, cause, OUTCOME_REJECTED,
                                          CODE_MALFORMED, "no command", 5000);
    cause_free(cause);
    g_assert_null(event->server_id);
    g_assert_cmpstr(event->cause->command_id, ==, "");
    g_assert_cmpint(event->cause->offset, ==, 77);
}

static void states_and_syncs_have_a_body_of_their_own(void)
{
    g_autoptr(Event) state = report_state(&author, "s", state_new(), 5000);
    g_autoptr(Event) sync = report_sync(&author, NULL, sync_new(), 5000);
    assert_written_by_us(state);
    assert_written_by_us(sync);
    g_assert_true(state->state && !state->cause && !state->result);
    g_assert_true(sync->sync && !sync->server_id && !sync->cause);
}

static void a_sentence_has_an_end(void)
{
    g_autofree char *endless = g_strnfill(100000, 'x');
    g_autoptr(Event) event = report_ended(&author, "s", NULL, OUTCOME_FAILED,
                                          CODE_INVALID, endless, 5000);
    g_assert_cmpuint(strlen(event->result->message), ==, 2000);
}

static void what_is_no_text_becomes_text(void)
{
    g_autoptr(Event) event = report_ended(&author, "s", NULL, OUTCOME_FAILED,
                                          CODE_INVALID, "bad \xff byte", 5000);
    g_autoptr(Event)
        none = report_ended(&author, "s", NULL, OUTCOME_FAILED, CODE_INVALID, NULL, 5000);
    g_assert_true(g_utf8_validate(event->result->message, -1, NULL));
    g_assert_nonnull(strstr(event->result->message, "byte"));
    g_assert_cmpstr(none->result->message, ==, "");
}

static void t9_a_dead_letter_holds_the_sum_and_no_byte(void)
{
    g_autofree char *bytes = g_strnfill(200000, 'x');
    g_autoptr(GBytes) value = g_bytes_new(bytes, 200000);
    g_autofree char *sum = g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, value);
    g_autoptr(Deadletter) letter = report_deadletter(&author, "t", 1, 9, CODE_MALFORMED,
                                                     "garbage", value, 5000);
    g_assert_cmpuint(g_bytes_get_size(letter->bytes), ==, 0);
    g_assert_cmpint(letter->length, ==, 200000);
    g_assert_cmpstr(letter->sha256, ==, sum);
    g_assert_cmpstr(letter->topic, ==, "t");
    g_assert_cmpint(letter->partition, ==, 1);
    g_assert_cmpint(letter->offset, ==, 9);
    g_assert_cmpstr(letter->message, ==, "garbage");
}

static void l3_an_event_that_grew_too_large_still_tells_the_outcome(void)
{
    g_autofree char *text = g_strnfill(1999, 'x');
    g_autoptr(Event) event = report_ended(&author, "s", NULL, OUTCOME_FAILED,
                                          CODE_PULL_FAILED, text, 5000);
    event->result->state = state_new();
    for (int i = 0; i < 1000; i++)
        g_ptr_array_add(event->result->steps, step_report_new("pull", "done", i));
    report_cut(event);

    g_assert_cmpuint(strlen(event->result->message), ==, 400);
    g_assert_cmpuint(event->result->steps->len, ==, 32);
    g_assert_null(event->result->state);
    g_assert_cmpint(event->result->outcome, ==, OUTCOME_FAILED);
    g_assert_cmpstr(event->result->code, ==, CODE_PULL_FAILED);
}

static void what_is_no_result_is_not_cut(void)
{
    g_autoptr(Event) event = report_state(&author, "s", state_new(), 5000);
    report_cut(event);
    g_assert_nonnull(event->state);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define TEST(function) g_test_add_func("/report/" #function, function)
    TEST(results_name_their_command);
    TEST(l3_what_could_not_be_decoded_is_named_by_its_place);
    TEST(states_and_syncs_have_a_body_of_their_own);
    TEST(a_sentence_has_an_end);
    TEST(what_is_no_text_becomes_text);
    TEST(t9_a_dead_letter_holds_the_sum_and_no_byte);
    TEST(l3_an_event_that_grew_too_large_still_tells_the_outcome);
    TEST(what_is_no_result_is_not_cut);
#undef TEST
    return g_test_run();
}
