/*
 * fuzz_engine.c - any bytes at all, as an answer of the engine.
 *
 * The first byte chooses what they answer: an inspect, a list, an event, a pull, or a
 * refusal.  What was read can be told on, and is UTF-8; a refusal is one line.
 *
 * A seed corpus lies in corpus/engine.
 */
#include "container.h"
#include "offsets.h"
#include "plan.h"
#include "pull.h"
#include "shape.h"
#include "stranger.h"
#include "verdict.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_container(const struct container *seen)
{
    g_autoptr(Command) command = command_new();
    g_autoptr(State) state = container_state(seen, MAYBE_UNKNOWN);
    g_autofree char *note = plan_note(seen);

    command->server_id = g_strdup("server");
    command->spec = spec_new();
    g_assert(seen->status != CONTAINER_ABSENT);
    g_assert(*seen->id && state->container_id);
    g_assert(g_utf8_validate(state->container, -1, NULL));
    g_assert(container_whose(seen, command) != WHOSE_NOBODYS);
    g_assert(!container_is_canonical(seen) || *seen->server_id);
    g_assert(strlen(note) <= OFFSETS_NOTE_MAX && g_str_is_ascii(note));
}

/* Its image shows whatever it shows itself, or is gone. */
static void check_stranger(const char *text, size_t length, const char *image)
{
    struct found *found = stranger_looked(text, length, image, length);

    g_assert(found && *found->restart_policy);
    g_assert(found->env_names->len <= STRANGER_WORDS_MAX + 1);
    g_assert(!image || found->env_names->len + found->command->len == 0);
    for (guint i = 0; i < found->env_names->len; i++)
        g_assert(g_utf8_validate(found->env_names->pdata[i], -1, NULL));
    shape_found.free(found);
}

static void try_inspect(const char *text, size_t length)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Container) seen = container_parse(text, length, &error);

    g_assert(!seen == !!error);
    if (!seen)
        return;
    check_container(seen);
    check_stranger(text, length, text);
    check_stranger(text, length, NULL);
}

static void try_list(const char *text, size_t length)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) list = container_parse_list(text, length, &error);

    g_assert(!list == !!error);
    for (guint i = 0; list && i < list->len; i++)
        check_container(g_ptr_array_index(list, i));
}

static void try_event(const char *text, size_t length)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(EngineEvent) event = engine_event_parse(text, length, &error);

    g_assert(!event == !!error);
    g_assert(!event || (*event->action && *event->container_id && event->time_ns > 0));
}

static void try_pull(const char *text, size_t length)
{
    g_autoptr(PullStream) stream = pull_stream_new();
    int64_t current = 0;
    int64_t total = 0;

    while (length > 0) {
        const char *end = memchr(text, '\n', length);
        size_t line = end ? (size_t)(end - text) : length;
        pull_stream_line(stream, text, line);
        length -= MIN(length, line + 1);
        text += line + 1;
    }
    g_autofree char *said = pull_stream_text(stream);
    pull_stream_bytes(stream, &current, &total);
    g_assert(current >= 0 && current <= total);
    g_assert(g_utf8_validate(said, -1, NULL));
    g_assert(!pull_stream_succeeded(stream) || !pull_stream_error(stream));
    g_assert(!pull_stream_error(stream) ||
             g_utf8_validate(pull_stream_error(stream), -1, NULL));
}

/* The first two bytes are what was asked and the status. */
static void try_verdict(const char *text, size_t length)
{
    static const int statuses[] = {200, 304, 400, 403, 404, 409, 500, 503};
    struct refusal refusal = {0};

    if (length < 2)
        return;
    enum asked asked = (enum asked)((uint8_t)text[0] % ASKED_COUNT);
    int status = statuses[(uint8_t)text[1] % G_N_ELEMENTS(statuses)];
    g_autofree char *said = verdict_text(text + 2, length - 2);
    enum verdict verdict = verdict_of(asked, ANSWER_HTTP, status, said, &refusal);

    g_assert(verdict_name(verdict));
    g_assert(g_utf8_validate(said, -1, NULL) && g_utf8_strlen(said, -1) <= 1000);
    g_assert(!refusal.message || (g_utf8_validate(refusal.message, -1, NULL) &&
                                  !strpbrk(refusal.message, "\r\n")));
    refusal_clear(&refusal);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const tries[])(const char *text, size_t length) = {
        try_inspect, try_list, try_event, try_pull, try_verdict};

    g_log_set_always_fatal(G_LOG_LEVEL_WARNING | G_LOG_LEVEL_CRITICAL);
    if (size > 0)
        tries[data[0] % G_N_ELEMENTS(tries)]((const char *)data + 1, size - 1);
    return 0;
}
