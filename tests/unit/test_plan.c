/*
 * test_plan.c - the table of all actions, as lines: tests/cases/plan/.
 *
 *     start | absent → pull directories networks create connect start settle | recovered
 */
#include "plan.h"

#include "cases.h"
#include "seen.h"

#define ARROW " → "

/* Which actions have been asked about which statuses, of our own containers. */
static bool covered[ACTION_COUNT][CONTAINER_STATUS_COUNT];

static char *steps_text(const enum step *steps, size_t n)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (size_t i = 0; i < n; i++)
        g_ptr_array_add(names, (char *)step_name(steps[i]));
    g_ptr_array_add(names, NULL);
    return g_strjoinv(" ", (char **)names->pdata);
}

/* The plan in the words of a case. */
static char *described(const struct plan *plan)
{
    g_autofree char *text = plan_text(plan);
    g_autofree char *undo = steps_text(plan->undo, plan->n_undo);
    GString *all = g_string_new(text);
    if (plan->n_undo > 0)
        g_string_append_printf(all, " | undo %s", undo);
    if (plan->recovered)
        g_string_append(all, " | recovered");
    if (plan->point_of_no_return < plan->n_steps)
        g_string_append_printf(all, " | until %s",
                               step_name(plan->steps[plan->point_of_no_return]));
    return g_string_free(all, FALSE);
}

/* "begun at 5": it ran, started at 5; "begun a": as it stands. */
static char *note_of(const char *begun)
{
    if (!g_str_has_prefix(begun, "at "))
        return g_strdup(begun);
    g_autofree char *words = g_strconcat("running ", begun, NULL);
    g_autoptr(Container) then = seen_new(words);
    return plan_note(then);
}

static void check(const char *line, const char *asked, const char *what,
                  const char *wanted)
{
    g_auto(GStrv) words = g_strsplit(asked, " ", 2);
    g_auto(GStrv) parts = g_strsplit(what, " begun ", 2);
    g_autoptr(Command) command = seen_command(words[0]);
    g_autoptr(Container) seen = seen_new(parts[0]);
    g_autofree char *note = parts[1] ? note_of(parts[1]) : NULL;
    struct plan plan;

    command->options->start = g_strcmp0(words[1], "start") == 0;
    plan_make(command, seen, g_strcmp0(words[1], "aside") == 0, note, &plan);
    g_autofree char *got = described(&plan);
    if (!g_str_equal(got, wanted))
        g_error("%s\n  %s gives: %s", line, what, got);
    if (plan.planned != PLANNED_STEPS || plan.n_steps > 0)
        g_assert_cmpstr(plan.sentence, !=, NULL); /* a person is told something */
    if (*seen->server_id || seen->status == CONTAINER_ABSENT)
        covered[action_from_name(words[0])][seen->status] = true;
}

static void check_line(const char *line)
{
    const char *arrow = strstr(line, ARROW);
    const char *bar = strstr(line, " | ");
    g_assert_true(arrow && bar && bar < arrow);
    g_autofree char *asked = g_strndup(line, (gsize)(bar - line));
    g_autofree char *whats = g_strndup(bar + 3, (gsize)(arrow - bar - 3));
    g_auto(GStrv) what = g_strsplit(whats, ", ", -1);
    for (char **next = what; *next; next++)
        check(line, asked, *next, arrow + strlen(ARROW));
}

static void check_file(const void *name)
{
    g_autofree char *path = g_build_filename(TEST_CASES, "plan", name, NULL);
    g_autofree char *text = NULL;
    unsigned checked = 0;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line; line++) {
        if (**line == '\0' || **line == '#')
            continue;
        check_line(*line);
        checked++;
    }
    g_assert_cmpuint(checked, >, 20);
}

static void every_action_is_asked_about_every_status(void)
{
    for (int action = ACTION_CREATE; action <= ACTION_PURGE; action++) {
        for (int status = CONTAINER_ABSENT; status < CONTAINER_STATUS_COUNT; status++) {
            if (!covered[action][status])
                g_error("no line tells what %s does with one that is %s",
                        action_name(action), container_status_name(status));
        }
    }
}

static void s13_a_note_is_short_and_tells_a_start_from_another(void)
{
    g_autoptr(Container) absent = container_new();
    g_autoptr(Container) ran = seen_new("running at 2026-11-22T22:02:52.473699331Z");
    g_autoptr(Container) again = seen_new("running at 2026-11-22T22:02:52.473699332Z");
    g_autoptr(Container) stood = seen_new("exited at 2026-11-22T22:02:52.473699331Z");
    g_autofree char *note = plan_note(ran), *other = plan_note(again);
    g_autofree char *stopped = plan_note(stood), *none = plan_note(absent);

    g_assert_cmpuint(strlen(note), <, 12);
    g_assert_cmpstr(note, !=, other);
    g_assert_cmpstr(note, !=, stopped);
    g_assert_cmpstr(none, !=, "");
}

static void a_leftover_is_settled_alone(void)
{
    struct plan plan;

    plan_tidy(&plan);
    g_autofree char *text = plan_text(&plan);
    g_assert_cmpstr(text, ==, "tidy");
    g_assert_cmpuint(plan.n_undo, ==, 0);
}

int main(int argc, char **argv)
{
    static const char *const files[] = {"make.txt", "change.txt"};

    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *name = g_strconcat("/plan/", files[i], NULL);
        g_test_add_data_func(name, files[i], check_file);
    }
    g_test_add_func("/plan/every_action_is_asked_about_every_status",
                    every_action_is_asked_about_every_status);
    g_test_add_func("/plan/s13_a_note_is_short_and_tells_a_start_from_another",
                    s13_a_note_is_short_and_tells_a_start_from_another);
    g_test_add_func("/plan/a_leftover_is_settled_alone", a_leftover_is_settled_alone);
    return g_test_run();
}
