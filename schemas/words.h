/*
 * words.h - the tables of words behind contract.h: index = the C value, NULL at the end.
 *
 * For shapes.c, which binds them to the enums of the schemas.
 */
#pragma once

#include "contract.h"

extern const char *const words_action[],
    *const words_outcome[],
        *const words_container_status[],
            *const words_maybe[], *const words_protocol[],
                                      *const words_pull[], *const words_sync_reason[],
                                                               *const words_record_kind[];

/* The index of `word`, or -1; NULL is no word. */
int words_find(const char *const *words, const char *word);
