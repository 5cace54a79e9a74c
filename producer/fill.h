/*
 * fill.h - the texts of a profile: literal ones, and {placeholders} that are filled.
 *
 * Pure.  One grammar for who checks a profile and who makes a spec by it:
 *
 *     {name}    a word of RESOLVE_WORDS
 *     {{  }}    a brace of its own: "{{\"a\": 1}}" is {"a": 1}
 *
 * A brace that is neither is an error, so that nothing is passed on half filled.
 */
#pragma once

#include "contract.h"

#include <jansson.h>

/* What is at work while one record is resolved; the owner frees. */
struct filling {
    const json_t *profile;
    GHashTable *words; /* placeholder → value, "" if there is none */
    struct spec *spec;
};

/* Whether it is of this grammar and all its words are known; the error says which is not. */
bool fill_check(const char *field, const char *text, GError **error);
/* Whether it holds this word as a placeholder. */
bool fill_uses(const char *text, const char *word);

void fill_word(GHashTable *words, const char *name, const char *value);
void fill_word_number(GHashTable *words, const char *name, int64_t value); /* 0: none */

/* `text` filled; one that is unknown or empty is an error.  g_free it. */
char *fill(const struct filling *at, const char *field, const char *text, GError **error);
/* A string of `object` filled; `otherwise` if it is not there. */
char *fill_member(const struct filling *at, const json_t *object, const char *field,
                  const char *otherwise, GError **error);
/* Its number, or a string that comes to one; 0 if it is not there. */
bool fill_number(const struct filling *at, const json_t *object, const char *field,
                 int64_t *ret_number, GError **error);
bool fill_flag(const json_t *object, const char *field, bool otherwise);
/* Appends what a list of strings comes to; `place` names it in an error. */
bool fill_texts(const struct filling *at, const char *place, const json_t *list,
                GPtrArray *texts, GError **error);
/* Sets what an object of strings comes to. */
bool fill_pairs(const struct filling *at, const json_t *object, GPtrArray *pairs,
                GError **error);
typedef bool (*fill_item)(const struct filling *at, const json_t *item, GError **error);
/* Each item of the profile's list `field`, if it has it. */
bool fill_list(const struct filling *at, const char *field, fill_item one,
               GError **error);

/* Sets RESOLVE_ERROR with this code (enum resolve_error); false. */
bool fill_complain(GError **error, int code, const char *format, ...) G_GNUC_PRINTF(3, 4);
