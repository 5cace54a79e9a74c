/*
 * fuzz_watch.c - any life of an engine, as the watch is told of it.
 *
 * Each line of the input is something that happens: an answer to what was asked (version,
 * info, ping), a line of the event stream, its end, time going by.  Whatever the engine says:
 * the API stays one that we speak, what is asked is a plain path, and no more news wait than
 * lines came.
 *
 * A seed corpus lies in corpus/watch.
 */
#include "watch.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* --- docker.h, without an engine: the tickets that are open ------------------------- */

struct docker {
    uint64_t last;
    uint64_t ask;    /* 0: none */
    uint64_t stream; /* 0: none */
};

static void check_path(const char *path)
{
    g_assert(path[0] == '/');
    for (; *path; path++)
        g_assert(g_ascii_isgraph(*path));
}

uint64_t docker_send(struct docker *docker, struct request *request)
{
    check_path(request->path);
    docker->last++;
    *(request->lines ? &docker->stream : &docker->ask) = docker->last;
    if (request->lines)
        g_assert(g_ascii_isdigit(request->path[strlen("/events?since=")]));
    request_free(request);
    return docker->last;
}

void docker_cancel(struct docker *docker, uint64_t ticket)
{
    if (ticket && ticket == docker->ask)
        docker->ask = 0;
    if (ticket && ticket == docker->stream)
        docker->stream = 0;
}

void docker_set_api(struct docker *docker, int minor)
{
    g_assert(minor >= WATCH_API_LEAST && minor <= WATCH_API_MOST);
}

/* --- What happens -------------------------------------------------------------------- */

static void answer(struct watch *watch, uint64_t *ticket, int status, const char *body,
                   int64_t now_ms)
{
    const struct reply reply = {
        .ticket = *ticket,
        .asked = ASKED_ENGINE,
        .answer = status ? ANSWER_HTTP : ANSWER_BROKEN,
        .status = status,
        .body = (char *)body,
        .length = strlen(body),
        .error = status ? NULL : (char *)"cut off",
    };
    if (*ticket == 0)
        return;
    *ticket = 0;
    g_assert(watch_reply(watch, &reply, now_ms));
}

static void happen(struct watch *watch, struct docker *docker, const char *line,
                   int64_t *now_ms)
{
    const char *rest = line[0] ? line + 1 : line;
    switch (line[0]) {
    case '+':
        answer(watch, &docker->ask, 200, rest, *now_ms);
        break;
    case '-':
        answer(watch, &docker->ask, 500, rest, *now_ms);
        break;
    case '!':
        answer(watch, &docker->ask, 0, "", *now_ms);
        break;
    case '.':
        answer(watch, &docker->stream, rest[0] ? 500 : 200, rest, *now_ms);
        break;
    case '>': /* empty: it is open */
        if (docker->stream)
            g_assert(watch_line(watch, docker->stream, rest, *now_ms));
        break;
    default:
        *now_ms += INT64_C(1) << (strlen(line) & 15);
        break;
    }
    watch_tick(watch, *now_ms);
}

static size_t drain(struct watch *watch)
{
    struct watch_news news = {0};
    size_t count = 0;
    for (; watch_next(watch, &news) != WATCH_NONE; count++) {
        g_assert((news.kind == WATCH_EVENT) == (news.event != NULL));
        g_assert(news.kind != WATCH_DOWN || news.message);
        g_assert(!news.message || g_utf8_validate(news.message, -1, NULL));
        watch_news_clear(&news);
    }
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    struct docker docker = {0};
    int64_t now_ms = 1000;
    g_autoptr(Watch) watch = watch_new(&docker);

    watch_tick(watch, now_ms);
    for (char **line = lines; *line; line++) {
        happen(watch, &docker, *line, &now_ms);
        g_assert(drain(watch) <= 2);
        g_assert(g_utf8_validate(watch_engine_version(watch), -1, NULL));
    }
    return 0;
}
