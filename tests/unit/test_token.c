/*
 * test_token.c - tokens by their looks, and what of them is kept.
 */
#include "token.h"

#include <string.h>

static void looks(void)
{
    guint8 bytes[TOKEN_BYTES];
    memset(bytes, 0xff, sizeof bytes);
    g_autofree char *text = token_text(bytes);
    g_assert_cmpstr(text, ==, "muster___________________________________________8");
    g_autofree char *hash = token_hash(text);
    g_autofree char *expected = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text,
                                                              -1);
    g_assert_cmpstr(hash, ==, expected);
    g_assert_null(strstr(hash, text + strlen("muster_")));
}

/* What cannot be a token is not even looked for. */
static void other_looks(void)
{
    static const char *const others[] = {
        "",
        "muster_",
        "muster_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "muster_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "muster_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "muster_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\xc3",
        "Muster_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(others); i++)
        g_assert_null(token_hash(others[i]));
}

static void roles(void)
{
    for (int i = ROLE_VIEWER; i < ROLE_COUNT; i++)
        g_assert_cmpint(role_from_name(role_name((enum role)i)), ==, i);
    g_assert_cmpint(role_from_name("none"), ==, ROLE_NONE);
    g_assert_cmpint(role_from_name("root"), ==, ROLE_NONE);
    g_assert_cmpint(role_from_name(NULL), ==, ROLE_NONE);
    g_assert_cmpint(ROLE_VIEWER, <, ROLE_OPERATOR);
    g_assert_cmpint(ROLE_OPERATOR, <, ROLE_ADMIN);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/token/looks", looks);
    g_test_add_func("/token/other_looks", other_looks);
    g_test_add_func("/token/roles", roles);
    return g_test_run();
}
