/*
 * print.h - what people and programs see: details, events, JSON lines; print_table.h has tables.
 */
#pragma once

#include "rows.h"

#include <stdio.h>

/* As json_dumpf() to standard output, harmless to a terminal (clean.h). */
void print_json_text(const json_t *json, size_t flags);
/* Takes `json`. */
void print_json(json_t *json);
/* Takes out what is no plain value, but for the remarks: the command line prints flat objects,
 * the API whole ones. */
void json_flatten(json_t *object);

/* "2026-01-31 12:00:00", local time, or "-"; g_free it. */
char *print_time(int64_t ms);
/* A row as "name  value" lines, what is empty left out. */
void print_details(const struct table *table, const void *row);
/* One such line; on a terminal a long value goes on in the next one, below itself. */
void print_field(const char *name, const char *value);
/* An event as one line for people; g_free it. */
char *print_event(const struct event *event, int64_t append_ms, const char *agent_name);
