/*
 * test_pace.c - what the log hears of loops and pulls, however long they last.
 *
 * Hours are played with a clock that is an argument.
 */
#include "pace.h"

#include <glib.h>

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)
#define WALL   INT64_C(1700000000000) /* of host time 0 */

/* --- A worker and its container, in short ------------------------------------------- */

struct play {
    struct pace pace;
    int64_t now;
    struct state *is;   /* the container */
    struct state *told; /* the log */
    unsigned events;
    int64_t look_at;
};

static struct state *running(const char *id)
{
    struct state *state = state_new();
    state->status = CONTAINER_RUNNING;
    state->container_id = g_strdup(id);
    state->started_at = WALL;
    return state;
}

static void play_begin(struct play *play)
{
    *play = (struct play){.pace = {.stable_ms = PACE_STABLE_MS},
                          .now = HOUR,
                          .is = running("c1"),
                          .told = running("c1"),
                          .look_at = INT64_MAX};
    play->is->started_at = play->told->started_at = WALL + HOUR;
}

static void play_end(struct play *play)
{
    pace_clear(&play->pace);
    state_free(play->is);
    state_free(play->told);
}
typedef struct play Play;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Play, play_end)

/* A look; whether it went into the log. */
static bool look(struct play *play)
{
    const unsigned before = play->events;
    int64_t wall = WALL + play->now;
    pace_saw(&play->pace, play->is, play->now, wall);
    enum pace_answer answer;
    while ((answer = pace_ask(&play->pace, play->told, play->now, wall,
                              &play->look_at)) == PACE_TELL) {
        state_free(play->told);
        play->told = state_dup(play->is);
        pace_told(&play->pace, play->now);
        play->events++;
        g_assert_cmpuint(play->events, <=,
                         before + 1); /* one look is one event at most */
    }
    if (answer == PACE_NOTHING)
        play->look_at = INT64_MAX;
    return play->events > before;
}

/* Time goes on; what is due is looked at. */
static void wait_ms(struct play *play, int64_t ms)
{
    const int64_t end = play->now + ms;
    while (play->look_at <= end) {
        g_assert_cmpint(play->look_at, >=, play->now);
        play->now = MAX(play->look_at, play->now);
        look(play);
        g_assert_cmpint(play->look_at, >, play->now); /* no busy loop */
    }
    play->now = end;
}

static void restart(struct play *play)
{
    play->is->restart_count++;
    play->is->started_at = WALL + play->now;
}

static bool told(const struct play *play, const char *word)
{
    return g_ptr_array_find_with_equal_func(play->told->remarks, word, g_str_equal, NULL);
}

/* Ends and comes back, `period` apart, seen twice each time. */
static void loop(struct play *play, int64_t period, int64_t for_ms)
{
    for (const int64_t end = play->now + for_ms; play->now < end;) {
        wait_ms(play, period * 3 / 4);
        play->is->status = CONTAINER_RESTARTING;
        look(play);
        wait_ms(play, period / 4);
        play->is->status = CONTAINER_RUNNING;
        restart(play);
        look(play);
    }
}

/* --- Loops ------------------------------------------------------------------------------ */

static void test_s32_a_loop_costs_little(void)
{
    static const struct {
        int64_t period, lasts;
        unsigned most;
    } rows[] = {
        {2 * SECOND, MINUTE, 10}, {2 * SECOND, HOUR, 16},  {2 * SECOND, DAY, 40},
        {25 * SECOND, MINUTE, 6}, {25 * SECOND, HOUR, 16}, {25 * SECOND, DAY, 40},
        {5 * MINUTE, DAY, 40},    {SECOND / 2, DAY, 40},   {25 * SECOND, 30 * DAY, 750},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_auto(Play) play;
        play_begin(&play);
        loop(&play, rows[i].period, rows[i].lasts);
        g_test_message("%" G_GINT64_FORMAT " s for %" G_GINT64_FORMAT " s: %u events",
                       rows[i].period / SECOND, rows[i].lasts / SECOND, play.events);
        g_assert_cmpuint(play.events, <=, rows[i].most);
        g_assert_cmpuint(play.events, >, 2);
        g_assert_true(told(&play, STATE_RESTARTING) || play.is->restart_count < 3);
    }
}

static void test_s32_a_loop_is_told_from_its_second_restart(void)
{
    g_auto(Play) play;
    play_begin(&play);
    loop(&play, 25 * SECOND, 25 * SECOND);
    g_assert_cmpint(play.is->restart_count, ==, 1);
    g_assert_false(told(&play, STATE_RESTARTING));
    loop(&play, 25 * SECOND, 25 * SECOND);
    g_assert_true(told(&play, STATE_RESTARTING));
}

static void test_s32_it_clears_when_stable(void)
{
    g_auto(Play) play;
    play_begin(&play);
    loop(&play, 2 * SECOND, HOUR);
    wait_ms(&play, PACE_STABLE_MS - SECOND);
    g_assert_true(told(&play, STATE_RESTARTING));
    wait_ms(&play, 2 * SECOND);
    g_assert_false(told(&play, STATE_RESTARTING));
    g_assert_cmpint(play.told->restart_count, ==, play.is->restart_count);
    const unsigned events = play.events;
    wait_ms(&play, DAY);
    g_assert_cmpuint(play.events, ==, events);
    loop(&play, 2 * SECOND, 2 * SECOND); /* the next unrest is told from its beginning */
    g_assert_true(told(&play, STATE_RESTARTING));
}

/* A worker that has just come says the same as the one before. */
static void test_s32_another_worker_says_the_same(void)
{
    g_auto(Play) play;
    play_begin(&play);
    loop(&play, 20 * SECOND, 2 * MINUTE);
    pace_clear(&play.pace);
    play.pace = (struct pace){.stable_ms = PACE_STABLE_MS};
    look(&play);
    g_assert_true(told(&play, STATE_RESTARTING));
    wait_ms(&play, 11 * MINUTE);
    g_assert_false(told(&play, STATE_RESTARTING));
}

static void test_s32_removal_is_told_at_once(void)
{
    g_auto(Play) play;
    play_begin(&play);
    loop(&play, 2 * SECOND, DAY);
    state_free(play.is);
    play.is = state_new();
    play.is->status = CONTAINER_ABSENT;
    g_assert_true(look(&play));
    g_assert_false(look(&play));
    state_free(play.is);
    play.is = running("c2");
    g_assert_true(look(&play));
}

/* Its end is told late, but it is told. */
static void test_s32_the_end_of_a_loop_is_told(void)
{
    g_auto(Play) play;
    play_begin(&play);
    loop(&play, 2 * SECOND, DAY);
    play.is->status = CONTAINER_EXITED;
    play.is->exit_code = 3;
    look(&play);
    wait_ms(&play, PACE_STABLE_MS);
    g_assert_cmpint(play.told->status, ==, CONTAINER_EXITED);
    g_assert_cmpint(play.told->exit_code, ==, 3);
    g_assert_false(told(&play, STATE_RESTARTING));
}

/* What ends by itself a few times only is told as it goes. */
static void test_s32_the_first_are_told_as_they_are(void)
{
    g_auto(Play) play;
    play_begin(&play);
    play.is->status = CONTAINER_EXITED;
    g_assert_true(look(&play));
    play.is->status = CONTAINER_RUNNING;
    play.is->started_at += MINUTE;
    g_assert_true(look(&play));
    g_assert_false(look(&play));
}

/* --- Memory -------------------------------------------------------------------------------- */

static void test_s32_a_kill_for_memory_outlives_the_restart(void)
{
    g_auto(Play) play;
    play_begin(&play);
    pace_oom(&play.pace,
             play.now); /* by an event alone: the engine has started it again */
    restart(&play);
    g_assert_true(look(&play));
    g_assert_true(told(&play, STATE_OOM_KILLED));
    wait_ms(&play, PACE_STABLE_MS - SECOND);
    g_assert_true(told(&play, STATE_OOM_KILLED));
    wait_ms(&play, 2 * SECOND);
    g_assert_false(told(&play, STATE_OOM_KILLED));
}

static void test_s32_a_start_by_hand_is_another_life(void)
{
    g_auto(Play) play;
    play_begin(&play);
    play.is->status = CONTAINER_EXITED;
    play.is->oom_killed = true;
    g_assert_true(look(&play));
    g_assert_true(told(&play, STATE_OOM_KILLED));
    wait_ms(&play, DAY);
    g_assert_true(told(&play, STATE_OOM_KILLED)); /* that is how it ended */
    play.is->status = CONTAINER_RUNNING;
    play.is->oom_killed = false;
    play.is->started_at = WALL + play.now;
    g_assert_true(look(&play));
    g_assert_false(told(&play, STATE_OOM_KILLED));
}

static void test_s32_a_loop_for_memory_costs_little(void)
{
    g_auto(Play) play;
    play_begin(&play);
    for (const int64_t end = play.now + DAY; play.now < end;) {
        wait_ms(&play, 2 * SECOND);
        pace_oom(&play.pace, play.now);
        play.is->status = CONTAINER_RESTARTING;
        play.is->oom_killed = true;
        look(&play);
        play.is->status = CONTAINER_RUNNING;
        play.is->oom_killed = false;
        restart(&play);
        look(&play);
    }
    g_assert_true(told(&play, STATE_OOM_KILLED) && told(&play, STATE_RESTARTING));
    g_assert_cmpuint(play.events, <=, 40);
}

/* --- Health ---------------------------------------------------------------------------------- */

static void be(struct play *play, const char *health)
{
    g_free(play->is->health);
    play->is->health = g_strdup(health);
}

static void test_s32_health_that_flaps_costs_little(void)
{
    g_auto(Play) play;
    play_begin(&play);
    for (const int64_t end = play.now + DAY; play.now < end;) {
        be(&play, "unhealthy");
        look(&play);
        g_assert_cmpstr(play.told->health, ==, "unhealthy"); /* at once, each time */
        wait_ms(&play, 30 * SECOND);
        be(&play, "healthy");
        look(&play);
        wait_ms(&play, 30 * SECOND);
    }
    g_assert_cmpuint(play.events, <=, 80);
    wait_ms(&play, PACE_STABLE_MS);
    g_assert_cmpstr(play.told->health, ==, "healthy");
}

/* --- Progress ---------------------------------------------------------------------------------- */

static void test_s32_a_pull_costs_about_ten_events(void)
{
    static const struct {
        int64_t lasts;
        unsigned least, most;
    } rows[] = {
        {10 * SECOND, 4, 4}, {MINUTE, 6, 6},     {30 * MINUTE, 9, 10},
        {HOUR, 10, 10},      {6 * HOUR, 11, 11}, {DAY, 12, 12},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        unsigned events = 0;
        for (int64_t at = 0; at <= rows[i].lasts; at += pace_progress_ms(events))
            events++;
        g_assert_cmpuint(events, >=, rows[i].least);
        g_assert_cmpuint(events, <=, rows[i].most);
    }
}

static void test_unmanaged(void)
{
    int64_t before = 0;
    for (unsigned n = 0; n < 100; n++) {
        g_assert_cmpint(pace_unmanaged_ms(n), >=, before);
        before = pace_unmanaged_ms(n);
    }
    g_assert_cmpint(pace_unmanaged_ms(0), ==, 3 * SECOND);
    g_assert_cmpint(before, ==, 15 * MINUTE);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name) g_test_add_func("/pace/" #name, test_##name)
    ADD(s32_a_loop_costs_little);
    ADD(s32_a_loop_is_told_from_its_second_restart);
    ADD(s32_it_clears_when_stable);
    ADD(s32_another_worker_says_the_same);
    ADD(s32_removal_is_told_at_once);
    ADD(s32_the_end_of_a_loop_is_told);
    ADD(s32_the_first_are_told_as_they_are);
    ADD(s32_a_kill_for_memory_outlives_the_restart);
    ADD(s32_a_start_by_hand_is_another_life);
    ADD(s32_a_loop_for_memory_costs_little);
    ADD(s32_health_that_flaps_costs_little);
    ADD(s32_a_pull_costs_about_ten_events);
    ADD(unmanaged);
    return g_test_run();
}
