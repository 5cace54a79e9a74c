/*
 * manual.h - a manual page, section 1, of tables of options and some text.
 *
 * It is made part by part, in the order in which it is read, in the macros of man(7).
 */
#pragma once

#include "options.h"

struct manual;

/* A page with its title and NAME: "muster", "fleets of containers through a log". */
struct manual *manual_new(const char *name, const char *about);
/* ".SH": "OPTIONS"; and ".SS" below it, in bold. */
void manual_section(struct manual *manual, const char *title);
void manual_part(struct manual *manual, const char *title);
/* Text that the reader's terminal breaks into lines; an empty line begins a paragraph. */
void manual_text(struct manual *manual, const char *text);
/* Lines as they are. */
void manual_lines(struct manual *manual, const char *lines);
void manual_option(struct manual *manual, const struct option *option);
/* The page; frees `manual`; g_free it. */
char *manual_end(struct manual *manual);

/* A page of a program without commands, from its tables; g_free it. */
char *manual_of_options(const char *name, const char *about,
                        const struct option_table *const *tables, size_t count);
