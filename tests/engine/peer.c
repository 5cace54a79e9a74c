/*
 * peer.c - starts, asks and ends a scripted engine.
 */
#include "peer.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define PYTHON     "/usr/bin/python3"
#define PATIENCE_S 90

struct peer {
    GPid pid;
    char *directory;
    char *socket;
    struct docker *side; /* for the side door */
};

static const struct docker_limits no_limits;

/* A test program that ends early takes its engine along. */
static void end_with_parent(gpointer unused)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static void wait_until_ready(int output)
{
    char next = 0;

    while (next != '\n') /* "ready" */
        g_assert_cmpint(read(output, &next, 1), ==, 1);
    close(output);
}

struct peer *peer_start(const char *api, const char *min_api)
{
    struct peer *peer;
    g_autoptr(GError) error = NULL;
    int output;

    if (!g_file_test(PYTHON, G_FILE_TEST_IS_EXECUTABLE)) {
        g_test_skip("the scripted engine needs " PYTHON);
        return NULL;
    }
    peer = g_new0(struct peer, 1);
    peer->directory = g_dir_make_tmp("muster-peer-XXXXXX", &error);
    g_assert_no_error(error);
    peer->socket = g_build_filename(peer->directory, "docker.sock", NULL);
    const char *arguments[] = {PYTHON,       "-B",    TEST_ENGINE "/scripted-engine",
                               peer->socket, "--api", api,
                               "--min-api",  min_api, "--image",
                               "game:1",     NULL};
    g_spawn_async_with_pipes(NULL, (char **)arguments, NULL, G_SPAWN_DO_NOT_REAP_CHILD,
                             end_with_parent, NULL, &peer->pid, NULL, &output, NULL,
                             &error);
    g_assert_no_error(error);
    wait_until_ready(output);
    peer->side = docker_new(peer->socket, &no_limits);
    return peer;
}

void peer_stop(struct peer *peer)
{
    if (!peer)
        return;
    docker_free(peer->side);
    kill(peer->pid, SIGKILL);
    waitpid(peer->pid, NULL, 0);
    g_unlink(peer->socket);
    g_rmdir(peer->directory);
    g_free(peer->socket);
    g_free(peer->directory);
    g_free(peer);
}

const char *peer_socket(const struct peer *peer)
{
    return peer->socket;
}

GPid peer_pid(const struct peer *peer)
{
    return peer->pid;
}

struct reply *docker_reply_of(struct docker *docker, uint64_t ticket)
{
    int64_t end = g_get_monotonic_time() + PATIENCE_S * G_USEC_PER_SEC;

    while (g_get_monotonic_time() < end) {
        struct reply *reply;
        uint64_t of;
        char *line;
        docker_wait(docker, NULL, 0, 100);
        while ((line = docker_next_line(docker, &of)))
            g_free(line);
        while ((reply = docker_next_reply(docker))) {
            if (reply->ticket == ticket)
                return reply;
            reply_free(reply);
        }
    }
    g_error("no reply within %d s", PATIENCE_S);
}

json_t *peer_ask(struct peer *peer, const char *method, const char *path,
                 const char *body)
{
    struct request *request = request_new(ASKED_ENGINE, DOCKER_READ, method, "%s", path);
    g_autoptr(Reply) reply = NULL;

    request->unversioned = true;
    request->max_bytes = 64 << 20;
    request->body = g_strdup(body);
    reply = docker_reply_of(peer->side, docker_send(peer->side, request));
    if (reply->answer != ANSWER_HTTP || reply->status < 200 || reply->status > 299)
        g_error("%s %s: %d %s%s", method, path, reply->status, reply->body,
                reply->error ? reply->error : "");
    return json_loadb(reply->body, reply->length, 0, NULL);
}

void peer_tell(struct peer *peer, const char *method, const char *path, const char *body)
{
    json_decref(peer_ask(peer, method, path, body));
}

void peer_script(struct peer *peer, const char *rule)
{
    g_autofree char *rules = g_strdup_printf("[%s]", rule);

    peer_tell(peer, "POST", "/_script", rules);
}

unsigned peer_count(struct peer *peer, const char *method, const char *part)
{
    json_t *log = peer_ask(peer, "GET", "/_log", NULL);
    unsigned count = 0;
    json_t *entry;
    size_t i;

    json_array_foreach(log, i, entry)
    {
        const char *path = json_string_value(json_object_get(entry, "path"));
        const char *how = json_string_value(json_object_get(entry, "method"));
        count += g_str_equal(how, method) && strstr(path, part) != NULL;
    }
    json_decref(log);
    return count;
}

void peer_create(struct peer *peer, const char *name)
{
    g_autofree char *path = g_strdup_printf("/containers/create?name=%s", name);

    peer_tell(peer, "POST", path, "{\"Image\":\"game:1\"}");
}
