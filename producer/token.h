/*
 * token.h - bearer tokens: how one looks, how it is kept, and what its role may.
 *
 * Pure.  A token is 32 random bytes, so a plain SHA-256 of it is enough to keep: nothing can
 * be guessed from that, and a stretched hash would only make every request slow.
 */
#pragma once

#include <glib.h>

#define TOKEN_BYTES 32

/* Who may what; each may what those before it may. */
enum role {
    ROLE_NONE,     /* nobody is asked */
    ROLE_VIEWER,   /* reads, but no values of config */
    ROLE_OPERATOR, /* makes, changes and runs servers */
    ROLE_ADMIN,    /* deletes, purges, restores, and manages agents */
    ROLE_COUNT,
};

const char *role_name(enum role role);      /* "viewer"; "none" */
enum role role_from_name(const char *name); /* ROLE_NONE if it is none that a token has */

/* "muster_" and 43 characters of base64url; g_free it. */
char *token_text(const guint8 bytes[TOKEN_BYTES]);
/* Hex SHA-256; NULL if this is no token by its looks.  g_free it. */
char *token_hash(const char *text);
