/*
 * ledger_tokens.h - who may use HTTP, by the hashes of their tokens.
 */
#pragma once

#include "ledger.h"
#include "token.h"

struct token_row {
    char *id;
    char *name; /* the log's word for who asked is "token:NAME" */
    char *role;
    char *hash;
    int64_t created_at;
    int64_t expires_at; /* CONTRACT_NONE: never */
    int64_t revoked_at; /* CONTRACT_NONE: not */
};
extern const struct table table_tokens;
struct token_row *token_row_new(void);
void token_row_free(struct token_row *token);
typedef struct token_row TokenRow;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TokenRow, token_row_free)

/* Whether it counts at that time. */
bool token_row_holds(const struct token_row *token, int64_t now);

bool ledger_store_token(struct ledger *ledger, const struct token_row *token,
                        GError **error);
/* `*ret_token` NULL: no such one.  Revoked and expired ones are found too. */
bool ledger_find_token(struct ledger *ledger, const char *hash,
                       struct token_row **ret_token, GError **error);
/* All of them, oldest first: struct token_row. */
GPtrArray *ledger_tokens(struct ledger *ledger, GError **error);
