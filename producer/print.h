/*
 * print.h - what people and programs see: tables, details, JSON lines.
 */
#pragma once

#include "rows.h"

#include <stdio.h>

/* Takes `json`. */
void print_json(json_t *json);

/* A table that fits the terminal: struct print_table *, rows of strings, printed aligned. */
struct print_table;
struct print_table *print_table_new(const char *const *headings); /* NULL-terminated */
void print_table_add(struct print_table *table, ...) G_GNUC_NULL_TERMINATED;
void print_table_end(struct print_table *table); /* prints and frees */

/* "2026-01-31 12:00:00", local time, or "-"; g_free it. */
char *print_time(int64_t ms);
/* A row as "name  value" lines, what is empty left out. */
void print_details(const struct table *table, const void *row);
/* An event as one line for people; g_free it. */
char *print_event(const struct event *event, int64_t append_ms, const char *agent_name);
