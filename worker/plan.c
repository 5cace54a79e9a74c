/*
 * plan.c - which steps turn what we saw into what was asked.
 *
 * Pure: a command and a container go in, a plan comes out.  Nothing here talks to Docker;
 * job.c does, one step at a time, and may be killed between any two.
 */
#include "plan.h"

#include <string.h>

/* What was seen, as the rows name it. */
enum {
    ABSENT = 1 << 0,
    FOREIGN = 1 << 1, /* the name is somebody else's container's */
    CREATED = 1 << 2,
    RUNNING = 1 << 3,
    PAUSED = 1 << 4,
    RESTARTING = 1 << 5,
    REMOVING = 1 << 6,
    EXITED = 1 << 7,
    DEAD = 1 << 8,
    ASIDE = 1 << 9, /* rebuild, begun: the old container bears another name */
    UP = RUNNING | RESTARTING,
    DOWN = CREATED | EXITED,
    GOING = REMOVING | DEAD,
    OURS = UP | PAUSED | DOWN | GOING,
};

/* In which life of the command, and who made the container. */
enum {
    BY_ANY,    /* does not matter */
    BY_THIS,   /* this very command made it: unfinished work */
    RESTARTED, /* begun before, and started_at has changed since */
};

#define MAKE STEP_PULL, STEP_DIRECTORIES, STEP_NETWORKS, STEP_CREATE, STEP_CONNECT
#define RUN  STEP_START, STEP_SETTLE
#define HALT STEP_SAVE, STEP_STOP
#define END  STEP_COUNT

struct row {
    enum action action;
    unsigned seen;
    int made;
    enum planned planned;
    enum step steps[PLAN_STEPS_MAX];
    enum step undo[2];
    bool recovered;
    const char *code;
    const char *sentence;
};

/* clang-format off */
#define STEPS(...) PLANNED_STEPS, {__VA_ARGS__, END}
#define UNDO(...) {__VA_ARGS__, END}
#define NO_UNDO {END}
#define NOTHING PLANNED_NOTHING, {END}, {END}, false, NULL
#define REFUSED(code) PLANNED_REFUSED, {END}, {END}, false, code
#define UNDO_MADE UNDO(STEP_REMOVE_MADE)
#define NAME_TAKEN "the container's name belongs to a container that is not this server's; \
rename or remove that one, it has not been touched"

/* The first row that fits counts.  Rows of one action stand together. */
static const struct row rows[] = {
    {ACTION_CREATE, ABSENT, BY_ANY, STEPS(MAKE, RUN), UNDO_MADE, false, NULL,
     "made and started"},
    {ACTION_CREATE, GOING, BY_THIS, STEPS(STEP_REMOVE, MAKE, RUN), UNDO_MADE, false, NULL,
     "made and started"},
    {ACTION_CREATE, OURS, BY_THIS, STEPS(STEP_NETWORKS, STEP_CONNECT, RUN), UNDO_MADE, false,
     NULL, "made and started"},
    {ACTION_CREATE, FOREIGN, BY_ANY, REFUSED(CODE_NAME_CONFLICT), NAME_TAKEN},
    {ACTION_CREATE, OURS, BY_ANY, REFUSED(CODE_ALREADY_EXISTS),
     "the server has a container already, made by another command; use start or rebuild"},

    {ACTION_START, ABSENT, BY_ANY, STEPS(MAKE, RUN), UNDO_MADE, true, NULL,
     "there was no container; made and started"},
    {ACTION_START, GOING, BY_ANY, STEPS(STEP_REMOVE, MAKE, RUN), UNDO_MADE, true, NULL,
     "the container was broken; made again and started"},
    {ACTION_START, OURS, BY_THIS, STEPS(STEP_NETWORKS, STEP_CONNECT, RUN), UNDO_MADE, true, NULL,
     "there was no container; made and started"},
    {ACTION_START, FOREIGN, BY_ANY, REFUSED(CODE_NAME_CONFLICT), NAME_TAKEN},
    {ACTION_START, UP, BY_ANY, NOTHING, "it runs already"},
    {ACTION_START, PAUSED, BY_ANY, STEPS(STEP_UNPAUSE, STEP_SETTLE), NO_UNDO, false, NULL,
     "it was paused and runs again"},
    {ACTION_START, DOWN, BY_ANY, STEPS(STEP_NETWORKS, STEP_CONNECT, RUN), NO_UNDO, false, NULL,
     "started"},

    {ACTION_STOP, ABSENT, BY_ANY, NOTHING, "there is no container to stop"},
    {ACTION_STOP, FOREIGN, BY_ANY, NOTHING,
     "the server has no container; the one of that name is not its own"},
    {ACTION_STOP, UP, BY_ANY, STEPS(HALT), NO_UNDO, false, NULL, "stopped"},
    {ACTION_STOP, PAUSED, BY_ANY, STEPS(STEP_UNPAUSE, HALT), NO_UNDO, false, NULL, "stopped"},
    {ACTION_STOP, OURS, BY_ANY, NOTHING, "it is stopped already"},

    {ACTION_RESTART, ABSENT, BY_ANY, STEPS(MAKE, RUN), UNDO_MADE, true, NULL,
     "there was no container; made and started"},
    {ACTION_RESTART, GOING, BY_ANY, STEPS(STEP_REMOVE, MAKE, RUN), UNDO_MADE, true, NULL,
     "the container was broken; made again and started"},
    {ACTION_RESTART, OURS, BY_THIS, STEPS(STEP_NETWORKS, STEP_CONNECT, RUN), UNDO_MADE, true,
     NULL, "there was no container; made and started"},
    {ACTION_RESTART, FOREIGN, BY_ANY, REFUSED(CODE_NAME_CONFLICT), NAME_TAKEN},
    {ACTION_RESTART, UP, RESTARTED, STEPS(STEP_SETTLE), NO_UNDO, false, NULL, "restarted"},
    {ACTION_RESTART, UP, BY_ANY, STEPS(HALT, RUN), NO_UNDO, false, NULL, "restarted"},
    {ACTION_RESTART, PAUSED, BY_ANY, STEPS(STEP_UNPAUSE, HALT, RUN), NO_UNDO, false, NULL,
     "restarted"},
    {ACTION_RESTART, DOWN, BY_ANY, STEPS(STEP_NETWORKS, STEP_CONNECT, RUN), NO_UNDO, false,
     NULL, "it was stopped; started"},

    {ACTION_REBUILD, ASIDE, BY_ANY,
     STEPS(STEP_DIRECTORIES, STEP_NETWORKS, STEP_SET_ASIDE, HALT, STEP_CREATE, STEP_CONNECT, RUN,
           STEP_REMOVE_OLD), UNDO(STEP_PUT_BACK), false, NULL,
     "replaced by a new container and started"},
    {ACTION_REBUILD, ABSENT, BY_ANY, STEPS(MAKE, RUN), UNDO_MADE, true, NULL,
     "there was no container; made and started"},
    {ACTION_REBUILD, GOING, BY_ANY, STEPS(STEP_REMOVE, MAKE, RUN), UNDO_MADE, true, NULL,
     "the container was broken; made again and started"},
    {ACTION_REBUILD, FOREIGN, BY_ANY, REFUSED(CODE_NAME_CONFLICT), NAME_TAKEN},
    {ACTION_REBUILD, OURS, BY_THIS, STEPS(STEP_NETWORKS, STEP_CONNECT, RUN), NO_UNDO, false,
     NULL, "replaced by a new container and started"},
    {ACTION_REBUILD, PAUSED, BY_ANY,
     STEPS(STEP_CHECK_KEPT, STEP_PULL, STEP_DIRECTORIES, STEP_NETWORKS, STEP_UNPAUSE, STEP_SET_ASIDE, HALT,
           STEP_CREATE, STEP_CONNECT, RUN, STEP_REMOVE_OLD), UNDO(STEP_PUT_BACK), false, NULL,
     "replaced by a new container and started"},
    {ACTION_REBUILD, OURS, BY_ANY,
     STEPS(STEP_CHECK_KEPT, STEP_PULL, STEP_DIRECTORIES, STEP_NETWORKS, STEP_SET_ASIDE, HALT, STEP_CREATE,
           STEP_CONNECT, RUN, STEP_REMOVE_OLD), UNDO(STEP_PUT_BACK), false, NULL,
     "replaced by a new container and started"},

    {ACTION_RECREATE, ABSENT, BY_ANY, STEPS(MAKE, RUN), UNDO_MADE, true, NULL,
     "there was no container; made and started"},
    {ACTION_RECREATE, GOING, BY_ANY, STEPS(STEP_REMOVE, MAKE, RUN), UNDO_MADE, true, NULL,
     "the container was broken; made again and started"},
    {ACTION_RECREATE, OURS, BY_THIS, STEPS(STEP_NETWORKS, STEP_CONNECT, RUN), UNDO_MADE, true,
     NULL, "there was no container; made and started"},
    {ACTION_RECREATE, FOREIGN, BY_ANY, REFUSED(CODE_NAME_CONFLICT), NAME_TAKEN},
    {ACTION_RECREATE, OURS, BY_ANY, NOTHING, "the container is there and was left as it is"},

    {ACTION_RESTORE, ABSENT, BY_ANY, STEPS(MAKE), UNDO_MADE, true, NULL,
     "the container is there again, not started"},
    {ACTION_RESTORE, GOING, BY_ANY, STEPS(STEP_REMOVE, MAKE), UNDO_MADE, true, NULL,
     "the container was broken; made again, not started"},
    {ACTION_RESTORE, OURS, BY_THIS, STEPS(STEP_NETWORKS, STEP_CONNECT), UNDO_MADE, true, NULL,
     "the container is there again, not started"},
    {ACTION_RESTORE, FOREIGN, BY_ANY, REFUSED(CODE_NAME_CONFLICT), NAME_TAKEN},
    {ACTION_RESTORE, OURS, BY_ANY, NOTHING, "the container is there and was left as it is"},

    {ACTION_DELETE, ABSENT, BY_ANY, NOTHING, "there is no container; the data stays"},
    {ACTION_DELETE, FOREIGN, BY_ANY, NOTHING,
     "the server has no container; the one of that name is not its own and stays"},
    {ACTION_DELETE, UP, BY_ANY, STEPS(STEP_CHECK_KEPT, HALT, STEP_REMOVE), NO_UNDO, false, NULL,
     "stopped and removed; the data stays"},
    {ACTION_DELETE, PAUSED, BY_ANY, STEPS(STEP_CHECK_KEPT, STEP_UNPAUSE, HALT, STEP_REMOVE), NO_UNDO, false,
     NULL, "stopped and removed; the data stays"},
    {ACTION_DELETE, OURS, BY_ANY, STEPS(STEP_CHECK_KEPT, STEP_REMOVE), NO_UNDO, false, NULL,
     "removed; the data stays"},

    {ACTION_PURGE, ABSENT | FOREIGN, BY_ANY, STEPS(STEP_CHECK_PURGE, STEP_PURGE, STEP_REMOVE_VOLUMES), NO_UNDO, false,
     NULL, "no data of it is left"},
    {ACTION_PURGE, UP, BY_ANY, STEPS(STEP_CHECK_KEPT, STEP_CHECK_PURGE, HALT, STEP_REMOVE, STEP_PURGE,
           STEP_REMOVE_VOLUMES), NO_UNDO,
     false, NULL, "stopped, removed, and the data is removed"},
    {ACTION_PURGE, PAUSED, BY_ANY,
     STEPS(STEP_CHECK_KEPT, STEP_CHECK_PURGE, STEP_UNPAUSE, HALT, STEP_REMOVE, STEP_PURGE,
           STEP_REMOVE_VOLUMES), NO_UNDO, false, NULL,
     "stopped, removed, and the data is removed"},
    {ACTION_PURGE, OURS, BY_ANY, STEPS(STEP_CHECK_KEPT, STEP_CHECK_PURGE, STEP_REMOVE, STEP_PURGE,
           STEP_REMOVE_VOLUMES), NO_UNDO,
     false, NULL, "removed, and the data is removed"},
};
/* clang-format on */

static unsigned seen_bit(const struct command *command, const struct container *seen,
                         bool aside)
{
    static const unsigned bits[CONTAINER_STATUS_COUNT] = {
        [CONTAINER_ABSENT] = ABSENT,         [CONTAINER_CREATED] = CREATED,
        [CONTAINER_RUNNING] = RUNNING,       [CONTAINER_PAUSED] = PAUSED,
        [CONTAINER_RESTARTING] = RESTARTING, [CONTAINER_REMOVING] = REMOVING,
        [CONTAINER_EXITED] = EXITED,         [CONTAINER_DEAD] = DEAD,
    };
    if (aside)
        return ASIDE;
    switch (container_whose(seen, command)) {
    case WHOSE_NOBODYS:
        return ABSENT;
    case WHOSE_FOREIGN:
        return FOREIGN;
    case WHOSE_OURS:
        break;
    }
    return bits[seen->status];
}

/* A few characters, for many commands begin at once and a commit's metadata is small: r or s,
 * and the start time as a number that only has to differ from that of another start. */
char *plan_note(const struct container *seen)
{
    if (seen->status == CONTAINER_ABSENT)
        return g_strdup("a");
    return g_strdup_printf("%c%x", seen->running ? 'r' : 's',
                           g_str_hash(seen->started_text));
}

static bool restarted_since(const struct container *seen, const char *begun)
{
    if (!begun || !strchr("rs", *begun) || !*begun || !seen->running)
        return false;
    g_autofree char *started = g_strdup_printf("%x", g_str_hash(seen->started_text));
    return !g_str_equal(begun + 1, started);
}

static bool made_fits(int made, const struct command *command,
                      const struct container *seen, const char *begun)
{
    if (made == BY_THIS)
        return g_strcmp0(seen->command_id, command->command_id) == 0;
    if (made == RESTARTED)
        return restarted_since(seen, begun);
    return true;
}

static size_t copy_steps(const enum step *from, size_t most, enum step *to)
{
    size_t n = 0;
    while (n < most && from[n] != END) {
        to[n] = from[n];
        n++;
    }
    return n;
}

static void take_row(const struct row *row, const struct command *command,
                     struct plan *ret_plan)
{
    *ret_plan = (struct plan){
        .planned = row->planned,
        .recovered = row->recovered,
        .code = row->code,
        .sentence = row->sentence,
    };
    ret_plan->n_steps = copy_steps(row->steps, PLAN_STEPS_MAX, ret_plan->steps);
    ret_plan->n_undo = copy_steps(row->undo, G_N_ELEMENTS(row->undo), ret_plan->undo);
    if (row->action == ACTION_DELETE && row->planned == PLANNED_STEPS &&
        command->options->fresh)
        ret_plan->sentence =
            "removed, with what its own layer held; mounts and volumes stay";
    if (row->action == ACTION_RESTORE && row->planned == PLANNED_STEPS &&
        command->options->start) {
        ret_plan->steps[ret_plan->n_steps++] = STEP_START;
        ret_plan->steps[ret_plan->n_steps++] = STEP_SETTLE;
        ret_plan->sentence = "the container is there again and started";
    }
}

/* Between a restart's stop and its start there is no way back that is better than going on. */
static void set_point_of_no_return(struct plan *plan, enum action action)
{
    plan->point_of_no_return = plan->n_steps;
    for (size_t i = 0; i < plan->n_steps; i++) {
        if (plan->steps[i] == STEP_REMOVE_OLD ||
            (action == ACTION_RESTART && plan->steps[i] == STEP_STOP))
            plan->point_of_no_return = MIN(plan->point_of_no_return, i);
    }
}

void plan_make(const struct command *command, const struct container *seen, bool aside,
               const char *begun, struct plan *ret_plan)
{
    const enum action action = action_from_name(command->action);
    const unsigned bit = seen_bit(command, seen, aside && action == ACTION_REBUILD);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (rows[i].action != action || !(rows[i].seen & bit) ||
            !made_fits(rows[i].made, command, seen, begun))
            continue;
        take_row(&rows[i], command, ret_plan);
        set_point_of_no_return(ret_plan, action);
        return;
    }
    *ret_plan = (struct plan){
        .planned = PLANNED_REFUSED,
        .code = CODE_ENGINE_REFUSED,
        .sentence = "the container is in a state that this action cannot start from",
    };
}

void plan_tidy(struct plan *ret_plan)
{
    *ret_plan = (struct plan){
        .planned = PLANNED_STEPS,
        .n_steps = 1,
        .point_of_no_return = 1,
    };
    ret_plan->steps[0] = STEP_TIDY;
}

void plan_sweep(struct plan *ret_plan)
{
    plan_tidy(ret_plan);
    ret_plan->steps[0] = STEP_SWEEP;
}

char *plan_text(const struct plan *plan)
{
    if (plan->planned == PLANNED_NOTHING)
        return g_strdup("nothing");
    if (plan->planned == PLANNED_REFUSED)
        return g_strdup_printf("refused %s", plan->code);
    GString *text = g_string_new(NULL);
    for (size_t i = 0; i < plan->n_steps; i++)
        g_string_append_printf(text, "%s%s", i ? " " : "", step_name(plan->steps[i]));
    return g_string_free(text, FALSE);
}
