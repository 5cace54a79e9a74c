/*
 * pulls.c - one pull per image: a list of flights and of those who wait for each.
 */
#include "pulls.h"

#include "errand.h"

#include <string.h>

#define CREDENTIALS_THREADS 4

struct flight {
    struct pulls *pulls;
    char *image;
    struct request *request;   /* until its credentials have come */
    struct question *question; /* on its way, or NULL */
    GError *error;             /* they will not come */
    uint64_t ticket;           /* 0: not sent */
    struct pull_stream *stream;
    GPtrArray *waiting; /* void *, borrowed */
};

struct pulls {
    struct docker *docker;
    const struct credentials_source *credentials;
    struct errands *errands;
    GPtrArray *flights; /* few: the pull lane is narrow */
};

struct question {
    struct flight *flight; /* NULL: nobody waits for it any more */
    const struct credentials_source *credentials;
    char *image;
    char *auth; /* secret */
    GError *error;
};

static void flight_free(void *data)
{
    struct flight *flight = data;
    if (flight->question)
        flight->question->flight = NULL;
    g_free(flight->image);
    g_clear_pointer(&flight->request, request_free);
    g_clear_error(&flight->error);
    g_clear_pointer(&flight->stream, pull_stream_free);
    g_ptr_array_unref(flight->waiting);
    g_free(flight);
}

static void wake(void *context)
{
    docker_wake(context);
}

struct pulls *pulls_new(struct docker *docker,
                        const struct credentials_source *credentials)
{
    struct pulls *pulls = g_new0(struct pulls, 1);
    pulls->docker = docker;
    pulls->credentials = credentials;
    pulls->errands = errands_new(CREDENTIALS_THREADS, wake, docker);
    pulls->flights = g_ptr_array_new_with_free_func(flight_free);
    return pulls;
}

void pulls_free(struct pulls *pulls)
{
    if (!pulls)
        return;
    errands_free(pulls->errands);
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
        if (ticket && flight->ticket == ticket)
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

/* --- credentials -------------------------------------------------------------------- */

static void question_work(void *data)
{
    struct question *question = data;
    credentials_find(question->credentials, question->image, &question->auth,
                     &question->error);
}

static void send_off(struct flight *flight, char *auth_taken)
{
    flight->request->registry_auth = auth_taken;
    flight->ticket = docker_send(flight->pulls->docker,
                                 g_steal_pointer(&flight->request));
}

static void question_done(void *data)
{
    g_autofree struct question *question = data;
    struct flight *flight = question->flight;
    if (flight)
        flight->question = NULL;
    if (flight && question->error)
        flight->error = g_steal_pointer(&question->error);
    else if (flight)
        send_off(flight, g_steal_pointer(&question->auth));
    g_clear_error(&question->error);
    g_free(question->auth);
    g_free(question->image);
}

static void ask_credentials(struct flight *flight)
{
    struct question *question = g_new0(struct question, 1);
    question->flight = flight;
    question->credentials = flight->pulls->credentials;
    question->image = g_strdup(flight->image);
    flight->question = question;
    errands_start(flight->pulls->errands, question_work, question_done, question);
}

/* --- coming and going --------------------------------------------------------------- */

static struct flight *flight_new(struct pulls *pulls, const char *image,
                                 struct request *request_taken)
{
    struct flight *flight = g_new0(struct flight, 1);
    flight->pulls = pulls;
    flight->image = g_strdup(image);
    flight->request = request_taken;
    flight->stream = pull_stream_new();
    flight->waiting = g_ptr_array_new();
    g_ptr_array_add(pulls->flights, flight);
    return flight;
}

void pulls_join(struct pulls *pulls, const char *image, struct request *request,
                void *who)
{
    struct flight *flight = flight_of_image(pulls, image);
    if (flight) {
        request_free(request);
    } else {
        flight = flight_new(pulls, image, request);
        if (pulls->credentials)
            ask_credentials(flight);
        else
            send_off(flight, NULL);
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
    if (flight->ticket)
        docker_cancel(pulls->docker, flight->ticket);
    g_ptr_array_remove(pulls->flights, flight);
}

static struct flight *flight_refused(const struct pulls *pulls)
{
    for (guint i = 0; i < pulls->flights->len; i++) {
        struct flight *flight = g_ptr_array_index(pulls->flights, i);
        if (flight->error)
            return flight;
    }
    return NULL;
}

GPtrArray *pulls_refused(struct pulls *pulls, struct refusal *ret_refusal)
{
    errands_collect(pulls->errands);
    struct flight *flight = flight_refused(pulls);
    if (!flight)
        return NULL;
    refusal_set(ret_refusal, CODE_REGISTRY_DENIED,
                "this host's credentials for %s could not be had: %s", flight->image,
                flight->error->message);
    GPtrArray *waiting = g_ptr_array_ref(flight->waiting);
    g_ptr_array_remove(pulls->flights, flight);
    return waiting;
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
