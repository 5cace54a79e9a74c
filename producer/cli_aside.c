/*
 * cli_aside.c - muster audit aside: what the ledger could not take from the log.
 */
#include "cli.h"

#include "ledger_aside.h"
#include "ledger_rows.h"
#include "print.h"
#include "print_table.h"

const char cli_aside_details[] =
    "A row for each reason, partition and agent, however many records there are; `muster audit\n"
    "check` names each.  They change nothing.  Of an agent whose key a record of an unknown\n"
    "schema bears, not all is known: its servers are shown as unknown until a muster that reads\n"
    "it folds them anew, which the first command after an upgrade does, or until `muster agent\n"
    "release` says that this is known.\n"
    "  no_value         it has none\n"
    "  malformed        nobody can decode it\n"
    "  unknown_schema   a newer worker's, or another program's\n"
    "  wrong_partition  not in the partition of its agent\n";

static json_t *aside_json(const struct aside_row *row)
{
    json_t *json = json_pack("{s:I, s:s, s:I, s:b, s:I, s:I, s:s}", "partition",
                             (json_int_t)row->partition, "reason", row->reason, "records",
                             (json_int_t)row->records, "marks", row->marks, "first_at",
                             (json_int_t)row->first_at, "last_at",
                             (json_int_t)row->last_at, "message", row->message);
    const bool placed = row->first_offset != CONTRACT_NONE;
    json_object_set_new(json, "agent_id",
                        *row->agent_id ? json_string(row->agent_id) : json_null());
    json_object_set_new(json, "first_offset",
                        placed ? json_integer(row->first_offset) : json_null());
    json_object_set_new(json, "last_offset",
                        placed ? json_integer(row->last_offset) : json_null());
    return json;
}

static void print_all_json(const GPtrArray *rows)
{
    json_t *list = json_array();
    for (guint i = 0; i < rows->len; i++)
        json_array_append_new(list, aside_json(rows->pdata[i]));
    print_json(list);
}

static char *place_text(int64_t partition, int64_t offset)
{
    return offset == CONTRACT_NONE
               ? g_strdup_printf("%" G_GINT64_FORMAT "@-", partition)
               : g_strdup_printf("%" G_GINT64_FORMAT "@%" G_GINT64_FORMAT, partition,
                                 offset);
}

static bool add_row(struct call *call, struct print_table *table,
                    const struct aside_row *row, GError **error)
{
    g_autoptr(AgentRow) agent = NULL;
    if (!ledger_load_agent(call->session.ledger, row->agent_id, &agent, error))
        return false;
    g_autofree char *first = place_text(row->partition, row->first_offset);
    g_autofree char *last = place_text(row->partition, row->last_offset);
    g_autofree char *records = g_strdup_printf("%" G_GINT64_FORMAT, row->records);
    g_autofree char *since = print_time(row->first_at);
    print_table_add(table, first, last, records, row->reason,
                    !agent       ? "-"
                    : row->marks ? agent->name
                                 : "released",
                    since, row->message, NULL);
    return true;
}

static bool print_all(struct call *call, const GPtrArray *rows, GError **error)
{
    static const struct print_column columns[] = {
        {"FIRST", PRINT_KEEP},         {"LAST", PRINT_KEEP},  {"RECORDS", PRINT_KEEP},
        {"REASON", PRINT_KEEP},        {"MARKS", PRINT_NAME}, {"SINCE", PRINT_DROP},
        {"WHY (THE LAST)", PRINT_CUT},
    };
    struct print_table *table = print_table_new(columns, G_N_ELEMENTS(columns));
    bool good = true;
    for (guint i = 0; good && i < rows->len; i++)
        good = add_row(call, table, rows->pdata[i], error);
    print_table_end(table);
    return good;
}

int cli_audit_aside(struct call *call, GError **error)
{
    if (!session_take_log(&call->session, error))
        return CLI_UNREACHABLE;
    g_autoptr(GPtrArray) rows = ledger_aside(call->session.ledger, error);
    if (!rows)
        return CLI_UNREACHABLE;
    if (call->common->json)
        print_all_json(rows);
    else if (!print_all(call, rows, error))
        return CLI_UNREACHABLE;
    return CLI_DONE;
}
