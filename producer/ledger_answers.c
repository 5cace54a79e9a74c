/*
 * ledger_answers.c - what was asked under an Idempotency-Key, and what was queued for it.
 */
#include "ledger_answers.h"

/* clang-format off */
#define ANSWER(name, kind) {#name, COLUMN_##kind, offsetof(struct answer_row, name), 0}
static const struct column answer_columns[] = {
    ANSWER(actor,  TEXT),
    ANSWER(key,    TEXT),
    ANSWER(digest, TEXT),
    ANSWER(queued, TEXT),
    ANSWER(at,     INTEGER),
};
static const struct table table_answers = {"answers", sizeof(struct answer_row),
                                           answer_columns, G_N_ELEMENTS(answer_columns)};
/* clang-format on */

struct answer_row *answer_row_new(void)
{
    return row_new(&table_answers);
}

void answer_row_free(struct answer_row *answer)
{
    row_free(&table_answers, answer);
}

bool ledger_find_answer(struct ledger *ledger, const char *actor, const char *key,
                        struct answer_row **ret_answer, GError **error)
{
    g_autoptr(AnswerRow) answer = answer_row_new();
    g_autoptr(Query) query = query_rows(ledger, &table_answers,
                                        "WHERE actor = ?1 AND key = ?2", error);
    if (!query)
        return false;
    query_text(query, 1, actor);
    query_text(query, 2, key);
    enum query_step step = query_step(query, error);
    if (step == QUERY_FAILED)
        return false;
    if (step == QUERY_ROW)
        query_get_row(query, &table_answers, answer);
    *ret_answer = step == QUERY_ROW ? g_steal_pointer(&answer) : NULL;
    return true;
}

bool ledger_keep_answer(struct ledger *ledger, const struct answer_row *answer,
                        GError **error)
{
    struct query *keep = query(ledger,
                               "INSERT INTO answers (actor, key, digest, queued, at) "
                               "VALUES (?1, ?2, ?3, ?4, ?5)",
                               error);
    if (!keep)
        return false;
    query_text(keep, 1, answer->actor);
    query_text(keep, 2, answer->key);
    query_text(keep, 3, answer->digest);
    query_text(keep, 4, answer->queued);
    query_integer(keep, 5, answer->at);
    return query_run(keep, error);
}
