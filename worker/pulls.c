/*
 * pulls.c - one pull per image: a list of flights and of those who wait for each.
 */
#include "pulls.h"

#include <string.h>

struct flight {
    char *image;
    uint64_t ticket;
    struct pull_stream *stream;
    GPtrArray *waiting; /* void *, borrowed */
};

struct pulls {
    struct docker *docker;
    GPtrArray *flights; /* few: the pull lane is narrow */
};

static void flight_free(void *data)
{
    struct flight *flight = data;
    g_free(flight->image);
    g_clear_pointer(&flight->stream, pull_stream_free);
    g_ptr_array_unref(flight->waiting);
    g_free(flight);
}

struct pulls *pulls_new(struct docker *docker)
{
    struct pulls *pulls = g_new0(struct pulls, 1);
    pulls->docker = docker;
    pulls->flights = g_ptr_array_new_with_free_func(flight_free);
    return pulls;
}

void pulls_free(struct pulls *pulls)
{
    if (!pulls)
        return;
    g_ptr_array_unref(pulls->flights);
    g_free(pulls);
}

static struct flight *flight_of_image(const struct pulls *pulls, const char *image)
{
    for (guint i = 0; i < pulls->flights->len; i++) {
        struct flight *flight = g_ptr_array_index(pulls->flights, i);
        if (g_str_equal(flight->image, image))
            return flight;
    }
    return NULL;
}

static struct flight *flight_of_ticket(const struct pulls *pulls, uint64_t ticket)
{
    for (guint i = 0; i < pulls->flights->len; i++) {
        struct flight *flight = g_ptr_array_index(pulls->flights, i);
        if (flight->ticket == ticket)
            return flight;
    }
    return NULL;
}

static struct flight *flight_of(const struct pulls *pulls, const void *who)
{
    for (guint i = 0; i < pulls->flights->len; i++) {
        struct flight *flight = g_ptr_array_index(pulls->flights, i);
        if (g_ptr_array_find(flight->waiting, who, NULL))
            return flight;
    }
    return NULL;
}

void pulls_join(struct pulls *pulls, const char *image, struct request *request,
                void *who)
{
    struct flight *flight = flight_of_image(pulls, image);
    if (flight) {
        request_free(request);
    } else {
        flight = g_new0(struct flight, 1);
        flight->image = g_strdup(image);
        flight->stream = pull_stream_new();
        flight->waiting = g_ptr_array_new();
        flight->ticket = docker_send(pulls->docker, request);
        g_ptr_array_add(pulls->flights, flight);
    }
    g_ptr_array_add(flight->waiting, who);
}

void pulls_leave(struct pulls *pulls, void *who)
{
    struct flight *flight = flight_of(pulls, who);
    if (!flight)
        return;
    g_ptr_array_remove(flight->waiting, who);
    if (flight->waiting->len > 0)
        return;
    docker_cancel(pulls->docker, flight->ticket);
    g_ptr_array_remove(pulls->flights, flight);
}

const struct pull_stream *pulls_stream(const struct pulls *pulls, const void *who)
{
    const struct flight *flight = flight_of(pulls, who);
    return flight ? flight->stream : NULL;
}

bool pulls_line(struct pulls *pulls, uint64_t ticket, const char *line)
{
    struct flight *flight = flight_of_ticket(pulls, ticket);
    if (flight)
        pull_stream_line(flight->stream, line, strlen(line));
    return flight != NULL;
}

GPtrArray *pulls_reply(struct pulls *pulls, const struct reply *reply,
                       struct pull_stream **ret_stream)
{
    struct flight *flight = flight_of_ticket(pulls, reply->ticket);
    if (!flight)
        return NULL;
    *ret_stream = g_steal_pointer(&flight->stream);
    GPtrArray *waiting = g_ptr_array_ref(flight->waiting);
    g_ptr_array_remove(pulls->flights, flight);
    return waiting;
}
