/*
 * ledger_answers.h - what was asked under an Idempotency-Key, and what was queued for it.
 *
 * Kept in the transaction that queues it, so that whoever asks again under the same key gets
 * what came of it, whatever was killed in between, and nothing is queued twice.
 */
#pragma once

#include "ledger.h"

#define ANSWER_KEY_MAX 200 /* bytes */

struct answer_row {
    char *actor;
    char *key;
    char *digest; /* of the request: another one under that key is an error */
    char *queued; /* JSON */
    int64_t at;
};
struct answer_row *answer_row_new(void);
void answer_row_free(struct answer_row *answer);
typedef struct answer_row AnswerRow;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AnswerRow, answer_row_free)

/* `*ret_answer` NULL: nobody has asked so. */
bool ledger_find_answer(struct ledger *ledger, const char *actor, const char *key,
                        struct answer_row **ret_answer, GError **error);
/* Fails where there is one already. */
bool ledger_keep_answer(struct ledger *ledger, const struct answer_row *answer,
                        GError **error);
