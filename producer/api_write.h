/*
 * api_write.h - what all writing requests have in common.
 */
#pragma once

#include "api_wish.h"

/* Whether it is a repetition, or its key is wrong: then it is answered (as `answer` would
 * have, or with a problem), or failed; WISHED: it is to be done. */
enum wished write_recall(struct visit *visit, write_answer *answer, GError **error);
/* A refusal is not the answer if another request of the same key has been taken meanwhile: what
 * was queued for that one is. */
void write_answer_as_twin(struct visit *visit);
/* What was queued goes on its way, and the request is answered. */
bool write_finish(struct visit *visit, struct queued *queued_taken, write_answer *answer,
                  GError **error);

/* 202 with the ids, and where to look. */
write_answer write_answer_queued;
