/*
 * scratch_functions.h - what a newer SQLite writes into its dumps, for an older one.
 */
#pragma once

#include <sqlite3.h>
#include <stdbool.h>

/* unistr(), which `.dump` writes since SQLite 3.50 for text with control characters. */
bool scratch_functions_add(sqlite3 *db);
