/*
 * fake_docker.h - docker.h without an engine: what is sent is kept, answers are the test's.
 *
 * Linked before the engine's library, it takes the place of docker.c.
 */
#pragma once

#include "container.h"
#include "docker.h"

#include <jansson.h>

struct sent {
    uint64_t ticket;
    struct request *request;
};

struct docker {
    GPtrArray *sent; /* struct sent, not answered yet */
    uint64_t last;
    unsigned cancelled;
};

static inline void sent_free(void *data)
{
    struct sent *sent = data;
    request_free(sent->request);
    g_free(sent);
}

static inline struct docker *fake_docker_new(void)
{
    struct docker *docker = g_new0(struct docker, 1);
    docker->sent = g_ptr_array_new_with_free_func(sent_free);
    return docker;
}

static inline void fake_docker_free(struct docker *docker)
{
    g_ptr_array_unref(docker->sent);
    g_free(docker);
}

int docker_api(const struct docker *docker)
{
    return 41;
}

uint64_t docker_send(struct docker *docker, struct request *request)
{
    struct sent *sent = g_new0(struct sent, 1);
    sent->ticket = ++docker->last;
    sent->request = request;
    g_ptr_array_add(docker->sent, sent);
    return sent->ticket;
}

void docker_cancel(struct docker *docker, uint64_t ticket)
{
    for (guint i = docker->sent->len; i > 0; i--) {
        const struct sent *sent = g_ptr_array_index(docker->sent, i - 1);
        if (sent->ticket != ticket)
            continue;
        g_ptr_array_remove_index(docker->sent, i - 1);
        docker->cancelled++;
    }
}

void docker_wake(struct docker *docker)
{
}

static inline json_t *fake_docker_labels(const struct container *seen)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s}", LABEL_MANAGED, "true", LABEL_SERVER_ID,
                     seen->server_id, LABEL_COMMAND_ID, seen->command_id, LABEL_CONTAINER,
                     seen->canonical, LABEL_SPEC, seen->spec_digest);
}

/* As a list shows it. */
static inline json_t *fake_docker_listed(const struct container *seen)
{
    g_autofree char *name = g_strconcat("/", seen->name, NULL);
    json_t *mounts = json_array();
    for (guint i = 0; i < seen->mounts->len; i++)
        json_array_append_new(mounts, json_object());
    return json_pack("{s:s, s:[s], s:s, s:o, s:o}", "Id", seen->id, "Names", name,
                     "State", container_status_name(seen->status), "Labels",
                     fake_docker_labels(seen), "Mounts", mounts);
}

/* As inspect shows it; g_free it. */
static inline char *fake_docker_inspect(const struct container *seen)
{
    const bool ended = seen->exit_code != CONTRACT_NONE;
    json_t *body = json_pack(
        "{s:s, s:s, s:{s:s, s:b, s:s, s:s, s:I}, s:{s:o}, s:I, s:{s:{s:s, s:I}}}", "Id",
        seen->id, "Name", seen->name, "State", "Status",
        container_status_name(seen->status), "Running", (int)seen->running, "StartedAt",
        seen->started_text, "FinishedAt", ended ? "2026-01-01T00:00:00Z" : "", "ExitCode",
        (json_int_t)(ended ? seen->exit_code : 0), "Config", "Labels",
        fake_docker_labels(seen), "RestartCount", (json_int_t)seen->restart_count,
        "HostConfig", "RestartPolicy", "Name", seen->restart_policy, "MaximumRetryCount",
        (json_int_t)seen->restart_retries);
    char *text = json_dumps(body, JSON_COMPACT);
    json_decref(body);
    return text;
}
