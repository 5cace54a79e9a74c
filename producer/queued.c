/*
 * queued.c - what a request has come to, and the answer to one that is asked again.
 */
#include "request.h"

#include "adopted.h"
#include "ledger_answers.h"

struct queued *queued_new(const char *command_id, const char *server_id,
                          const char *agent_id, const char *event_id)
{
    struct queued *queued = g_new0(struct queued, 1);
    queued->command_id = g_strdup(command_id);
    queued->server_id = g_strdup(server_id);
    queued->agent_id = g_strdup(agent_id);
    queued->event_id = g_strdup(event_id);
    return queued;
}

void queued_free(struct queued *queued)
{
    if (!queued)
        return;
    g_free(queued->command_id);
    g_free(queued->server_id);
    g_free(queued->agent_id);
    g_free(queued->event_id);
    json_decref(queued->proposal);
    json_decref(queued->differences);
    g_free(queued);
}

/* --- Once ----------------------------------------------------------------------------------- */

static char *queued_text(const GPtrArray *all)
{
    json_auto_t *list = json_array();
    for (guint i = 0; i < all->len; i++) {
        const struct queued *queued = all->pdata[i];
        json_array_append_new(list, json_pack("[s?, s?, s, s, O?]", queued->command_id,
                                              queued->server_id, queued->agent_id,
                                              queued->event_id, queued->differences));
    }
    return json_dumps(list, JSON_COMPACT);
}

GPtrArray *request_recall(const char *kept, GError **error)
{
    json_auto_t *list = json_loads(kept, 0, NULL);
    GPtrArray *all = g_ptr_array_new_with_free_func((GDestroyNotify)queued_free);
    size_t i;
    json_t *ids;
    json_array_foreach(list, i, ids)
    {
        struct queued *queued = queued_new(json_string_value(json_array_get(ids, 0)),
                                           json_string_value(json_array_get(ids, 1)),
                                           json_string_value(json_array_get(ids, 2)),
                                           json_string_value(json_array_get(ids, 3)));
        json_t *differences = json_array_get(ids, 4);
        if (json_is_array(differences))
            queued->differences = json_incref(differences);
        g_ptr_array_add(all, queued);
    }
    if (all->len > 0)
        return all;
    g_ptr_array_unref(all);
    g_set_error(error, LEDGER_ERROR, LEDGER_ERROR_FAILED,
                "the ledger's answer to a repeated request cannot be read");
    return NULL;
}

bool request_commit(struct ledger *ledger, const struct request *request,
                    const GPtrArray *all, GError **error)
{
    if (!request->once)
        return ledger_commit(ledger, error);
    g_autofree char *text = queued_text(all);
    const struct answer_row answer = {
        .actor = (char *)request->actor,
        .key = (char *)request->once->key,
        .digest = (char *)request->once->digest,
        .queued = text,
        .at = request->now,
    };
    return ledger_keep_answer(ledger, &answer, error) && ledger_commit(ledger, error);
}

bool request_commit_one(struct ledger *ledger, const struct request *request,
                        const struct queued *queued, GError **error)
{
    g_autoptr(GPtrArray) all = g_ptr_array_new();
    g_ptr_array_add(all, (gpointer)queued);
    return request_commit(ledger, request, all, error);
}

bool queued_note_differences(struct queued *queued, struct ledger *ledger,
                             const struct server_row *server, GError **error)
{
    g_autoptr(GPtrArray) differences = adopted_differences_of(ledger, server, error);
    if (differences && differences->len > 0)
        queued->differences = differences_json(differences);
    return differences != NULL;
}
