/*
 * pulls.h - one pull per image, however many jobs wait for it (single flight).
 *
 * Before a pull goes out, its credentials are found on threads of its own: a helper that
 * hangs keeps nobody waiting but the pulls.
 */
#pragma once

#include "credentials.h"
#include "docker.h"
#include "pull.h"

struct pulls;
/* `credentials` is borrowed; NULL: none are looked for. */
struct pulls *pulls_new(struct docker *docker,
                        const struct credentials_source *credentials);
/* Waits for the helpers that run. */
void pulls_free(struct pulls *pulls);

/* Joins the pull of `image`, or starts it with `request` (taken in any case).  `who` is told
 * apart by its address alone. */
void pulls_join(struct pulls *pulls, const char *image, struct request *request,
                void *who);
/* Leaves; the last one to leave ends the pull. */
void pulls_leave(struct pulls *pulls, void *who);
/* The progress of the pull that `who` waits for, or NULL; borrowed. */
const struct pull_stream *pulls_stream(const struct pulls *pulls, const void *who);

/* Sends the pulls whose credentials have come.  Returns those who wait for one that cannot
 * begin (borrowed pointers) with the reason, which the caller clears; NULL: no (more) such. */
GPtrArray *pulls_refused(struct pulls *pulls, struct refusal *ret_refusal);
/* Offers a line; false: not of a pull. */
bool pulls_line(struct pulls *pulls, uint64_t ticket, const char *line);
/* Offers a reply; if it ends a pull, the ones who waited (borrowed pointers) and its stream,
 * which the caller frees; otherwise NULL. */
GPtrArray *pulls_reply(struct pulls *pulls, const struct reply *reply,
                       struct pull_stream **ret_stream);

typedef struct pulls Pulls;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Pulls, pulls_free)
