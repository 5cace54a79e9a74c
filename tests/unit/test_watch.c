/*
 * test_watch.c - is the engine there, and was anything missed, against a scripted engine.
 *
 * The watch has no clock of its own.  Here it goes on by each turn, which takes longer in
 * truth: an engine that has to wait for a busy machine is not late.
 */
#include "watch.h"

#include "../engine/peer.h"

#include <string.h>

#define PATIENCE_US (90 * G_USEC_PER_SEC)
#define BEGIN_MS    1000000
#define TURN_MS     2

static const struct docker_limits limits = {.at_once = {2, 2, 2, 2, 0}};

struct rig {
    struct peer *peer;
    struct docker *docker;
    struct watch *watch;
    int64_t now_ms; /* the watch's */
    GString *told;  /* "gap start:aa die:aa down …", since the last assert_told() */
    struct watch_news last;
};

static void note(struct rig *rig, struct watch_news *news)
{
    static const char *const names[] = {[WATCH_UP] = "up",
                                        [WATCH_GAP] = "gap",
                                        [WATCH_DOWN] = "down",
                                        [WATCH_UNSUPPORTED] = "unsupported"};

    if (rig->told->len > 0)
        g_string_append_c(rig->told, ' ');
    if (news->kind == WATCH_EVENT)
        g_string_append_printf(rig->told, "%s:%s", news->event->action,
                               news->event->name);
    else
        g_string_append(rig->told, names[news->kind]);
    watch_news_clear(&rig->last);
    rig->last = *news;
}

static void turn(struct rig *rig)
{
    struct watch_news news;
    struct reply *reply;
    uint64_t ticket;
    char *line;

    rig->now_ms += TURN_MS;
    watch_tick(rig->watch, rig->now_ms);
    docker_wait(rig->docker, NULL, 0, 10);
    while ((line = docker_next_line(rig->docker, &ticket))) {
        g_assert_true(watch_line(rig->watch, ticket, line, rig->now_ms));
        g_free(line);
    }
    while ((reply = docker_next_reply(rig->docker))) {
        g_assert_true(watch_reply(rig->watch, reply, rig->now_ms));
        reply_free(reply);
    }
    while (watch_next(rig->watch, &news) != WATCH_NONE)
        note(rig, &news);
}

static void turn_until_asked(struct rig *rig, const char *path, unsigned times)
{
    int64_t end = g_get_monotonic_time() + PATIENCE_US;

    while (peer_count(rig->peer, "GET", path) < times && g_get_monotonic_time() < end)
        turn(rig);
    do
        turn(rig); /* until it has the answer */
    while (watch_tick(rig->watch, 0) == INT64_MAX);
    g_assert_cmpuint(peer_count(rig->peer, "GET", path), ==, times);
}

/* Turns until just this has been told. */
static void assert_told(struct rig *rig, const char *expected)
{
    int64_t end = g_get_monotonic_time() + PATIENCE_US;

    while (rig->told->len < strlen(expected) && g_get_monotonic_time() < end)
        turn(rig);
    g_assert_cmpstr(rig->told->str, ==, expected);
    g_string_truncate(rig->told, 0);
}

static bool set_up(struct rig *rig, const char *api, const char *min_api)
{
    *rig = (struct rig){.peer = peer_start(api, min_api), .now_ms = BEGIN_MS};
    if (!rig->peer)
        return false;
    rig->docker = docker_new(peer_socket(rig->peer), &limits);
    rig->watch = watch_new(rig->docker);
    rig->told = g_string_new(NULL);
    return true;
}

static void tear_down(struct rig *rig)
{
    watch_news_clear(&rig->last);
    watch_free(rig->watch);
    docker_free(rig->docker);
    g_string_free(rig->told, TRUE);
    peer_stop(rig->peer);
}

static void start(struct rig *rig, const char *name)
{
    g_autofree char *path = g_strdup_printf("/containers/%s/start", name);

    peer_create(rig->peer, name);
    peer_tell(rig->peer, "POST", path, NULL);
}

/* --- Coming up --------------------------------------------------------------------- */

static void test_first_a_gap_then_events(struct rig *rig)
{
    start(rig, "before");
    assert_told(rig, "gap");
    g_assert_true(watch_is_up(rig->watch));
    g_assert_true(g_str_has_prefix(watch_engine_id(rig->watch), "SCRI:"));
    g_assert_cmpstr(watch_engine_version(rig->watch), ==, "20.10.24, API 1.41");
    start(rig, "aa");
    peer_tell(rig->peer, "POST", "/_die", "{\"name\":\"aa\",\"exit_code\":7}");
    assert_told(rig, "create:aa start:aa die:aa");
    g_assert_cmpint(rig->last.event->exit_code, ==, 7);
}

/* What an exec does is no news, and neither are kill and stop beside die. */
static void test_noise_is_left_out(struct rig *rig)
{
    assert_told(rig, "gap");
    start(rig, "aa");
    peer_tell(rig->peer, "POST", "/containers/aa/exec", "{\"Cmd\":[\"save\"]}");
    peer_tell(rig->peer, "POST", "/_health", "{\"name\":\"aa\",\"health\":\"healthy\"}");
    peer_tell(rig->peer, "POST", "/containers/aa/rename?name=bb", NULL);
    peer_tell(rig->peer, "POST", "/containers/bb/stop", NULL);
    peer_tell(rig->peer, "DELETE", "/containers/bb", NULL);
    assert_told(rig, "create:aa start:aa health_status: healthy:aa rename:bb die:bb "
                     "destroy:bb");
}

/* --- Going and coming back --------------------------------------------------------- */

static void test_s11_a_cut_stream_lost_nothing(struct rig *rig)
{
    assert_told(rig, "gap");
    start(rig, "aa");
    assert_told(rig, "create:aa start:aa");
    peer_tell(rig->peer, "POST", "/_events", "{\"cut\":true}");
    start(rig, "bb");
    assert_told(rig, "down up create:bb start:bb");
}

static void test_s12_a_cut_stream_lost_some(struct rig *rig)
{
    assert_told(rig, "gap");
    start(rig, "aa");
    assert_told(rig, "create:aa start:aa");
    peer_tell(rig->peer, "POST", "/_events", "{\"cut\":true,\"flood\":300}");
    start(rig, "bb");
    assert_told(rig, "down gap create:bb start:bb");
}

/* Nothing is replayed that could prove it: after a pause it counts as a gap. */
static void test_a_silent_replay_is_a_gap(struct rig *rig)
{
    assert_told(rig, "gap");
    start(rig, "aa");
    assert_told(rig, "create:aa start:aa");
    peer_tell(rig->peer, "POST", "/_events", "{\"cut\":true,\"forget\":true}");
    assert_told(rig, "down gap");
}

static void test_s11_the_engine_restarts(struct rig *rig)
{
    assert_told(rig, "gap");
    start(rig, "aa");
    assert_told(rig, "create:aa start:aa");
    peer_tell(rig->peer, "POST", "/_restart", "{\"down_ms\":700,\"killed\":true}");
    assert_told(rig, "down gap");
    for (int i = 0; i < 20; i++)
        turn(rig);
    assert_told(rig, ""); /* the end of the stream is nobody's death */
    start(rig, "bb");
    assert_told(rig, "create:bb start:bb");
}

static void test_another_engine_is_a_gap(struct rig *rig)
{
    assert_told(rig, "gap");
    start(rig, "aa");
    assert_told(rig, "create:aa start:aa");
    peer_tell(rig->peer, "POST", "/_set", "{\"id\":\"OTHER\"}");
    peer_tell(rig->peer, "POST", "/_events", "{\"cut\":true}");
    assert_told(rig, "down gap");
    g_assert_cmpstr(watch_engine_id(rig->watch), ==, "OTHER");
}

/* It gives itself another ID in each answer. */
static void test_podman_is_known_again(struct rig *rig)
{
    static const char version[] =
        "{\\\"ApiVersion\\\":\\\"1.41\\\",\\\"Components\\\":[{\\\"Name\\\":\\\"Podman Engine\\\"}]}";
    g_autofree char *rule = g_strdup_printf(
        "{\"path\":\"/version\",\"do\":\"body\",\"times\":0,\"text\":\"%s\"}", version);
    peer_script(rig->peer, rule);
    assert_told(rig, "gap");
    g_autofree char *first = g_strdup(watch_engine_id(rig->watch));
    start(rig, "aa");
    assert_told(rig, "create:aa start:aa");
    peer_tell(rig->peer, "POST", "/_set", "{\"id\":\"OTHER\"}");
    peer_tell(rig->peer, "POST", "/_events", "{\"cut\":true}");
    assert_told(rig, "down up");
    g_assert_true(g_str_has_prefix(first, "podman:"));
    g_assert_cmpstr(watch_engine_id(rig->watch), ==, first);
}

static void test_s01_an_engine_that_refuses_is_down_once(struct rig *rig)
{
    peer_script(rig->peer, "{\"path\":\"/info\",\"do\":\"error\",\"times\":3,"
                           "\"text\":\"no disk\"}");
    assert_told(rig, "down");
    g_assert_nonnull(strstr(rig->last.message, "500"));
    g_assert_nonnull(strstr(rig->last.message, "no disk"));
    g_assert_false(watch_is_up(rig->watch));
    assert_told(rig, "gap");
    g_assert_cmpuint(peer_count(rig->peer, "GET", "/info"), ==, 4);
}

/* Each question fails once, in each way: told once, and got over. */
static void test_s11_every_question_may_fail(struct rig *rig)
{
    static const char *const rules[] = {
        "{\"path\":\"/version\",\"do\":\"close\"}",
        "{\"path\":\"/version\",\"do\":\"break\"}",
        "{\"path\":\"/version\",\"do\":\"body\",\"text\":\"[]\"}",
        "{\"path\":\"/info\",\"do\":\"close\"}",
        "{\"path\":\"/info\",\"do\":\"break\"}",
        "{\"path\":\"/info\",\"do\":\"body\",\"text\":\"{}\"}",
        "{\"path\":\"/info\",\"do\":\"body\",\"text\":\"no JSON\"}",
        "{\"path\":\"/events\",\"do\":\"close\"}",
        "{\"path\":\"/events\",\"do\":\"error\",\"status\":400}",
    };

    assert_told(rig, "gap");
    start(rig, "aa");
    assert_told(rig, "create:aa start:aa");
    for (unsigned i = 0; i < G_N_ELEMENTS(rules); i++) {
        peer_script(rig->peer, rules[i]);
        peer_tell(rig->peer, "POST", "/_events", "{\"cut\":true}");
        assert_told(rig,
                    "down up"); /* the stream's end; what failed then is not told again */
        peer_tell(rig->peer, "DELETE", "/_script", NULL);
        rig->now_ms += 10000;
    }
}

static void test_s11_back_off(struct rig *rig)
{
    static const int64_t pauses[] = {100, 200, 400, 800, 1600, 3200, 5000, 5000};

    peer_script(rig->peer, "{\"path\":\"/version\",\"do\":\"close\",\"times\":0}");
    for (unsigned i = 0; i < G_N_ELEMENTS(pauses); i++) {
        int64_t pause;
        do {
            turn(rig); /* asks, and is refused */
            pause = watch_tick(rig->watch, 0) - rig->now_ms;
        } while (pause > pauses[i] || pause > 1000000);
        g_assert_cmpint(pause, ==, pauses[i]);
        rig->now_ms += pause;
    }
    g_assert_cmpuint(peer_count(rig->peer, "GET", "/version"), ==, G_N_ELEMENTS(pauses));
}

/* A stopped engine keeps its sockets open: only a question tells. */
static void test_s11_an_engine_that_hangs_is_down(struct rig *rig)
{
    assert_told(rig, "gap");
    rig->now_ms += 16000;
    turn_until_asked(rig, "/_ping", 1);
    peer_script(rig->peer, "{\"path\":\"/_ping\",\"do\":\"error\"}");
    rig->now_ms += 16000;
    assert_told(rig, "down gap"); /* no event was ever seen that could prove otherwise */
}

static void test_an_unreadable_event_is_a_gap(struct rig *rig)
{
    peer_script(rig->peer, "{\"path\":\"/events\",\"do\":\"lines\",\"lines\":"
                           "[\"garbage\"],\"then\":\"hang\"}");
    assert_told(rig, "gap gap");
}

static void test_s12_a_burst_stays_in_order(struct rig *rig)
{
    g_autoptr(GString) expected = g_string_new(NULL);

    assert_told(rig, "gap");
    for (int i = 0; i < 300; i++) {
        g_autofree char *name = g_strdup_printf("game-%d", i);
        start(rig, name);
        g_string_append_printf(expected, "%screate:%s start:%s", i ? " " : "", name,
                               name);
    }
    assert_told(rig, expected->str);
}

/* --- Versions ---------------------------------------------------------------------- */

static void assert_unsupported(const char *api, const char *min_api)
{
    struct rig rig;

    if (!set_up(&rig, api, min_api))
        return;
    assert_told(&rig, "unsupported");
    g_assert_nonnull(strstr(rig.last.message, api));
    g_assert_nonnull(strstr(rig.last.message, min_api));
    g_assert_false(watch_is_up(rig.watch));
    rig.now_ms += 31000;
    turn_until_asked(&rig, "/version", 2);
    assert_told(&rig, ""); /* asked again, told once */
    peer_tell(rig.peer, "POST", "/_set", "{\"api\":\"1.44\",\"min_api\":\"1.24\"}");
    rig.now_ms += 31000;
    assert_told(&rig, "gap"); /* it was changed for one that fits */
    g_assert_cmpint(docker_api(rig.docker), ==, 44);
    tear_down(&rig);
}

static void test_s20_an_engine_too_old(void)
{
    assert_unsupported("1.40", "1.12");
}

static void test_s20_an_engine_too_new(void)
{
    assert_unsupported("1.60", "1.48");
}

static void test_s20_the_smaller_of_both(void)
{
    static const struct {
        const char *api;
        const char *min_api;
        int chosen;
    } rows[] = {{"1.41", "1.12", 41}, {"1.43", "1.24", 43}, {"1.52", "1.44", 47}};

    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        struct rig rig;
        if (!set_up(&rig, rows[i].api, rows[i].min_api))
            return;
        assert_told(&rig, "gap");
        g_assert_cmpint(docker_api(rig.docker), ==, rows[i].chosen);
        tear_down(&rig);
    }
}

/* --- A real one -------------------------------------------------------------------- */

static void test_real_engine(void)
{
    const char *socket = g_getenv("MUSTER_DOCKER_SOCKET");
    struct rig rig = {.docker = socket ? docker_new(socket, &limits) : NULL};

    if (!socket) {
        g_test_skip("MUSTER_DOCKER_SOCKET names no engine");
        return;
    }
    rig.watch = watch_new(rig.docker);
    rig.told = g_string_new(NULL);
    assert_told(&rig, "gap");
    g_assert_cmpstr(watch_engine_id(rig.watch), !=, "");
    g_test_message("Docker Engine %s", watch_engine_version(rig.watch));
    tear_down(&rig);
}

typedef void (*test_with_rig)(struct rig *rig);

static void run_with_rig(gconstpointer test)
{
    struct rig rig;

    if (!set_up(&rig, "1.41", "1.12"))
        return;
    ((test_with_rig)test)(&rig);
    tear_down(&rig);
}

static void add(const char *path, test_with_rig test)
{
    g_test_add_data_func(path, (gconstpointer)test, run_with_rig);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add("/watch/first_a_gap_then_events", test_first_a_gap_then_events);
    add("/watch/noise_is_left_out", test_noise_is_left_out);
    add("/watch/s11_a_cut_stream_lost_nothing", test_s11_a_cut_stream_lost_nothing);
    add("/watch/s12_a_cut_stream_lost_some", test_s12_a_cut_stream_lost_some);
    add("/watch/a_silent_replay_is_a_gap", test_a_silent_replay_is_a_gap);
    add("/watch/s11_the_engine_restarts", test_s11_the_engine_restarts);
    add("/watch/another_engine_is_a_gap", test_another_engine_is_a_gap);
    add("/watch/podman_is_known_again", test_podman_is_known_again);
    add("/watch/s01_an_engine_that_refuses_is_down_once",
        test_s01_an_engine_that_refuses_is_down_once);
    add("/watch/s11_every_question_may_fail", test_s11_every_question_may_fail);
    add("/watch/s11_back_off", test_s11_back_off);
    add("/watch/s11_an_engine_that_hangs_is_down", test_s11_an_engine_that_hangs_is_down);
    add("/watch/an_unreadable_event_is_a_gap", test_an_unreadable_event_is_a_gap);
    add("/watch/s12_a_burst_stays_in_order", test_s12_a_burst_stays_in_order);
    g_test_add_func("/watch/s20_an_engine_too_old", test_s20_an_engine_too_old);
    g_test_add_func("/watch/s20_an_engine_too_new", test_s20_an_engine_too_new);
    g_test_add_func("/watch/s20_the_smaller_of_both", test_s20_the_smaller_of_both);
    g_test_add_func("/watch/real_engine", test_real_engine);
    return g_test_run();
}
