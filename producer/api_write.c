/*
 * api_write.c - servers: made, changed, taken over, and all that can be asked of one.
 *
 * Each goes into the ledger by the function that the command line uses, too; the bell wakes
 * the loop, which sends it.
 */
#include "api_write.h"

#include "adopt.h"
#include "ledger_answers.h"
#include "ledger_rows.h"
#include "lock.h"
#include "profile.h"
#include "rules.h"
#include "view.h"

#include <string.h>

/* --- Once ----------------------------------------------------------------------------------- */

/* Of all that was asked: method, path, query and body. */
static char *digest_of(const struct visit *visit)
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    const char *const words[] = {visit->route->method, http_path(visit->exchange)};
    gsize length;
    const void *body = g_bytes_get_data(http_body(visit->exchange), &length);
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
        g_checksum_update(sum, (const guchar *)words[i], (gssize)strlen(words[i]) + 1);
    for (guint i = 0; i < visit->query->len; i++) {
        const char *word = visit->query->pdata[i];
        g_checksum_update(sum, (const guchar *)word, (gssize)strlen(word) + 1);
    }
    if (length > 0)
        g_checksum_update(sum, body, (gssize)length);
    return g_strdup(g_checksum_get_string(sum));
}

static bool is_key(const char *key)
{
    size_t length = strlen(key);
    for (const char *at = key; *at; at++)
        if (!g_ascii_isgraph(*at))
            return false;
    return length > 0 && length <= ANSWER_KEY_MAX;
}

static enum wished recall(struct visit *visit, write_answer *answer,
                          const struct answer_row *kept, GError **error)
{
    if (!g_str_equal(kept->digest, visit->once.digest)) {
        answer_problem(visit, 422, "key_used", "Idempotency-Key",
                       "this Idempotency-Key was used for another request");
        return WISHED_ANSWERED;
    }
    g_autoptr(GPtrArray) all = request_recall(kept->queued, error);
    return all && answer(visit, all, error) ? WISHED_ANSWERED : WISHED_FAILED;
}

enum wished write_recall(struct visit *visit, write_answer *answer, GError **error)
{
    const char *key = http_header(visit->exchange, "Idempotency-Key");
    g_autoptr(AnswerRow) kept = NULL;
    if (!key)
        return WISHED;
    if (!is_key(key)) {
        answer_problem(visit, 400, "invalid", "Idempotency-Key",
                       "Idempotency-Key: 1 to 200 printable ASCII characters");
        return WISHED_ANSWERED;
    }
    visit->digest = digest_of(visit);
    visit->once = (struct once){key, visit->digest};
    visit->repeat = answer;
    if (!ledger_find_answer(visit->desk->ledger, visit->actor, key, &kept, error))
        return WISHED_FAILED;
    return kept ? recall(visit, answer, kept, error) : WISHED;
}

/* Both find no answer that is kept, and queue: the ledger takes one of them alone.  The other is
 * refused there, or before, for what the first has changed (the name is taken, a command is
 * open). */
void write_answer_as_twin(struct visit *visit)
{
    g_autoptr(AnswerRow) kept = NULL;
    g_autoptr(GError) error = NULL;
    if (!visit->once.key || visit->reply.status < 400 ||
        !ledger_find_answer(visit->desk->ledger, visit->actor, visit->once.key, &kept,
                            &error) ||
        !kept)
        return;
    http_reply_clear(&visit->reply);
    if (recall(visit, visit->repeat, kept, &error) == WISHED_FAILED)
        answer_error(visit, error);
}

/* --- Answers ---------------------------------------------------------------------------------- */

static char *location_of(const struct queued *queued)
{
    if (queued->command_id)
        return g_strdup_printf("/commands/%s", queued->command_id);
    if (queued->server_id)
        return g_strdup_printf("/agents/%s/servers/%s", queued->agent_id,
                               queued->server_id);
    return g_strdup_printf("/agents/%s", queued->agent_id);
}

bool write_answer_queued(struct visit *visit, const GPtrArray *all, GError **error)
{
    g_autofree char *location = location_of(all->pdata[0]);
    json_t *json = view_queued_json(visit->desk->ledger, all, error);
    if (!json)
        return false;
    http_reply_header(&visit->reply, "Location", location);
    return answer_json(visit, 202, json);
}

/* Rings for the loop, and has the feed look at what has moved. */
static bool finish_all(struct visit *visit, const GPtrArray *all, write_answer *answer,
                       GError **error)
{
    bell_ring(visit->api->ledger_path);
    feed_poke(visit->api->feed);
    return answer(visit, all, error);
}

bool write_finish(struct visit *visit, struct queued *queued_taken, write_answer *answer,
                  GError **error)
{
    g_autoptr(GPtrArray)
        all = g_ptr_array_new_with_free_func((GDestroyNotify)queued_free);
    if (!queued_taken)
        return false;
    g_ptr_array_add(all, queued_taken);
    return finish_all(visit, all, answer, error);
}

static bool answer_changed(struct visit *visit, const GPtrArray *all, GError **error)
{
    const struct queued *queued = all->pdata[0];
    g_autoptr(ServerRow) server = NULL;
    if (!ledger_load_server(visit->desk->ledger, queued->server_id, &server, error))
        return false;
    return server ? answer_server(visit, server, error)
                  : answer_not_found(visit, "server", queued->server_id);
}

/* A profile is named, never a file: that would be one of this machine. */
static bool has_profile(struct visit *visit, const struct wish *wish)
{
    json_auto_t *profile = wish->profile
                               ? profile_find(visit->desk->ledger, wish->profile, NULL)
                               : NULL;
    if (profile || !wish->profile)
        return true;
    answer_problem_format(visit, 404, "not_found", "profile",
                          "profile: there is no '%.100s'; GET /profiles lists them",
                          wish->profile);
    return false;
}

/* Reads what is asked; true: to be done. */
static bool begin(struct visit *visit, const struct ask_table *table, struct wish *wish,
                  write_answer *answer, bool *ret_good, GError **error)
{
    enum wished wished = wish_take(visit, table, wish, error);
    if (wished == WISHED)
        wished = write_recall(visit, answer, error);
    *ret_good = wished != WISHED_FAILED;
    return wished == WISHED && has_profile(visit, wish);
}

/* --- Records ------------------------------------------------------------------------------------ */

bool api_create(struct visit *visit, GError **error)
{
    g_auto(Wish) wish = WISH_NONE;
    bool good;
    g_autoptr(AgentRow) agent = visit_agent(visit, error);
    if (!agent ||
        !begin(visit, &wish_server_new, &wish, write_answer_queued, &good, error))
        return agent && good;
    g_autoptr(ServerRow) draft = server_row_new();
    row_set(&draft->agent_id, agent->id);
    wish_put(&wish, draft);
    const struct request request = wish_request(visit, &wish, ACTION_CREATE);
    return write_finish(
        visit,
        request_create(visit->desk->ledger, visit->desk->codec, draft, &request, error),
        write_answer_queued, error);
}

bool api_change(struct visit *visit, GError **error)
{
    g_auto(Wish) wish = WISH_NONE;
    bool good;
    g_autoptr(ServerRow) server = visit_server(visit, NULL, error);
    if (!server ||
        !begin(visit, &wish_server_change, &wish, answer_changed, &good, error))
        return server && good;
    wish_put(&wish, server);
    const struct request request = wish_request(visit, &wish, ACTION_UNKNOWN);
    return write_finish(
        visit,
        request_change(visit->desk->ledger, visit->desk->codec, server, &request, error),
        answer_changed, error);
}

bool api_adopt(struct visit *visit, GError **error)
{
    g_auto(Wish) wish = WISH_NONE;
    bool good;
    g_autoptr(AgentRow) agent = visit_agent(visit, error);
    if (!agent || !begin(visit, &wish_adopt, &wish, write_answer_queued, &good, error))
        return agent && good;
    g_autoptr(ServerRow) draft = server_row_new();
    row_set(&draft->agent_id, agent->id);
    wish_put(&wish, draft);
    const struct request request = wish_request(visit, &wish, ACTION_UNKNOWN);
    return write_finish(visit,
                        adopt(visit->desk->ledger, visit->desk->codec, draft,
                              wish.container, &request, error),
                        write_answer_queued, error);
}

bool api_sync(struct visit *visit, GError **error)
{
    g_auto(Wish) wish = WISH_NONE;
    bool good;
    g_autoptr(AgentRow) agent = visit_agent(visit, error);
    if (!agent || !begin(visit, &wish_sync, &wish, write_answer_queued, &good, error))
        return agent && good;
    const struct request request = wish_request(visit, &wish, ACTION_SYNC);
    g_autoptr(GPtrArray) all = request_sync(visit->desk->ledger, visit->desk->codec,
                                            agent->id, &request, error);
    return all && finish_all(visit, all, write_answer_queued, error);
}

/* --- Actions -------------------------------------------------------------------------------------- */

/* Says no with what would be possible. */
static void refuse(struct visit *visit, const struct server_row *server,
                   const GError *error)
{
    answer_error(visit, error);
    if (visit->reply.status == 409)
        answer_possible(visit, rule_actions(server));
}

static bool act(struct visit *visit, const struct ask_table *table, enum action action,
                GError **error)
{
    g_auto(Wish) wish = WISH_NONE;
    g_autoptr(GError) refused = NULL;
    bool good;
    g_autoptr(ServerRow) server = visit_server(visit, NULL, error);
    if (!server || !begin(visit, table, &wish, write_answer_queued, &good, error))
        return server && good;
    const struct request request = wish_request(visit, &wish, action);
    struct queued *queued = request_action(visit->desk->ledger, visit->desk->codec,
                                           server->id, &request, &refused);
    if (!queued) {
        refuse(visit, server, refused);
        return true;
    }
    return write_finish(visit, queued, write_answer_queued, error);
}

/* clang-format off */
#define ACTION(name, action, table) \
    bool name(struct visit *visit, GError **error) { return act(visit, table, action, error); }
ACTION(api_start_server, ACTION_START,    &wish_start)
ACTION(api_stop_server,  ACTION_STOP,     &wish_stop)
ACTION(api_restart,      ACTION_RESTART,  &wish_replace)
ACTION(api_rebuild,      ACTION_REBUILD,  &wish_replace)
ACTION(api_recreate,     ACTION_RECREATE, &wish_start)
ACTION(api_restore,      ACTION_RESTORE,  &wish_restore)
ACTION(api_cancel,       ACTION_CANCEL,   &wish_cancel)
ACTION(api_delete,       ACTION_DELETE,   &wish_remove)
ACTION(api_purge,        ACTION_PURGE,    &wish_purge)
/* clang-format on */
