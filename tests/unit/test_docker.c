/*
 * test_docker.c - the transport against an engine that fails as told, and against a real
 * one.
 *
 * What matters most is that the four answers keep their promises: UNREACHABLE was
 * certainly not delivered, BROKEN and TIMEOUT may have been, HTTP is whole.
 */
#include "docker.h"

#include "../engine/peer.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct docker_limits two_of_each = {.at_once = {2, 2, 2, 2, 0}};

static uint64_t send_to(struct docker *docker, enum docker_lane lane, const char *method,
                        const char *path)
{
    return docker_send(docker, request_new(ASKED_LOOK, lane, method, "%s", path));
}

static struct reply *ask(struct docker *docker, enum docker_lane lane, const char *method,
                         const char *path)
{
    return docker_reply_of(docker, send_to(docker, lane, method, path));
}

/* Of `limits`, all but the path. */
static struct reply *ask_within(struct docker *docker, const char *path,
                                struct request limits)
{
    struct request *request = request_new(ASKED_LOOK, limits.lane, limits.method, "%s",
                                          path);

    request->lines = limits.lines;
    request->max_bytes = limits.max_bytes;
    request->timeout_ms = limits.timeout_ms;
    request->first_byte_ms = limits.first_byte_ms;
    request->stall_ms = limits.stall_ms;
    return docker_reply_of(docker, docker_send(docker, request));
}

/* One of each, for tests that need a peer and a docker on it. */
struct pair_of {
    struct peer *peer;
    struct docker *docker;
};

static bool set_up(struct pair_of *pair)
{
    pair->peer = peer_start("1.41", "1.12");
    if (!pair->peer)
        return false;
    pair->docker = docker_new(peer_socket(pair->peer), &two_of_each);
    return true;
}

static void tear_down(struct pair_of *pair)
{
    docker_free(pair->docker);
    peer_stop(pair->peer);
}

/* --- Answers ----------------------------------------------------------------------- */

static void test_whole_answers(struct pair_of *pair)
{
    g_autoptr(Reply) found = ask(pair->docker, DOCKER_READ, "GET", "/info");
    g_autoptr(Reply)
        missing = ask(pair->docker, DOCKER_READ, "GET", "/containers/nope/json");

    g_assert_cmpint(found->answer, ==, ANSWER_HTTP);
    g_assert_cmpint(found->status, ==, 200);
    g_assert_cmpuint(found->length, ==, strlen(found->body));
    g_assert_nonnull(strstr(found->body, "SystemTime"));
    g_assert_null(found->error);
    g_assert_cmpint(missing->answer, ==, ANSWER_HTTP);
    g_assert_cmpint(missing->status, ==, 404);
    g_assert_nonnull(strstr(missing->body, "No such container: nope"));
}

static void test_body_version_and_auth(struct pair_of *pair)
{
    struct request *request = request_new(ASKED_CREATE, DOCKER_CHANGE, "POST", "%s",
                                          "/containers/create?name=a%2Db");
    json_t *log;
    json_t *last;

    request->body = g_strdup("{\"Image\":\"game:1\"}");
    request->registry_auth = g_strdup("c2VjcmV0");
    docker_set_api(pair->docker, 40);
    g_autoptr(Reply)
        reply = docker_reply_of(pair->docker, docker_send(pair->docker, request));
    g_assert_cmpint(reply->status, ==, 201);
    log = peer_ask(pair->peer, "GET", "/_log", NULL);
    last = json_array_get(log, json_array_size(log) - 1);
    g_assert_cmpint(json_integer_value(json_object_get(last, "api")), ==, 40);
    g_assert_cmpstr(json_string_value(json_object_get(last, "auth")), ==, "c2VjcmV0");
    json_decref(log);
}

static void assert_unreachable(const char *socket)
{
    g_autoptr(Docker) docker = docker_new(socket, &two_of_each);
    g_autoptr(Reply) reply = ask(docker, DOCKER_CHANGE, "POST", "/containers/aa/start");

    g_assert_cmpint(reply->answer, ==, ANSWER_UNREACHABLE);
    g_assert_nonnull(strstr(reply->error, socket));
    g_assert_cmpstr(reply->body, ==, "");
}

static void test_s01_no_engine(void)
{
    g_autofree char *directory = g_dir_make_tmp("muster-docker-XXXXXX", NULL);
    g_autofree char *missing = g_build_filename(directory, "none.sock", NULL);
    g_autofree char *too_long = g_strnfill(200, 'x');

    assert_unreachable(missing);
    assert_unreachable(too_long);
    g_rmdir(directory);
}

static void test_s11_a_killed_engine_refuses(struct pair_of *pair)
{
    siginfo_t end;

    kill(peer_pid(pair->peer), SIGKILL);
    g_assert_cmpint(waitid(P_PID, (id_t)peer_pid(pair->peer), &end, WEXITED | WNOWAIT),
                    ==, 0);
    /* The socket stays where it was. */
    assert_unreachable(peer_socket(pair->peer));
}

static void test_s01_broken_off_is_no_answer(struct pair_of *pair)
{
    peer_script(pair->peer,
                "{\"path\":\"/containers/json\",\"do\":\"break\",\"bytes\":1}");
    g_autoptr(Reply)
        reply = ask(pair->docker, DOCKER_READ, "GET", "/containers/json?all=1");
    g_assert_cmpint(reply->answer, ==, ANSWER_BROKEN);
    g_assert_cmpstr(reply->body, ==, "");
    g_assert_nonnull(reply->error);
}

/* The connection of an earlier read would be reused, and curl would repeat the POST. */
static void test_s08_a_lost_answer_is_not_sent_again(struct pair_of *pair)
{
    peer_create(pair->peer, "aa");
    peer_script(pair->peer, "{\"path\":\"/aa/start\",\"do\":\"close\",\"apply\":true}");
    for (int i = 0; i < 3; i++)
        reply_free(ask(pair->docker, DOCKER_READ, "GET", "/info"));
    g_autoptr(Reply)
        lost = ask(pair->docker, DOCKER_CHANGE, "POST", "/containers/aa/start");
    g_assert_cmpint(lost->answer, ==, ANSWER_BROKEN);
    g_assert_cmpuint(peer_count(pair->peer, "POST", "/aa/start"), ==, 1);
    g_autoptr(Reply) look = ask(pair->docker, DOCKER_READ, "GET", "/containers/aa/json");
    g_assert_nonnull(strstr(look->body, "\"running\""));
}

static unsigned connections(struct pair_of *pair)
{
    json_t *state = peer_ask(pair->peer, "GET", "/_state", NULL);
    unsigned count = (unsigned)json_integer_value(json_object_get(state, "connections"));

    json_decref(state);
    return count;
}

static void test_reads_share_a_connection_and_changes_do_not(struct pair_of *pair)
{
    unsigned before;

    reply_free(ask(pair->docker, DOCKER_READ, "GET", "/info"));
    before = connections(pair);
    for (int i = 0; i < 20; i++)
        reply_free(ask(pair->docker, DOCKER_READ, "GET", "/info"));
    g_assert_cmpuint(connections(pair), ==, before);
    for (int i = 0; i < 5; i++)
        reply_free(ask(pair->docker, DOCKER_CHANGE, "POST", "/containers/nope/start"));
    g_assert_cmpuint(connections(pair), ==, before + 5);
}

/* Idle connections die with the engine; a read notices nothing. */
static void test_s11_a_read_after_a_restart(struct pair_of *pair)
{
    reply_free(ask(pair->docker, DOCKER_READ, "GET", "/info"));
    peer_tell(pair->peer, "POST", "/_restart", "{\"down_ms\":50}");
    g_usleep(500000);
    g_autoptr(Reply) reply = NULL;
    do { /* it may take longer to come back */
        reply_free(reply);
        reply = ask(pair->docker, DOCKER_READ, "GET", "/info");
    } while (reply->answer == ANSWER_UNREACHABLE);
    g_assert_cmpint(reply->answer, ==, ANSWER_HTTP);
}

/* --- Deadlines --------------------------------------------------------------------- */

static void assert_timeout(struct reply *reply, bool stalled)
{
    g_autoptr(Reply) owned = reply;

    g_assert_cmpint(owned->answer, ==, ANSWER_TIMEOUT);
    g_assert_cmpint(owned->stalled, ==, stalled);
    g_assert_cmpint(owned->ms, >=, 150);
    g_assert_nonnull(owned->error);
}

static void test_s09_a_hanging_read_ends_at_its_deadline(struct pair_of *pair)
{
    peer_script(pair->peer, "{\"path\":\"/info\",\"do\":\"hang\",\"times\":0}");
    assert_timeout(
        ask_within(
            pair->docker, "/info",
            (struct request){.lane = DOCKER_READ, .method = "GET", .timeout_ms = 200}),
        false);
    assert_timeout(
        ask_within(
            pair->docker, "/info",
            (struct request){.lane = DOCKER_READ, .method = "GET", .first_byte_ms = 200}),
        true);
}

static struct request stalling_pull(int64_t stall_ms)
{
    return (struct request){
        .lane = DOCKER_PULL, .method = "POST", .lines = true, .stall_ms = stall_ms};
}

static void test_s15_a_silent_pull_is_stalled(struct pair_of *pair)
{
    peer_script(pair->peer, "{\"path\":\"/images/create\",\"do\":\"lines\",\"lines\":"
                            "[{\"status\":\"a\"}],\"then\":\"hang\"}");
    assert_timeout(ask_within(pair->docker, "/images/create", stalling_pull(200)), true);
}

/* 10 lines, 350 ms apart: longer than the stall timer, never silent for nearly as long. */
static void test_s15_a_slow_pull_is_not_stalled(struct pair_of *pair)
{
    peer_script(pair->peer,
                "{\"path\":\"/images/create\",\"do\":\"lines\",\"ms\":350,\"lines\":"
                "[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\",\"10\"]}");
    g_autoptr(Reply)
        reply = ask_within(pair->docker, "/images/create", stalling_pull(3000));
    g_assert_cmpint(reply->answer, ==, ANSWER_HTTP);
    g_assert_cmpint(reply->ms, >=, 3100);
}

static void test_time_in_the_lane_does_not_count(struct pair_of *pair)
{
    struct request *last = request_new(ASKED_LOOK, DOCKER_CHANGE, "POST", "/x/start");

    peer_tell(pair->peer, "POST", "/_set", "{\"latency_ms\":{\"start\":4000}}");
    for (int i = 0; i < 2; i++)
        send_to(pair->docker, DOCKER_CHANGE, "POST", "/containers/nope/start");
    last->timeout_ms = 3000;
    g_autoptr(Reply)
        reply = docker_reply_of(pair->docker, docker_send(pair->docker, last));
    g_assert_cmpint(reply->answer, ==, ANSWER_HTTP);
    g_assert_cmpint(reply->ms, <, 3000);
}

/* --- Limits ------------------------------------------------------------------------ */

static void test_bodies_are_bounded(struct pair_of *pair)
{
    peer_script(pair->peer, "{\"path\":\"/info\",\"do\":\"huge\",\"times\":0}");
    g_autoptr(Reply) plain = ask(pair->docker, DOCKER_READ, "GET", "/info");
    g_assert_cmpint(plain->answer, ==, ANSWER_BROKEN);
    g_assert_nonnull(strstr(plain->error, "larger than 1048576 bytes"));
    g_autoptr(Reply) larger = ask_within(
        pair->docker, "/info",
        (struct request){.lane = DOCKER_READ, .method = "GET", .max_bytes = 128 << 20});
    g_assert_cmpint(larger->answer, ==, ANSWER_HTTP);
    g_assert_cmpuint(larger->length, >=, 64 << 20);
}

static void test_lines_are_bounded(struct pair_of *pair)
{
    g_autofree char *line = g_strnfill(300 << 10, 'x');
    g_autofree char *rule = g_strdup_printf(
        "{\"path\":\"/images\",\"do\":\"lines\",\"lines\":[\"%s\"]}", line);

    peer_script(pair->peer, rule);
    g_autoptr(Reply)
        reply = ask_within(pair->docker, "/images/create", stalling_pull(3000));
    g_assert_cmpint(reply->answer, ==, ANSWER_BROKEN);
    g_assert_nonnull(strstr(reply->error, "line"));
}

/* --- Lines ------------------------------------------------------------------------- */

static void assert_line(struct docker *docker, uint64_t ticket, const char *text)
{
    uint64_t of = 0;
    g_autofree char *line = docker_next_line(docker, &of);

    g_assert_cmpstr(line, ==, text);
    if (text)
        g_assert_cmpuint(of, ==, ticket);
}

static struct reply *wait_for_reply(struct docker *docker)
{
    struct reply *reply;

    while (!(reply = docker_next_reply(docker)))
        docker_wait(docker, NULL, 0, 50);
    return reply;
}

/* Small pieces cut lines anywhere; the last one has no newline. */
static void test_s15_lines_whatever_the_pieces(struct pair_of *pair)
{
    struct request *request = request_new(ASKED_PULL, DOCKER_PULL, "POST",
                                          "/images/create");
    uint64_t ticket;

    peer_script(pair->peer,
                "{\"path\":\"/images/create\",\"do\":\"body\","
                "\"text\":\"{\\\"a\\\":1}\\r\\n\\r\\n{\\\"error\\\":\\\"no\\\"}"
                "\\nlast\"}");
    request->lines = true;
    ticket = docker_send(pair->docker, request);
    g_autoptr(Reply) reply = wait_for_reply(pair->docker);
    assert_line(pair->docker, ticket, "{\"a\":1}");
    assert_line(pair->docker, ticket, "{\"error\":\"no\"}");
    assert_line(pair->docker, ticket, "last");
    assert_line(pair->docker, ticket, NULL);
    g_assert_cmpstr(reply->body, ==, "");
    g_assert_cmpint(reply->status, ==, 200);
}

static void test_s15_a_refused_pull_has_its_text_in_the_reply(struct pair_of *pair)
{
    peer_script(pair->peer, "{\"path\":\"/images/create\",\"do\":\"error\",\"text\":"
                            "\"unauthorized: authentication required\"}");
    g_autoptr(Reply)
        reply = ask_within(pair->docker, "/images/create", stalling_pull(3000));
    g_assert_cmpint(reply->status, ==, 500);
    g_assert_nonnull(strstr(reply->body, "unauthorized"));
}

static void test_a_stream_says_that_it_is_open(struct pair_of *pair)
{
    struct request *request = request_new(ASKED_ENGINE, DOCKER_STREAM, "GET",
                                          "/events?since=9999999999.0");
    g_autofree char *first = NULL;
    uint64_t ticket;
    uint64_t of;

    request->lines = true;
    ticket = docker_send(pair->docker, request);
    while (!(first = docker_next_line(pair->docker, &of)))
        docker_wait(pair->docker, NULL, 0, 50);
    g_assert_cmpstr(first, ==, "");
    g_assert_cmpuint(of, ==, ticket);
    peer_tell(pair->peer, "POST", "/_events", "{\"cut\":true}");
    g_autoptr(Reply) reply = wait_for_reply(pair->docker);
    g_assert_cmpuint(reply->ticket, ==, ticket);
    g_assert_cmpint(reply->answer, ==, ANSWER_BROKEN);
}

/* --- Lanes ------------------------------------------------------------------------- */

static void test_s16_hanging_pulls_block_nobody(struct pair_of *pair)
{
    peer_create(pair->peer, "bb");
    peer_script(pair->peer, "{\"path\":\"/images/create\",\"do\":\"hang\",\"times\":0}");
    for (int i = 0; i < 5; i++)
        send_to(pair->docker, DOCKER_PULL, "POST", "/images/create?fromImage=x&tag=1");
    for (int i = 0; i < 20; i++) {
        g_autoptr(Reply)
            stop = ask(pair->docker, DOCKER_STOP, "POST", "/containers/bb/stop");
        g_autoptr(Reply) list = ask(pair->docker, DOCKER_READ, "GET", "/containers/json");
        g_assert_cmpint(stop->status, ==, 304);
        g_assert_cmpint(stop->ms, <, 1000);
        g_assert_cmpint(list->status, ==, 200);
        g_assert_cmpint(list->ms, <, 1000);
    }
    g_assert_cmpuint(peer_count(pair->peer, "POST", "/images/create"), ==, 2);
}

static void test_s09_one_hanging_read_leaves_room(struct pair_of *pair)
{
    peer_script(pair->peer, "{\"path\":\"/aa/json\",\"do\":\"hang\",\"times\":0}");
    send_to(pair->docker, DOCKER_READ, "GET", "/containers/aa/json");
    for (int i = 0; i < 20; i++) {
        g_autoptr(Reply)
            other = ask(pair->docker, DOCKER_READ, "GET", "/containers/bb/json");
        g_assert_cmpint(other->status, ==, 404);
    }
}

static void test_lanes_are_limited_and_in_order(struct pair_of *pair)
{
    uint64_t last = 0;
    json_t *state;
    json_t *log;

    peer_tell(pair->peer, "POST", "/_set", "{\"latency_ms\":{\"start\":200}}");
    for (int i = 0; i < 9; i++) {
        g_autofree char *path = g_strdup_printf("/containers/c%d/start", i);
        last = send_to(pair->docker, DOCKER_CHANGE, "POST", path);
    }
    reply_free(docker_reply_of(pair->docker, last));
    state = peer_ask(pair->peer, "GET", "/_state", NULL);
    g_assert_cmpint(
        json_integer_value(json_object_get(json_object_get(state, "peak"), "start")), ==,
        2);
    json_decref(state);
    log = peer_ask(pair->peer, "GET", "/_log", NULL);
    for (size_t i = 2; i < 9; i++) { /* two go out together: neighbours may swap */
        const char *path = json_string_value(
            json_object_get(json_array_get(log, i), "path"));
        g_assert_cmpint(ABS(path[strlen("/containers/c")] - '0' - (int)i), <=, 1);
    }
    json_decref(log);
}

/* --- Giving up, waiting ------------------------------------------------------------ */

static void test_a_cancelled_request_never_replies(struct pair_of *pair)
{
    uint64_t tickets[4];

    peer_script(pair->peer, "{\"path\":\"/start\",\"do\":\"hang\",\"times\":0}");
    for (int i = 0; i < 3; i++) /* two on the wire, one in the lane */
        tickets[i] = send_to(pair->docker, DOCKER_CHANGE, "POST", "/containers/aa/start");
    tickets[3] = send_to(pair->docker, DOCKER_READ, "GET", "/info");
    for (int i = 0; i < 20; i++) /* its answer is there, and nobody took it */
        docker_wait(pair->docker, NULL, 0, 10);
    for (int i = 3; i >= 0; i--)
        docker_cancel(pair->docker, tickets[i]);
    docker_cancel(pair->docker, 0);
    docker_cancel(pair->docker, 12345);
    g_autoptr(Reply)
        next = ask(pair->docker, DOCKER_CHANGE, "POST", "/containers/aa/kill");
    g_assert_cmpint(next->status, ==, 404);
    g_assert_null(docker_next_reply(pair->docker));
}

static gpointer wake_soon(gpointer docker)
{
    g_usleep(100000);
    docker_wake(docker);
    return NULL;
}

static void test_waiting_ends_for_a_wake_or_a_descriptor(struct pair_of *pair)
{
    struct docker_fd fds[2] = {{eventfd(0, 0)}, {eventfd(1, 0)}};
    int64_t began = g_get_monotonic_time();
    GThread *thread;

    docker_wait(pair->docker, fds, 2, 600000);
    g_assert_false(fds[0].ready);
    g_assert_true(fds[1].ready);
    thread = g_thread_new("wake", wake_soon, pair->docker);
    docker_wait(pair->docker, fds, 1, 600000);
    g_assert_false(fds[0].ready);
    g_thread_join(thread);
    g_assert_cmpint(g_get_monotonic_time() - began, <, 300 * G_USEC_PER_SEC);
    close(fds[0].fd);
    close(fds[1].fd);
}

static void test_an_idle_wait_lasts(struct pair_of *pair)
{
    int64_t began = g_get_monotonic_time();

    docker_wait(pair->docker, NULL, 0, 200);
    g_assert_cmpint(g_get_monotonic_time() - began, >=, 190000);
}

static void test_freed_in_the_middle_of_everything(struct pair_of *pair)
{
    peer_script(pair->peer, "{\"path\":\"/start\",\"do\":\"hang\",\"times\":0}");
    for (int i = 0; i < 5; i++)
        send_to(pair->docker, DOCKER_CHANGE, "POST", "/containers/aa/start");
    send_to(pair->docker, DOCKER_READ, "GET", "/info");
    for (int i = 0; i < 10; i++)
        docker_wait(pair->docker, NULL, 0, 10);
    docker_free(g_steal_pointer(&pair->docker));
}

/* --- A real one -------------------------------------------------------------------- */

static void test_real_engine(void)
{
    const char *socket = g_getenv("MUSTER_DOCKER_SOCKET");
    g_autoptr(Docker) docker = socket ? docker_new(socket, &two_of_each) : NULL;

    if (!docker) {
        g_test_skip("MUSTER_DOCKER_SOCKET names no engine");
        return;
    }
    g_autoptr(Reply) info = ask(docker, DOCKER_READ, "GET", "/info");
    g_assert_cmpint(info->answer, ==, ANSWER_HTTP);
    g_assert_cmpint(info->status, ==, 200);
    g_autoptr(Reply)
        none = ask(docker, DOCKER_CHANGE, "POST", "/containers/muster-nobody/start");
    g_assert_cmpint(none->status, ==, 404);
    g_assert_nonnull(strstr(none->body, "No such container"));
    g_autoptr(Reply) events = ask_within(
        docker, "/events?since=0&until=1",
        (struct request){
            .lane = DOCKER_STREAM, .method = "GET", .lines = true, .timeout_ms = 10000});
    g_assert_cmpint(events->answer, ==, ANSWER_HTTP);
    g_autoptr(Reply) quiet = ask_within(
        docker, "/events",
        (struct request){
            .lane = DOCKER_STREAM, .method = "GET", .lines = true, .timeout_ms = 300});
    g_assert_cmpint(quiet->answer, ==, ANSWER_TIMEOUT);
}

typedef void (*test_with_peer)(struct pair_of *pair);

static void run_with_peer(gconstpointer test)
{
    struct pair_of pair = {0};

    if (!set_up(&pair))
        return;
    ((test_with_peer)test)(&pair);
    tear_down(&pair);
}

static void add(const char *path, test_with_peer test)
{
    g_test_add_data_func(path, (gconstpointer)test, run_with_peer);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add("/docker/whole_answers", test_whole_answers);
    add("/docker/body_version_and_auth", test_body_version_and_auth);
    g_test_add_func("/docker/s01_no_engine", test_s01_no_engine);
    add("/docker/s11_a_killed_engine_refuses", test_s11_a_killed_engine_refuses);
    add("/docker/s01_broken_off_is_no_answer", test_s01_broken_off_is_no_answer);
    add("/docker/s08_a_lost_answer_is_not_sent_again",
        test_s08_a_lost_answer_is_not_sent_again);
    add("/docker/reads_share_a_connection_and_changes_do_not",
        test_reads_share_a_connection_and_changes_do_not);
    add("/docker/s11_a_read_after_a_restart", test_s11_a_read_after_a_restart);
    add("/docker/s09_a_hanging_read_ends_at_its_deadline",
        test_s09_a_hanging_read_ends_at_its_deadline);
    add("/docker/s15_a_silent_pull_is_stalled", test_s15_a_silent_pull_is_stalled);
    add("/docker/s15_a_slow_pull_is_not_stalled", test_s15_a_slow_pull_is_not_stalled);
    add("/docker/time_in_the_lane_does_not_count", test_time_in_the_lane_does_not_count);
    add("/docker/bodies_are_bounded", test_bodies_are_bounded);
    add("/docker/lines_are_bounded", test_lines_are_bounded);
    add("/docker/s15_lines_whatever_the_pieces", test_s15_lines_whatever_the_pieces);
    add("/docker/s15_a_refused_pull_has_its_text_in_the_reply",
        test_s15_a_refused_pull_has_its_text_in_the_reply);
    add("/docker/a_stream_says_that_it_is_open", test_a_stream_says_that_it_is_open);
    add("/docker/s16_hanging_pulls_block_nobody", test_s16_hanging_pulls_block_nobody);
    add("/docker/s09_one_hanging_read_leaves_room",
        test_s09_one_hanging_read_leaves_room);
    add("/docker/lanes_are_limited_and_in_order", test_lanes_are_limited_and_in_order);
    add("/docker/a_cancelled_request_never_replies",
        test_a_cancelled_request_never_replies);
    add("/docker/waiting_ends_for_a_wake_or_a_descriptor",
        test_waiting_ends_for_a_wake_or_a_descriptor);
    add("/docker/an_idle_wait_lasts", test_an_idle_wait_lasts);
    add("/docker/freed_in_the_middle_of_everything",
        test_freed_in_the_middle_of_everything);
    g_test_add_func("/docker/real_engine", test_real_engine);
    return g_test_run();
}
