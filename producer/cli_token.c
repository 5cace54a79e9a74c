/*
 * cli_token.c - muster token …: who may use the HTTP API.
 *
 * A token is shown once, when it is made; the ledger keeps its hash.
 */
#include "cli.h"

#include "clean.h"
#include "check.h"
#include "ledger_tokens.h"
#include "print.h"
#include "print_table.h"

#include <stdio.h>
#include <sys/random.h>

/* clang-format off */
#define FLAG(name, letter, kind, field, argument, help) \
    {name, letter, OPTION_##kind, offsetof(struct flags, field), argument, help}
static const struct option add_options[] = {
    {"role", 0, OPTION_STRING, offsetof(struct flags, role), "viewer|operator|admin",
     "viewer (reads), operator (runs servers) or admin (also deletes, purges, restores, and manages agents)", true},
    FLAG("name", 0, STRING, name, "NAME", "whose it is, for the log (default: its id)"),
    FLAG("expires", 0, DURATION, expires_ms, "TIME", "ends after that, such as 30d (default: never)"),
};
/* clang-format on */

/* By id or name; of several of a name, the one that counts. */
static struct token_row *find(const GPtrArray *tokens, const char *words)
{
    struct token_row *found = NULL;
    for (guint i = 0; i < tokens->len; i++) {
        struct token_row *token = tokens->pdata[i];
        if (g_str_equal(token->id, words))
            return token;
        if (g_str_equal(token->name, words) &&
            (!found || token->revoked_at == CONTRACT_NONE))
            found = token;
    }
    return found;
}

/* In the log only the name tells who it was, so no two that count may share one. */
static bool check_free(struct call *call, const char *name, GError **error)
{
    g_autoptr(GPtrArray) tokens = ledger_tokens(call->session.ledger, error);
    const struct token_row *holder = tokens ? find(tokens, name) : NULL;
    if (!tokens || !check_name("--name", name, error))
        return false;
    if (!holder || !token_row_holds(holder, session_now()))
        return true;
    cli_usage(error, "there is a token '%s' already; `muster token revoke %s` ends it",
              name, name);
    return false;
}

static int token_add(struct call *call, GError **error)
{
    const struct flags *flags = call->flags;
    guint8 bytes[TOKEN_BYTES];
    int64_t now = session_now();
    g_autoptr(TokenRow) token = token_row_new();
    if (role_from_name(flags->role) == ROLE_NONE)
        return cli_usage(error, "--role: '%s' is not viewer, operator or admin",
                         flags->role);
    g_free(token->id);
    token->id = uuid7_new(now);
    row_set(&token->name, flags->name ? flags->name : token->id);
    row_set(&token->role, flags->role);
    token->created_at = now;
    token->expires_at = flags->expires_ms ? now + flags->expires_ms : CONTRACT_NONE;
    token->revoked_at = CONTRACT_NONE;
    if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
        g_error("getrandom() gives no bytes");
    g_autofree char *text = token_text(bytes);
    g_free(token->hash);
    token->hash = token_hash(text);
    if (!check_free(call, token->name, error) ||
        !ledger_store_token(call->session.ledger, token, error))
        return CLI_USAGE;
    if (call->common->json) {
        json_t *json = row_to_json(&table_tokens, token);
        json_object_set_new(json, "token", json_string(text));
        print_json(json);
    } else {
        clean_print(stdout, "%s\n", text);
    }
    return CLI_DONE;
}

static const char *state_of(const struct token_row *token, int64_t now)
{
    if (token->revoked_at != CONTRACT_NONE)
        return "revoked";
    return token_row_holds(token, now) ? "valid" : "expired";
}

static int token_list(struct call *call, GError **error)
{
    static const struct print_column columns[] = {
        {"NAME", PRINT_NAME}, {"ROLE", PRINT_KEEP},    {"STATE", PRINT_STATUS},
        {"MADE", PRINT_DROP}, {"EXPIRES", PRINT_KEEP}, {"ID", PRINT_DROP}};
    g_autoptr(GPtrArray) tokens = ledger_tokens(call->session.ledger, error);
    if (!tokens)
        return CLI_UNREACHABLE;
    json_auto_t *list = json_array();
    struct print_table *table = call->common->json
                                    ? NULL
                                    : print_table_new(columns, G_N_ELEMENTS(columns));
    for (guint i = 0; i < tokens->len; i++) {
        const struct token_row *token = tokens->pdata[i];
        g_autofree char *made = print_time(token->created_at);
        g_autofree char *expires = print_time(token->expires_at);
        if (table)
            print_table_add(table, token->name, token->role,
                            state_of(token, session_now()), made, expires, token->id,
                            NULL);
        else
            json_array_append_new(list, row_to_json(&table_tokens, token));
    }
    if (table)
        print_table_end(table);
    else
        print_json(json_incref(list));
    return CLI_DONE;
}

static int token_revoke(struct call *call, GError **error)
{
    g_autoptr(GPtrArray) tokens = ledger_tokens(call->session.ledger, error);
    struct token_row *token = tokens ? find(tokens, call->words[0]) : NULL;
    if (!tokens)
        return CLI_UNREACHABLE;
    if (!token)
        return cli_usage(error, "no token '%s'; `muster token list` shows them",
                         call->words[0]);
    if (token->revoked_at == CONTRACT_NONE)
        token->revoked_at = session_now();
    if (!ledger_store_token(call->session.ledger, token, error))
        return CLI_UNREACHABLE;
    if (call->common->json)
        print_json(row_to_json(&table_tokens, token));
    else
        clean_print(stdout, "%s\n", token->id);
    return CLI_DONE;
}

/* clang-format off */
const struct cli_row cli_token_rows[] = {
    {"token", "add", "", 0, "let somebody use the HTTP API; prints the token, once", add_options,
     G_N_ELEMENTS(add_options), token_add},
    {"token", "list", "", 0, "all tokens, without what they are", NULL, 0, token_list},
    {"token", "revoke", "TOKEN", 1, "end one, by its id or name, at once", NULL, 0, token_revoke},
};
/* clang-format on */
const size_t cli_n_token_rows = G_N_ELEMENTS(cli_token_rows);
