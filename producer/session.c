/*
 * session.c - what a command of the command line works with.
 */
#include "session.h"

#include "eventlog.h"
#include "ledger_aside.h"
#include "properties.h"

#include <string.h>
#include <unistd.h>

#define POLL_MS    20  /* of the ledger, while another process works for us */
#define AWAY_MS    200 /* before a bus that is away is asked again */
#define DELIVER_MS 15000

/* --- Options ---------------------------------------------------------------------------------- */

static char *in_state_directory(const char *name)
{
    return g_build_filename(g_get_user_state_dir(), "muster", name, NULL);
}

static void default_to(char **field, const char *variable, const char *otherwise)
{
    const char *value = g_getenv(variable);
    if (!*field)
        *field = g_strdup(value && *value ? value : otherwise);
}

void common_defaults(struct common *common)
{
    g_autofree char *file = in_state_directory("bus.db");
    g_autofree char *bus = g_strconcat("sqlite://", file, NULL);
    g_autofree char *ledger = in_state_directory("ledger.db");
    default_to(&common->bus, "MUSTER_BUS", bus);
    default_to(&common->ledger, "MUSTER_LEDGER", ledger);
}

void common_clear(struct common *common)
{
    g_clear_pointer(&common->bus, g_free);
    g_clear_pointer(&common->ledger, g_free);
    g_clear_pointer(&common->files, g_ptr_array_unref);
    g_clear_pointer(&common->properties, g_ptr_array_unref);
}

GPtrArray *common_properties(const struct common *common, GError **error)
{
    return properties_read(common->files, common->properties, error);
}

/* --- Open and close ------------------------------------------------------------------------------ */

static void make_directory_of(const char *path)
{
    g_autofree char *directory = g_path_get_dirname(path);
    g_mkdir_with_parents(directory, 0700); /* who opens the file says what is wrong */
}

bool session_open(struct session *session, const struct common *common, bool make,
                  GError **error)
{
    g_autoptr(GPtrArray) properties = common_properties(common, error);
    if (!properties)
        return false;
    session->common = common;
    session->actor = g_strconcat("cli:", g_get_user_name(), NULL);
    session->codec = codec_new();
    if (make)
        make_directory_of(common->ledger);
    if (make && g_str_has_prefix(common->bus, "sqlite://"))
        make_directory_of(common->bus + strlen("sqlite://"));
    session->ledger = make ? ledger_make(common->ledger, error)
                           : ledger_open(common->ledger, error);
    if (!session->ledger)
        return false;
    session->bus = bus_open(common->bus, properties, error);
    return session->bus != NULL;
}

static void stop_ingest(struct session *session)
{
    g_clear_pointer(&session->ingest, ingest_close);
    g_clear_pointer(&session->ingest_lock, lock_release);
}

void session_close(struct session *session)
{
    stop_ingest(session);
    g_clear_pointer(&session->bus, bus_close);
    g_clear_pointer(&session->ledger, ledger_close);
    g_clear_pointer(&session->codec, codec_free);
    g_clear_pointer(&session->actor, g_free);
}

int64_t session_now(void)
{
    return g_get_real_time() / 1000;
}

static bool is_past(int64_t deadline_us)
{
    return g_get_monotonic_time() >= deadline_us;
}

static int64_t in_ms(int64_t ms)
{
    return g_get_monotonic_time() + ms * 1000;
}

/* --- Ingest --------------------------------------------------------------------------------------- */

/* Opens `ingest` if no other process has the lock. */
static bool try_ingest(struct session *session, GError **error)
{
    if (session->ingest)
        return true;
    if (!lock_try(session->common->ledger, INGEST_LOCK, &session->ingest_lock, error))
        return false;
    if (!session->ingest_lock)
        return true;
    session->ingest = ingest_open(session->ledger, session->bus, session->codec, error);
    if (!session->ingest)
        stop_ingest(session);
    return session->ingest != NULL;
}

/* Or until that one has left off, and it is for us. */
static bool wait_for_other(struct session *session, bool all, GError **error)
{
    int64_t deadline = in_ms(INGEST_PATIENCE_MS);
    int32_t partitions;
    bool reached = false;
    if (!eventlog_check(session->ledger, session->bus, &partitions, error))
        return false;
    g_autoptr(GPtrArray)
        ends = eventlog_ends(session->ledger, session->bus, partitions, all, error);
    if (!ends)
        return false;
    bell_ring(session->common->ledger);
    while (!reached && !session->ingest && !is_past(deadline)) {
        if (!eventlog_reached(session->ledger, ends, &reached, error))
            return false;
        if (!reached)
            g_usleep(POLL_MS * 1000);
        if (!reached && !try_ingest(session, error))
            return false;
    }
    if (!reached && !session->ingest)
        g_set_error(error, INGEST_ERROR, INGEST_ERROR_SLOW,
                    "another muster takes the log in, and has not come to its end within "
                    "%d s",
                    INGEST_PATIENCE_MS / 1000);
    return reached || session->ingest;
}

static bool catch_up(struct session *session, bool all, GError **error)
{
    if (!try_ingest(session, error))
        return false;
    if (!session->ingest && !wait_for_other(session, all, error))
        return false;
    if (!session->ingest)
        return true;
    bool good = ingest_catch_up(session->ingest, all, error);
    stop_ingest(session);
    return good;
}

bool session_catch_up(struct session *session, GError **error)
{
    return catch_up(session, false, error);
}

bool session_take_log(struct session *session, GError **error)
{
    return catch_up(session, true, error);
}

/* --- Relay ---------------------------------------------------------------------------------------- */

static bool relay_all(struct session *session, GError **error)
{
    g_autoptr(Relay) relay = relay_new(session->ledger, session->bus, session->codec);
    int sent = 1;
    while (sent > 0)
        if (!relay_step(relay, &sent, error))
            return false;
    return true;
}

static bool try_relay(struct session *session, GError **error)
{
    g_autoptr(Lock) lock = NULL;
    if (!lock_try(session->common->ledger, RELAY_LOCK, &lock, error))
        return false;
    if (lock)
        return relay_all(session, error);
    bell_ring(session->common->ledger);
    g_usleep(POLL_MS * 1000);
    return true;
}

bool session_deliver(struct session *session, const char *event_id, GError **error)
{
    int64_t deadline = in_ms(DELIVER_MS);
    bool unsent = true;
    while (!is_past(deadline)) {
        if (!try_relay(session, error) ||
            !ledger_is_unsent(session->ledger, event_id, &unsent, error))
            return false;
        if (!unsent)
            return true;
    }
    g_set_error(error, BUS_ERROR, BUS_ERROR_UNREACHABLE,
                "not sent within %d s; `muster agent list` shows what holds it back",
                DELIVER_MS / 1000);
    return false;
}

/* --- Waiting ---------------------------------------------------------------------------------------- */

static bool take_or_wait(struct session *session, int ms, GError **error)
{
    int taken;
    if (!try_ingest(session, error))
        return false;
    if (session->ingest)
        return ingest_step(session->ingest, ms, &taken, error);
    g_usleep(POLL_MS * 1000);
    return true;
}

/* One turn of waiting: takes what comes, or lets the one who does.  A bus that is away may
 * come back before the time is over. */
static bool wait_turn(struct session *session, int64_t left_us, GError **error)
{
    g_autoptr(GError) trouble = NULL;
    if (take_or_wait(session, (int)CLAMP(left_us / 1000, 1, 200), &trouble))
        return true;
    stop_ingest(session);
    if (!g_error_matches(trouble, BUS_ERROR, BUS_ERROR_UNREACHABLE)) {
        g_propagate_error(error, g_steal_pointer(&trouble));
        return false;
    }
    g_usleep(AWAY_MS * 1000);
    return true;
}

/* What came behind its Record under the agent's key, and cannot be read, may be its result. */
static bool look_for_unread(struct session *session, const struct command_row *command,
                            enum waited *waited, GError **error)
{
    int64_t marked_at;
    if (!ledger_marked_at(session->ledger, command->agent_id, &marked_at, error))
        return false;
    if (command->recorded_at != CONTRACT_NONE && marked_at != CONTRACT_NONE &&
        marked_at >= command->recorded_at)
        *waited = WAITED_NOT_READ;
    return true;
}

enum waited session_wait(struct session *session, const char *command_id,
                         int64_t deadline_us, session_told *told, void *listener,
                         struct command_row **ret_command, GError **error)
{
    enum waited waited = WAITED_TIMEOUT;
    for (;;) {
        g_autoptr(CommandRow) command = NULL;
        waited = WAITED_FAILED;
        if (!ledger_load_command(session->ledger, command_id, &command, error))
            break;
        told(listener, command);
        if (command && command->finished_at != CONTRACT_NONE) {
            *ret_command = g_steal_pointer(&command);
            waited = WAITED_ENDED;
            break;
        }
        if (command && !look_for_unread(session, command, &waited, error))
            break;
        if (waited == WAITED_NOT_READ)
            break;
        waited = WAITED_TIMEOUT;
        if (is_past(deadline_us))
            break;
        if (!wait_turn(session, deadline_us - g_get_monotonic_time(), error)) {
            waited = WAITED_FAILED;
            break;
        }
    }
    stop_ingest(session);
    return waited;
}
