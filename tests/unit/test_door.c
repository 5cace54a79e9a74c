/*
 * test_door.c - who is let in, who makes room, and how much each may hold.
 */
#include "door.h"
#include "tally.h"

#define SECOND G_USEC_PER_SEC

static const struct door_limits limits = {6, 3, 100, 50};

static void t8_of_one_address_the_oldest_half_makes_room(void)
{
    g_autoptr(Door) door = door_new(&limits);
    int fd;
    g_assert_true(door_admit(door, "a", &fd));
    g_assert_cmpint(fd, ==, -1);
    struct door_link *first = door_enter(door, "a", 1, 0);
    door_enter(door, "a", 2, 1);
    door_enter(door, "a", 3, 2);
    door_move(first, DOOR_BODY, 3); /* has come further than the others */
    g_assert_true(door_admit(door, "a", &fd));
    g_assert_cmpint(fd, ==, 2);
    g_assert_cmpuint(door_count(door), ==, 2); /* who is about to go counts no more */
    door_enter(door, "a", 4, 4);
    g_assert_true(door_admit(door, "a", &fd));
    g_assert_cmpint(fd, ==, 3);
    g_assert_true(door_admit(door, "b", &fd));
    g_assert_cmpint(fd, ==, -1);
}

static void t8_what_waits_for_us_is_not_ended(void)
{
    g_autoptr(Door) door = door_new(&limits);
    int fd;
    for (int i = 0; i < 3; i++)
        door_move(door_enter(door, "a", i, 0), DOOR_OURS, 0);
    g_assert_false(door_admit(door, "a", &fd));
    g_assert_true(door_admit(door, "b", &fd));
    g_autoptr(GArray) none = door_overdue(door, 1000 * SECOND);
    g_assert_cmpuint(none->len, ==, 0);
}

static void t8_of_all_the_busiest_address_makes_room(void)
{
    g_autoptr(Door) door = door_new(&limits);
    int fd;
    door_enter(door, "b", 1, 0);
    door_enter(door, "c", 2, 1);
    door_enter(door, NULL, 3, 2);
    for (int i = 4; i <= 6; i++)
        door_enter(door, "a", i, i);
    g_assert_true(door_admit(door, "d", &fd));
    g_assert_cmpint(fd, ==, 4);
    door_enter(door, "d", 7, 7);
    g_assert_true(door_admit(door, NULL, &fd)); /* a proxy has no share of its own */
    g_assert_cmpint(fd, ==, 5);
}

static void t8_time_is_over(void)
{
    g_autoptr(Door) door = door_new(&limits);
    door_enter(door, "a", 1, 0);
    door_move(door_enter(door, "a", 2, 0), DOOR_BODY, 0);
    struct door_link *last = door_enter(door, "a", 3, 0);
    door_move(last, DOOR_ANSWER, 0);
    static const struct {
        int seconds, fd; /* -1: none */
    } steps[] = {{DOOR_HEAD_SECONDS - 1, -1}, {DOOR_HEAD_SECONDS, 1},
                 {DOOR_HEAD_SECONDS, -1},     {DOOR_BODY_SECONDS, 2},
                 {DOOR_ANSWER_SECONDS, 3},    {DOOR_ANSWER_SECONDS, -1}};
    for (size_t i = 0; i < G_N_ELEMENTS(steps); i++) {
        g_autoptr(GArray) fds = door_overdue(door, steps[i].seconds * SECOND);
        g_assert_cmpuint(fds->len, ==, steps[i].fd >= 0);
        if (fds->len)
            g_assert_cmpint(g_array_index(fds, int, 0), ==, steps[i].fd);
    }
    g_assert_cmpuint(door_count(door), ==, 0);
    door_leave(door, last);
    g_assert_cmpuint(door_count(door), ==, 0);
}

static void t8_bytes_are_bounded(void)
{
    g_autoptr(Door) door = door_new(&limits);
    g_assert_true(door_hold(door, "a", 50));
    g_assert_false(door_hold(door, "a", 1));
    g_assert_true(door_hold(door, "b", 40));
    g_assert_true(door_hold(door, "c", 10));
    g_assert_false(door_hold(door, "b", 1)); /* all together */
    door_release(door, "a", 50);
    g_assert_true(door_hold(door, "b", 10));
    g_assert_false(door_hold(door, "b", 1));
}

static void t8_so_many_at_a_time(void)
{
    g_autoptr(Tally) tally = tally_new(2, 3);
    g_assert_true(tally_take(tally, "a") && tally_take(tally, "a"));
    g_assert_false(tally_take(tally, "a"));
    g_assert_true(tally_take(tally, "b"));
    g_assert_false(tally_take(tally, "c"));
    tally_give(tally, "a");
    g_assert_true(tally_take(tally, "c"));
    tally_give(tally, "c");
    tally_give(tally, "b");
    tally_give(tally, "a");
    g_assert_true(tally_take(tally, "a") && tally_take(tally, "a"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/door/t8_of_one_address_the_oldest_half_makes_room",
                    t8_of_one_address_the_oldest_half_makes_room);
    g_test_add_func("/door/t8_what_waits_for_us_is_not_ended",
                    t8_what_waits_for_us_is_not_ended);
    g_test_add_func("/door/t8_of_all_the_busiest_address_makes_room",
                    t8_of_all_the_busiest_address_makes_room);
    g_test_add_func("/door/t8_time_is_over", t8_time_is_over);
    g_test_add_func("/door/t8_bytes_are_bounded", t8_bytes_are_bounded);
    g_test_add_func("/door/t8_so_many_at_a_time", t8_so_many_at_a_time);
    return g_test_run();
}
