/*
 * api_stay.c - how many streams and waits one address, and one token, may have.
 */
#include "api_parts.h"

#define AGAIN_MS 5000

struct stay {
    struct api *api;
    char *whence;
    char *token_id;
};

/* Both or none. */
static bool take(struct api *api, const char *whence, const char *token_id)
{
    g_mutex_lock(&api->mutex);
    bool good = tally_take(api->stays, whence);
    if (good && !tally_take(api->token_stays, token_id)) {
        tally_give(api->stays, whence);
        good = false;
    }
    g_mutex_unlock(&api->mutex);
    return good;
}

struct stay *stay_begin(struct visit *visit)
{
    const char *whence = http_whence(visit->exchange);
    if (!take(visit->api, whence, visit->token->id)) {
        too_many(visit, AGAIN_MS);
        return NULL;
    }
    struct stay *stay = g_new0(struct stay, 1);
    *stay = (struct stay){visit->api, g_strdup(whence), g_strdup(visit->token->id)};
    return stay;
}

void stay_end(struct stay *stay)
{
    if (!stay)
        return;
    g_mutex_lock(&stay->api->mutex);
    tally_give(stay->api->stays, stay->whence);
    tally_give(stay->api->token_stays, stay->token_id);
    g_mutex_unlock(&stay->api->mutex);
    g_free(stay->whence);
    g_free(stay->token_id);
    g_free(stay);
}
