/*
 * token.c - bearer tokens.
 */
#include "token.h"

#include <string.h>

#define PREFIX   "muster_" /* scanners for leaked secrets find it by this */
#define ALPHABET "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
#define LENGTH   43 /* of 32 bytes in base64 without padding */

static const char *const role_names[] = {
    [ROLE_NONE] = "none",
    [ROLE_VIEWER] = "viewer",
    [ROLE_OPERATOR] = "operator",
    [ROLE_ADMIN] = "admin",
};

const char *role_name(enum role role)
{
    g_assert(role < ROLE_COUNT);
    return role_names[role];
}

enum role role_from_name(const char *name)
{
    for (int i = ROLE_VIEWER; i < ROLE_COUNT; i++)
        if (g_strcmp0(name, role_names[i]) == 0)
            return (enum role)i;
    return ROLE_NONE;
}

char *token_text(const guint8 bytes[TOKEN_BYTES])
{
    g_autofree char *base64 = g_base64_encode(bytes, TOKEN_BYTES);
    g_strdelimit(base64, "+", '-');
    g_strdelimit(base64, "/", '_');
    base64[LENGTH] = '\0';
    return g_strconcat(PREFIX, base64, NULL);
}

char *token_hash(const char *text)
{
    if (!g_str_has_prefix(text, PREFIX))
        return NULL;
    const char *rest = text + strlen(PREFIX);
    if (strlen(rest) != LENGTH || strspn(rest, ALPHABET) != LENGTH)
        return NULL;
    return g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);
}
