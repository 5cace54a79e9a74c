/*
 * pace.c - how often the log hears of one thing.
 */
#include "pace.h"

#define PROGRESS_FIRST_MS INT64_C(1000)
#define PROGRESS_DOUBLES  6  /* 1 s … 64 s */
#define PROGRESS_MOST     14 /* beyond it a gap is longer than any pull may take */

#define UNMANAGED_FIRST_MS INT64_C(3000)
#define UNMANAGED_MOST_MS  (INT64_C(15) * 60 * 1000) /* then one is due anyway */

/* Eight in the first two minutes, ten in half an hour, eleven in six hours: who looks on sees
 * it move, and the log hears of it no more often than is worth keeping. */
int64_t pace_progress_ms(unsigned told)
{
    const unsigned n = CLAMP(told, 1u, (unsigned)PROGRESS_MOST) - 1;
    const unsigned doubles = MIN(n, (unsigned)PROGRESS_DOUBLES);
    return PROGRESS_FIRST_MS << (doubles + 2 * (n - doubles));
}

int64_t pace_unmanaged_ms(unsigned told)
{
    return MIN(UNMANAGED_FIRST_MS << MIN(told, 20u), UNMANAGED_MOST_MS);
}

/* --- What moves ---------------------------------------------------------------------------- */

void pace_clear(struct pace *pace)
{
    g_clear_pointer(&pace->seen, state_free);
}

static bool is_there(const struct state *state)
{
    return state->status != CONTAINER_ABSENT;
}

static bool is_same(const struct state *a, const struct state *b)
{
    return is_there(a) == is_there(b) &&
           (!is_there(a) || g_strcmp0(a->container_id, b->container_id) == 0);
}

static bool has_moved(const struct state *a, const struct state *b)
{
    return !is_same(a, b) ||
           (is_there(a) &&
            (a->status != b->status || a->started_at != b->started_at ||
             a->exit_code != b->exit_code || a->oom_killed != b->oom_killed ||
             a->restart_count != b->restart_count || !g_str_equal(a->health, b->health)));
}

static bool has_word(const struct state *state, const char *word)
{
    return g_ptr_array_find_with_equal_func(state->remarks, word, g_str_equal, NULL);
}

static bool has_all_words(const struct state *state, const struct state *of)
{
    for (guint i = 0; i < of->remarks->len; i++)
        if (!has_word(state, g_ptr_array_index(of->remarks, i)))
            return false;
    return true;
}

bool pace_is_news(const struct state *told, const struct state *now)
{
    return !told || has_moved(told, now) ||
           (is_there(now) && !(has_all_words(told, now) && has_all_words(now, told)));
}

/* Somebody has started it, or made it: what the engine counted is over. */
static bool is_another_life(const struct state *before, const struct state *now)
{
    return !is_same(before, now) || now->restart_count < before->restart_count ||
           (now->restart_count == 0 && now->started_at != before->started_at);
}

/* --- Remarks --------------------------------------------------------------------------------- */

/* How long it has been up since the engine last restarted it. */
static int64_t up_ms(const struct state *state, int64_t wall_ms)
{
    if (state->status == CONTAINER_RESTARTING || state->started_at == CONTRACT_NONE)
        return 0;
    return MAX(wall_ms - state->started_at, 0);
}

static bool is_up(const struct state *state)
{
    return state->status == CONTAINER_RUNNING || state->status == CONTAINER_RESTARTING ||
           state->status == CONTAINER_PAUSED;
}

/* From what the engine shows alone, so that a worker that has just come says the same. */
static bool is_restarting(const struct pace *pace, const struct state *state,
                          int64_t wall_ms)
{
    return is_up(state) && state->restart_count >= PACE_RESTARTS &&
           up_ms(state, wall_ms) < pace->stable_ms;
}

/* The engine forgets it with the next start. */
static bool is_oom_killed(const struct pace *pace, const struct state *state,
                          int64_t now_ms)
{
    return is_there(state) && (state->oom_killed ||
                               (pace->oom_at && now_ms - pace->oom_at < pace->stable_ms));
}

static void remark(const struct pace *pace, struct state *state, int64_t now_ms,
                   int64_t wall_ms)
{
    g_ptr_array_set_size(state->remarks, 0);
    if (is_restarting(pace, state, wall_ms))
        g_ptr_array_add(state->remarks, g_strdup(STATE_RESTARTING));
    if (is_oom_killed(pace, state, now_ms))
        g_ptr_array_add(state->remarks, g_strdup(STATE_OOM_KILLED));
}

void pace_oom(struct pace *pace, int64_t now_ms)
{
    pace->oom_at = now_ms;
}

void pace_saw(struct pace *pace, struct state *state, int64_t now_ms, int64_t wall_ms)
{
    if (!pace->seen || has_moved(pace->seen, state)) {
        if (now_ms - pace->moved_at >= pace->stable_ms)
            pace->told = 0;
        pace->moved_at = now_ms;
    }
    if (pace->seen && is_another_life(pace->seen, state))
        pace->oom_at = 0;
    if (state->oom_killed)
        pace->oom_at = now_ms;
    remark(pace, state, now_ms, wall_ms);
    state_free(pace->seen);
    pace->seen = state_dup(state);
}

/* --- When --------------------------------------------------------------------------------------- */

static int64_t spacing_ms(unsigned told)
{
    const unsigned n = MIN(told - PACE_FREE, 20u);
    return MIN(PACE_FIRST_MS << n, PACE_MOST_MS);
}

/* When a remark that it has now goes by itself; INT64_MAX: none does. */
static int64_t clears_at(const struct pace *pace, int64_t now_ms, int64_t wall_ms)
{
    int64_t at = INT64_MAX;
    if (has_word(pace->seen, STATE_RESTARTING))
        at = now_ms + pace->stable_ms - up_ms(pace->seen, wall_ms);
    if (has_word(pace->seen, STATE_OOM_KILLED) && !pace->seen->oom_killed)
        at = MIN(at, pace->oom_at + pace->stable_ms);
    return at;
}

static bool is_urgent(const struct state *told, const struct state *now)
{
    static const char unhealthy[] = "unhealthy";
    return !told || !is_same(told, now) || !has_all_words(told, now) ||
           (g_str_equal(now->health, unhealthy) && !g_str_equal(told->health, unhealthy));
}

static enum pace_answer later(int64_t at, int64_t *ret_at)
{
    *ret_at = at;
    return at == INT64_MAX ? PACE_NOTHING : PACE_LATER;
}

enum pace_answer pace_ask(const struct pace *pace, const struct state *told,
                          int64_t now_ms, int64_t wall_ms, int64_t *ret_at)
{
    const int64_t clears = clears_at(pace, now_ms, wall_ms);
    if (!pace_is_news(told, pace->seen))
        return later(clears, ret_at);
    if (is_urgent(told, pace->seen) || pace->told < PACE_FREE)
        return PACE_TELL;
    const int64_t due = MIN(pace->told_at + spacing_ms(pace->told),
                            pace->moved_at + pace->stable_ms);
    if (now_ms >= due)
        return PACE_TELL;
    return later(MIN(due, clears), ret_at);
}

void pace_told(struct pace *pace, int64_t now_ms)
{
    pace->told++;
    pace->told_at = now_ms;
}

void pace_begin_anew(struct pace *pace)
{
    pace->told = 0;
}
