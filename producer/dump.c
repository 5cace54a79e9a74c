/*
 * dump.c - a SQL dump, taken apart into its statements.
 */
#include "dump.h"

#include <string.h>

#define HEAD_MOST 12 /* tokens that say what a statement is; more than any needs */

G_DEFINE_QUARK(muster_dump_error, dump_error)

/* --- Tokens ---------------------------------------------------------------------------- */

enum token_kind {
    TOKEN_END,
    TOKEN_UNCLOSED, /* a quote or comment that goes on to the end of the text */
    TOKEN_WORD,
    TOKEN_QUOTED,
    TOKEN_SEMICOLON,
    TOKEN_OTHER,
};

struct token {
    enum token_kind kind;
    const char *text;
    size_t length;
};

static bool is_word(char c)
{
    return g_ascii_isalnum(c) || c == '_' || c == '$' || (c & 0x80);
}

/* Past white space and comments; false if a comment does not end. */
static bool skip_blank(const char **at, const char *end)
{
    while (*at < end) {
        const char *from = *at;
        if (g_ascii_isspace(*from)) {
            (*at)++;
        } else if (end - from >= 2 && from[0] == '-' && from[1] == '-') {
            const char *newline = memchr(from, '\n', (size_t)(end - from));
            *at = newline ? newline : end;
        } else if (end - from >= 2 && from[0] == '/' && from[1] == '*') {
            const char *close = memmem(from + 2, (size_t)(end - from - 2), "*/", 2);
            if (!close)
                return false;
            *at = close + 2;
        } else {
            return true;
        }
    }
    return true;
}

/* The end of what is quoted from `from` on, NULL if there is none.  Within quotes the quote
 * is doubled; a bracket cannot be. */
static const char *quoted_end(const char *from, const char *end)
{
    const int close = *from == '[' ? ']' : *from;
    const char *at = from + 1;
    while ((at = at < end ? memchr(at, close, (size_t)(end - at)) : NULL)) {
        if (close == ']' || at + 1 >= end || at[1] != close)
            return at + 1;
        at += 2;
    }
    return NULL;
}

static struct token next_token(const char **at, const char *end)
{
    if (!skip_blank(at, end))
        return (struct token){TOKEN_UNCLOSED, *at, 0};
    const char *from = *at;
    if (from == end)
        return (struct token){TOKEN_END, from, 0};
    enum token_kind kind = TOKEN_OTHER;
    const char *to = from + 1;
    if (*from == ';') {
        kind = TOKEN_SEMICOLON;
    } else if (strchr("'\"`[", *from)) {
        kind = TOKEN_QUOTED;
        to = quoted_end(from, end);
        if (!to)
            return (struct token){TOKEN_UNCLOSED, from, 0};
    } else if (is_word(*from)) {
        kind = TOKEN_WORD;
        while (to < end && is_word(*to))
            to++;
    }
    *at = to;
    return (struct token){kind, from, (size_t)(to - from)};
}

static bool token_is(const struct token *token, const char *word)
{
    return token->kind == TOKEN_WORD && token->length == strlen(word) &&
           g_ascii_strncasecmp(token->text, word, token->length) == 0;
}

/* A name as SQLite compares it: without its quotes, in lower case. */
static char *token_name(const struct token *token)
{
    if (token->kind == TOKEN_WORD)
        return g_ascii_strdown(token->text, (gssize)token->length);
    char quote = token->text[0];
    GString *name = g_string_new(NULL);
    for (size_t i = 1; i + 1 < token->length; i++) {
        g_string_append_c(name, g_ascii_tolower(token->text[i]));
        if (token->text[i] == quote)
            i++; /* doubled */
    }
    return g_string_free(name, FALSE);
}

/* --- What a statement is ------------------------------------------------------------------ */

/* The first tokens of a statement, with an END behind them. */
struct head {
    struct token tokens[HEAD_MOST + 1];
    size_t count;
};

static bool skip_words(const struct head *head, size_t *at, const char *const *words)
{
    size_t from = *at;
    for (size_t i = 0; words[i]; i++)
        if (!token_is(&head->tokens[MIN(from + i, HEAD_MOST)], words[i]))
            return false;
    *at += g_strv_length((char **)words);
    return true;
}
#define SKIP(head, at, ...) skip_words(head, at, (const char *const[]){__VA_ARGS__, NULL})

/* "name" or "schema.name" at this place; NULL if there is none. */
static char *name_at(const struct head *head, size_t at)
{
    const struct token *name = &head->tokens[MIN(at, HEAD_MOST)];
    const struct token *dot = &head->tokens[MIN(at + 1, HEAD_MOST)];
    if (dot->kind == TOKEN_OTHER && *dot->text == '.')
        name = &head->tokens[MIN(at + 2, HEAD_MOST)];
    return name->kind == TOKEN_WORD || name->kind == TOKEN_QUOTED ? token_name(name)
                                                                  : NULL;
}

static bool is_trigger(const struct head *head)
{
    size_t at = 0;
    return SKIP(head, &at, "create") &&
           (SKIP(head, &at, "trigger") || SKIP(head, &at, "temp", "trigger") ||
            SKIP(head, &at, "temporary", "trigger"));
}

static bool skip_insert(const struct head *head, size_t *at)
{
    static const char *const conflicts[] = {"replace", "ignore", "abort", "fail",
                                            "rollback"};
    if (SKIP(head, at, "insert", "into") || SKIP(head, at, "replace", "into"))
        return true;
    for (size_t i = 0; i < G_N_ELEMENTS(conflicts); i++)
        if (SKIP(head, at, "insert", "or", conflicts[i], "into"))
            return true;
    return false;
}

static void classify(const struct head *head, struct dump_statement *statement)
{
    size_t at = 0;
    statement->kind = DUMP_OTHER;
    if (SKIP(head, &at, "create", "table")) {
        SKIP(head, &at, "if", "not", "exists");
        statement->kind = DUMP_CREATE_TABLE;
    } else if (skip_insert(head, &at)) {
        statement->kind = DUMP_INSERT;
    } else {
        return;
    }
    statement->table = name_at(head, at);
    if (!statement->table)
        statement->kind = DUMP_OTHER;
}

/* --- Statements ----------------------------------------------------------------------------- */

/* A trigger ends by "; END;", everything else by the first semicolon. */
static bool ends_here(const struct head *head, const struct token last[2])
{
    return !is_trigger(head) ||
           (token_is(&last[1], "end") && last[0].kind == TOKEN_SEMICOLON);
}

static bool cut(const struct dump *dump, GError **error)
{
    g_set_error(error, DUMP_ERROR, DUMP_ERROR_CUT,
                "line %d: a statement begins here and does not end: the file is cut off",
                dump->line);
    return false;
}

static void count_lines(struct dump *dump, const char *to)
{
    for (const char *at = dump->at; (at = memchr(at, '\n', (size_t)(to - at))); at++)
        dump->line++;
    dump->at = to;
}

bool dump_open(struct dump *dump, const char *text, size_t length, GError **error)
{
    *dump = (struct dump){text, text + length, 1};
    if (!memchr(text, '\0', length))
        return true;
    g_set_error(error, DUMP_ERROR, DUMP_ERROR_NUL,
                "is not the text of a dump: it holds NUL bytes");
    return false;
}

static bool read_statement(struct dump *dump, struct dump_statement *statement,
                           GError **error)
{
    struct head head = {0};
    struct token last[2] = {0}; /* the two before */
    const char *at = dump->at;
    for (;;) {
        struct token token = next_token(&at, dump->end);
        if (token.kind == TOKEN_END || token.kind == TOKEN_UNCLOSED)
            return cut(dump, error);
        if (token.kind == TOKEN_SEMICOLON && ends_here(&head, last)) {
            statement->length = (size_t)(token.text - statement->text);
            break;
        }
        if (head.count < HEAD_MOST)
            head.tokens[head.count++] = token;
        last[0] = last[1];
        last[1] = token;
    }
    classify(&head, statement);
    count_lines(dump, at);
    return true;
}

bool dump_next(struct dump *dump, struct dump_statement *ret_statement, GError **error)
{
    const char *at = dump->at;
    struct token first = next_token(&at, dump->end);
    while (first.kind == TOKEN_SEMICOLON)
        first = next_token(&at, dump->end);
    count_lines(dump, first.text);
    struct dump_statement statement = {.text = first.text, .line = dump->line};
    if (first.kind == TOKEN_UNCLOSED)
        return cut(dump, error);
    if (first.kind != TOKEN_END && !read_statement(dump, &statement, error))
        return false;
    *ret_statement = statement;
    return true;
}

void dump_statement_clear(struct dump_statement *statement)
{
    g_clear_pointer(&statement->table, g_free);
}
