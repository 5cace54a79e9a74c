/*
 * serve.c - muster serve: one thread, one loop, one place where it blocks.
 *
 * Each turn sends what waits and takes what came.  It keeps nothing of its own: killed at
 * any moment, the next one goes on from the ledger.  HTTP runs beside it on threads of its
 * own (api.h) that share nothing with it but the file of the ledger, and the bell.
 */
#include "serve.h"

#include "clock.h"
#include "ending.h"
#include "ledger_rows.h"
#include "log.h"
#include "topic_watch.h"
#include "upkeep.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#define TURN_MS        1000 /* looks at everything at least this often */
#define BUSY_MS        200  /* how often to ask for a lock that another one holds */
#define ARRIVE_MS      10   /* how often to look while somebody waits for the log's end */
#define BACKOFF_MAX_MS 10000
#define END_MS         5000 /* after a signal: a turn may wait for a broker that is gone */

struct serve {
    struct session *session;
    struct lock *relay_lock;
    struct relay *relay;
    struct upkeep *upkeep;
    struct topic_watch *topics;
    struct api *api; /* or NULL */
    struct ending *ending;
    int signals;
    int hangup; /* SIGHUP */
    int bell;
    int64_t backoff_ms; /* 0: all is well */
    bool relay_idle;
    bool relay_waits; /* until it is known that the log is the right one */
    bool ingest_idle;
    bool rang;    /* somebody waits: for something to go out, or for what came */
    bool arrived; /* where the log ended when somebody rang */
    bool ready;
    bool stopping;
};

/* --- Turns ------------------------------------------------------------------------------------------ */

static bool get_locks(struct serve *serve, GError **error)
{
    struct session *session = serve->session;
    const char *path = session->common->ledger;
    if (!serve->relay_lock && !lock_try(path, RELAY_LOCK, &serve->relay_lock, error))
        return false;
    if (serve->relay_lock && !serve->relay)
        serve->relay = relay_new(session->ledger, session->bus, session->codec);
    if (session->ingest)
        return true;
    if (!session->ingest_lock &&
        !lock_try(path, INGEST_LOCK, &session->ingest_lock, error))
        return false;
    if (!session->ingest_lock)
        return true;
    session->ingest = ingest_open(session->ledger, session->bus, session->codec, error);
    return session->ingest != NULL;
}

static bool turn_relay(struct serve *serve, GError **error)
{
    int sent = 0;
    serve->relay_idle = true;
    serve->relay_waits = serve->session->ingest &&
                         !ingest_knows_log(serve->session->ingest);
    if (!serve->relay || serve->relay_waits)
        return true;
    if (!relay_step(serve->relay, &sent, error))
        return false;
    serve->relay_idle = sent == 0;
    return true;
}

/* Somebody who rang may wait to see that nothing is missing. */
static bool turn_ingest(struct serve *serve, GError **error)
{
    struct ingest *ingest = serve->session->ingest;
    int taken = 0;
    serve->ingest_idle = true;
    if (!ingest)
        return true;
    if (!ingest_step(ingest, 0, &taken, error))
        return false;
    serve->ingest_idle = taken == 0;
    if (taken > 0 && serve->api)
        api_poke(serve->api);
    if (serve->rang && !ingest_aim(ingest, error))
        return false;
    serve->rang = false;
    return ingest_arrived(ingest, &serve->arrived, error);
}

/* Once nothing in the log is unknown: what it decides, it decides on all that there is. */
static bool turn_upkeep(struct serve *serve, GError **error)
{
    bool queued = false;
    if (!serve->relay || !serve->session->ingest || !serve->ingest_idle ||
        !serve->arrived)
        return true;
    if (!upkeep_step(serve->upkeep, clock_now(serve->session->ledger), &queued, error))
        return false;
    if (queued)
        serve->relay_idle = false;
    return true;
}

/* What topics lose, or have lost, is in sight as long as it is so. */
static bool turn_topics(struct serve *serve, GError **error)
{
    const struct ingest *ingest = serve->session->ingest;
    if (!topic_watch_step(serve->topics, g_get_monotonic_time(), error))
        return false;
    guint count = topic_watch_count(serve->topics);
    g_autofree char *fault = topic_watch_dup_fault(serve->topics);
    if (!fault && ingest) {
        fault = g_strdup(ingest_fault(ingest));
        count = fault != NULL;
    }
    if (serve->api) {
        api_topic_faults(serve->api, fault, count);
        api_other(serve->api, ingest ? ingest_other(ingest) : NULL);
    }
    return true;
}

static bool turn(struct serve *serve, GError **error)
{
    return turn_topics(serve, error) && get_locks(serve, error) &&
           turn_relay(serve, error) && turn_ingest(serve, error) &&
           turn_upkeep(serve, error);
}

/* --- Trouble ---------------------------------------------------------------------------------------- */

/* What passes by itself.  The rest ends the process: whoever restarts it sees the reason. */
static bool is_passing(const GError *error)
{
    return g_error_matches(error, BUS_ERROR, BUS_ERROR_UNREACHABLE) ||
           g_error_matches(error, BUS_ERROR, BUS_ERROR_FATAL);
}

/* Begins anew with both sides; the locks stay. */
static void back_off(struct serve *serve, const GError *error)
{
    serve->backoff_ms = CLAMP(serve->backoff_ms * 2, 250, BACKOFF_MAX_MS);
    g_autofree char *ms = g_strdup_printf("%" G_GINT64_FORMAT, serve->backoff_ms);
    log_warning("serve.trouble", "why", error->message, "again_ms", ms);
    if (serve->api)
        api_trouble(serve->api, error->message);
    g_clear_pointer(&serve->relay, relay_free);
    g_clear_pointer(&serve->session->ingest, ingest_close);
}

/* --- The loop --------------------------------------------------------------------------------------- */

static int wait_ms(const struct serve *serve)
{
    if (serve->backoff_ms)
        return (int)serve->backoff_ms;
    if (!serve->relay_idle || !serve->ingest_idle)
        return 0;
    if (!serve->arrived || serve->relay_waits)
        return ARRIVE_MS;
    return serve->relay_lock && serve->session->ingest_lock ? TURN_MS : BUSY_MS;
}

/* Of what can change while it runs, certificates do. */
static void reload(struct serve *serve)
{
    struct signalfd_siginfo info;
    g_autoptr(GError) error = NULL;
    if (read(serve->hangup, &info, sizeof info) < 0 || !serve->api)
        return;
    if (api_reload(serve->api, &error))
        log_info("serve.reloaded");
    else
        log_warning("serve.not_reloaded", "why", error->message, "meanwhile",
                    "the certificate of before stays");
}

static void wait_for_news(struct serve *serve)
{
    struct ingest *ingest = serve->backoff_ms ? NULL : serve->session->ingest;
    struct pollfd fds[] = {
        {.fd = serve->signals, .events = POLLIN},
        {.fd = serve->backoff_ms ? -1 : serve->bell, .events = POLLIN},
        {.fd = ingest ? ingest_fd(ingest) : -1, .events = POLLIN},
        {.fd = serve->hangup, .events = POLLIN},
    };
    if (poll(fds, G_N_ELEMENTS(fds), wait_ms(serve)) < 0 && errno != EINTR)
        g_error("poll: %s", g_strerror(errno));
    if (fds[0].revents)
        serve->stopping = true;
    if (fds[1].revents) {
        bell_drain(serve->bell);
        serve->rang = true;
    }
    if (fds[3].revents)
        reload(serve);
}

static void note_ready(struct serve *serve)
{
    if (!serve->ready)
        sd_notify(0, "READY=1");
    serve->ready = true;
    if (serve->backoff_ms && serve->api)
        api_trouble(serve->api, NULL);
    serve->backoff_ms = 0;
}

static bool loop(struct serve *serve, GError **error)
{
    while (!serve->stopping) {
        g_autoptr(GError) trouble = NULL;
        if (turn(serve, &trouble)) {
            note_ready(serve);
        } else if (is_passing(trouble)) {
            back_off(serve, trouble);
        } else {
            g_propagate_error(error, g_steal_pointer(&trouble));
            return false;
        }
        wait_for_news(serve);
    }
    return true;
}

static bool serve_begin(struct serve *serve, GError **error)
{
    sigset_t set, hangup;
    sigemptyset(&set);
    sigemptyset(&hangup);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&hangup, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    sigprocmask(SIG_BLOCK, &hangup, NULL);
    serve->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    serve->hangup = signalfd(-1, &hangup, SFD_NONBLOCK | SFD_CLOEXEC);
    serve->ending = ending_on_signal(
        END_MS); /* lifted by nobody: the end may hang, too */
    serve->bell = bell_listen(serve->session->common->ledger, error);
    /* An agent whose topics were wrong may have been mended. */
    return serve->bell >= 0 && ledger_check(serve->session->ledger, error) &&
           ledger_lift(serve->session->ledger, NULL, error);
}

/* Its threads inherit that signals are the loop's. */
static bool start_http(struct serve *serve, const struct serve_options *options,
                       GError **error)
{
    const struct common *common = serve->session->common;
    const char *listen = options->api.listen ? options->api.listen : API_LISTEN;
    g_autoptr(GError) why = NULL;
    if (!options->http)
        return true;
    serve->api = api_start(common->ledger, serve->session->bus, &options->api, &why);
    if (serve->api) {
        log_info("serve.http", "address", listen, "tls",
                 options->api.tls_certificate ? "yes" : "no");
        return true;
    }
    if (options->http_asked) {
        g_propagate_error(error, g_steal_pointer(&why));
        return false;
    }
    log_warning("serve.no_http", "why", why->message);
    return true;
}

bool serve_run(struct session *session, const struct serve_options *options,
               GError **error)
{
    struct serve serve = {.session = session,
                          .signals = -1,
                          .hangup = -1,
                          .bell = -1,
                          .rang = true,
                          .arrived = true};
    log_info("serve.started", "bus", session->common->bus, "ledger",
             session->common->ledger);
    serve.upkeep = upkeep_new(session->ledger, session->bus, session->codec);
    serve.topics = topic_watch_new(session->ledger, session->bus);
    bool good = serve_begin(&serve, error) && start_http(&serve, options, error) &&
                loop(&serve, error);
    sd_notify(0, "STOPPING=1");
    api_stop(serve.api);
    upkeep_free(serve.upkeep);
    topic_watch_free(serve.topics);
    relay_free(serve.relay);
    lock_release(serve.relay_lock);
    if (serve.signals >= 0)
        close(serve.signals);
    if (serve.hangup >= 0)
        close(serve.hangup);
    if (serve.bell >= 0)
        close(serve.bell);
    log_info("serve.stopped");
    return good;
}
