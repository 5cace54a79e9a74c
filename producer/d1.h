/*
 * d1.h - rows of the D1 database that a control plane kept before it had Muster.
 *
 * Pure: a row as scratch.h gives it (column → value) goes in, a row of the ledger comes out,
 * or an error that names the column.  Columns that are not known are left alone; those that
 * are not there count as NULL.
 *
 *   - Times are text (SQLite's, ISO 8601), seconds or milliseconds.
 *   - `config` is text that holds a JSON object, or NULL.
 *   - What the old system was in the middle of (creating, rebuilding, …) ended with it: such
 *     a server counts as stopped until something shows more.  So does one that it called
 *     missing, which Muster proves afresh.
 *   - A deleted server has no container, whatever its row still says.
 */
#pragma once

#include "rows.h"

#include <jansson.h>

#define D1_ERROR (d1_error_quark())
GQuark d1_error_quark(void);
enum d1_error { D1_ERROR_INVALID };

/* An agent's name may have been any text; it becomes one that can stand in a container's.
 * `now` for times that are NULL.  partitions is left 0. */
struct agent_row *d1_agent(const json_t *row, int64_t now, GError **error);
/* The record, with status, container_id and data_exists; profile is left "". */
struct server_row *d1_server(const json_t *row, int64_t now, GError **error);
