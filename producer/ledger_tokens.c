/*
 * ledger_tokens.c - who may use HTTP.
 */
#include "ledger_tokens.h"

/* clang-format off */
#define TOKEN(name, kind, flags) {#name, COLUMN_##kind, offsetof(struct token_row, name), flags}
static const struct column token_columns[] = {
    TOKEN(id,         TEXT,             0),
    TOKEN(name,       TEXT,             0),
    TOKEN(role,       TEXT,             0),
    TOKEN(hash,       TEXT,             COLUMN_HIDDEN),
    TOKEN(created_at, INTEGER,          0),
    TOKEN(expires_at, INTEGER_OPTIONAL, 0),
    TOKEN(revoked_at, INTEGER_OPTIONAL, 0),
};
const struct table table_tokens = {"tokens", sizeof(struct token_row), token_columns,
                                   G_N_ELEMENTS(token_columns)};
/* clang-format on */

struct token_row *token_row_new(void)
{
    return row_new(&table_tokens);
}

void token_row_free(struct token_row *token)
{
    row_free(&table_tokens, token);
}

bool token_row_holds(const struct token_row *token, int64_t now)
{
    return token->revoked_at == CONTRACT_NONE &&
           (token->expires_at == CONTRACT_NONE || now < token->expires_at);
}

bool ledger_store_token(struct ledger *ledger, const struct token_row *token,
                        GError **error)
{
    return ledger_store(ledger, &table_tokens, token, error);
}

bool ledger_find_token(struct ledger *ledger, const char *hash,
                       struct token_row **ret_token, GError **error)
{
    g_autoptr(Query) query = query_rows(ledger, &table_tokens, "WHERE hash = ?1", error);
    if (!query)
        return false;
    query_text(query, 1, hash);
    g_autoptr(TokenRow) token = token_row_new();
    enum query_step step = query_step(query, error);
    if (step == QUERY_FAILED)
        return false;
    if (step == QUERY_ROW)
        query_get_row(query, &table_tokens, token);
    *ret_token = step == QUERY_ROW ? g_steal_pointer(&token) : NULL;
    return true;
}

GPtrArray *ledger_tokens(struct ledger *ledger, GError **error)
{
    g_autoptr(GPtrArray)
        tokens = g_ptr_array_new_with_free_func((GDestroyNotify)token_row_free);
    g_autoptr(Query)
        query = query_rows(ledger, &table_tokens, "ORDER BY created_at, id", error);
    enum query_step step = QUERY_FAILED;
    while (query && (step = query_step(query, error)) == QUERY_ROW) {
        struct token_row *token = token_row_new();
        query_get_row(query, &table_tokens, token);
        g_ptr_array_add(tokens, token);
    }
    return step == QUERY_END ? g_steal_pointer(&tokens) : NULL;
}
