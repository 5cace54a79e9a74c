/*
 * cli_profile.c - muster profile …: which games there are.
 *
 * A profile is brought by `--profile FILE` where a server is made or changed; here they are
 * shown, to copy one and change it.
 */
#include "cli.h"

#include "print.h"
#include "print_table.h"
#include "profile.h"

#include <stdio.h>

static int profile_list(struct call *call, GError **error)
{
    static const struct print_column columns[] = {
        {"NAME", PRINT_NAME}, {"ORIGIN", PRINT_KEEP}, {"ABOUT", PRINT_CUT}};
    json_auto_t *list = profile_list_json(call->session.ledger, error);
    size_t i;
    json_t *row;
    if (!list)
        return CLI_UNREACHABLE;
    if (call->common->json) {
        print_json(json_incref(list));
        return CLI_DONE;
    }
    struct print_table *table = print_table_new(columns, G_N_ELEMENTS(columns));
    json_array_foreach(list, i, row)
        print_table_add(table, json_string_value(json_object_get(row, "name")),
                        json_string_value(json_object_get(row, "origin")),
                        json_string_value(json_object_get(row, "about")), NULL);
    print_table_end(table);
    return CLI_DONE;
}

static int profile_show(struct call *call, GError **error)
{
    json_t *profile = profile_find(call->session.ledger, call->words[0], error);
    if (!profile)
        return CLI_USAGE;
    if (call->common->json) {
        print_json(profile);
        return CLI_DONE;
    }
    print_json_text(profile, JSON_INDENT(2));
    fputc('\n', stdout);
    json_decref(profile);
    return CLI_DONE;
}

/* clang-format off */
const struct cli_row cli_profile_rows[] = {
    {"profile", "list", "", 0, "the games that servers can be of; --profile FILE brings another", NULL, 0, profile_list},
    {"profile", "show", "PROFILE", 1, "one as the JSON that it is", NULL, 0, profile_show},
};
/* clang-format on */
const size_t cli_n_profile_rows = G_N_ELEMENTS(cli_profile_rows);
