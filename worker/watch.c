/*
 * watch.c - whether the engine is there, and its events, as a table of phase and
 * happening.
 *
 *     asleep → version → info → opening → catching up → streaming
 *        ↑________________________ any failure _______________|
 *
 * Every row of the table is one small function; move() is the only one that changes the
 * phase.  What is to be told is queued as news; nothing here logs, waits or looks at a
 * clock.
 *
 * How a loss is noticed (Engine 20.10 to 29, daemon/events): the engine keeps the last
 * 256 events, of all kinds, none over a restart, and replays from `since` on,
 * inclusively.  If the first line after a reconnect is one that was seen before, the
 * engine still has all that came after it.  If it is another one, or none comes soon,
 * there may be a gap: a list puts it right.  A false alarm costs one list.
 */
#include "watch.h"

#include <jansson.h>
#include <string.h>

#define BACKOFF_LEAST_MS     100
#define BACKOFF_MOST_MS      5000
#define UNSUPPORTED_RETRY_MS 30000 /* an engine is upgraded by people, not in seconds */
#define ASK_TIMEOUT_MS       10000
#define REPLAY_MS            500   /* a replay follows the headers at once */
#define PING_EVERY_MS        15000 /* a stopped engine leaves a quiet stream open */
#define SEEN_MOST            64 /* events of about the same moment, to know them again */

#define SECOND_NS INT64_C(1000000000)

/* No exec_*: every health check makes three of those.  No kill, stop, restart: die and
 * start tell the same.  Adopted containers have no label, so labels cannot filter.  "died"
 * and "remove" are Podman's filters for die and destroy. */
#define FILTERS                                                                \
 "{\"type\":[\"container\"],\"event\":[\"create\",\"start\",\"die\",\"died\"," \
 "\"destroy\",\"remove\",\"rename\",\"pause\",\"unpause\",\"oom\",\"update\"," \
 "\"health_status\"]}"

enum phase {
    PHASE_ASLEEP, /* until due_ms; then the engine is asked again */
    PHASE_VERSION,
    PHASE_INFO,
    PHASE_OPENING,
    PHASE_CATCHING_UP, /* open again; does the replay begin with what we know? */
    PHASE_STREAMING,
    PHASE_COUNT,
};

enum happening {
    HAPPENING_TIME,   /* due_ms has come */
    HAPPENING_ANSWER, /* a good answer to what was asked */
    HAPPENING_OPENED, /* the stream's headers came */
    HAPPENING_LINE,
    HAPPENING_FAILURE, /* no good answer, or the stream has ended */
    HAPPENING_COUNT,
};

struct what {
    int64_t now_ms;
    const struct reply *reply; /* ANSWER */
    const char *line;          /* LINE */
    const char *message;       /* FAILURE */
};

struct watch {
    struct docker *docker; /* borrowed */
    enum phase phase;
    int64_t due_ms;
    int64_t backoff_ms;
    int64_t opened_ms; /* 0: not since the last failure */
    uint64_t ask;      /* tickets; 0: none */
    uint64_t stream;
    bool known;       /* a stream of this engine has been open */
    int64_t since_ns; /* time of the last event received, by the engine's clock */
    GQueue seen;      /* char *, keys of the last events */
    GQueue news; /* struct watch_news; as many as lines were offered since watch_next() */
    enum watch_kind told; /* UP, DOWN or UNSUPPORTED, whichever was told last */
    bool podman;          /* by its last version */
    enum engine_logs logs;
    char *engine_id;
    char *engine_version;
};

/* --- Its life ---------------------------------------------------------------------- */

void watch_news_clear(struct watch_news *news)
{
    g_clear_pointer(&news->event, engine_event_free);
    g_clear_pointer(&news->message, g_free);
    news->kind = WATCH_NONE;
}

static void news_free(struct watch_news *news)
{
    watch_news_clear(news);
    g_free(news);
}

struct watch *watch_new(struct docker *docker)
{
    struct watch *watch = g_new0(struct watch, 1);

    watch->docker = docker;
    watch->backoff_ms = BACKOFF_LEAST_MS;
    watch->engine_id = g_strdup("");
    watch->engine_version = g_strdup("");
    g_queue_init(&watch->seen);
    g_queue_init(&watch->news);
    return watch;
}

static void hang_up(struct watch *watch)
{
    docker_cancel(watch->docker, watch->ask);
    docker_cancel(watch->docker, watch->stream);
    watch->ask = 0;
    watch->stream = 0;
}

void watch_free(struct watch *watch)
{
    if (!watch)
        return;
    hang_up(watch);
    g_queue_clear_full(&watch->seen, g_free);
    g_queue_clear_full(&watch->news, (GDestroyNotify)news_free);
    g_free(watch->engine_id);
    g_free(watch->engine_version);
    g_free(watch);
}

/* --- Telling ----------------------------------------------------------------------- */

static void tell(struct watch *watch, enum watch_kind kind, struct engine_event *event,
                 const char *message)
{
    struct watch_news *news = g_new0(struct watch_news, 1);

    news->kind = kind;
    news->event = event;
    news->message = g_strdup(message);
    g_queue_push_tail(&watch->news, news);
}

/* An outage is told once, however often the engine is asked in vain. */
static void tell_trouble(struct watch *watch, enum watch_kind kind, const char *message)
{
    if (watch->told != kind)
        tell(watch, kind, NULL, message);
    watch->told = kind;
}

/* --- Moving ------------------------------------------------------------------------ */

static void move(struct watch *watch, enum phase phase, int64_t due_ms)
{
    watch->phase = phase;
    watch->due_ms = due_ms;
}

static void fall_asleep(struct watch *watch, const struct what *what)
{
    bool lasted = watch->opened_ms && what->now_ms - watch->opened_ms >= BACKOFF_MOST_MS;

    hang_up(watch);
    tell_trouble(watch, WATCH_DOWN, what->message);
    if (lasted)
        watch->backoff_ms = BACKOFF_LEAST_MS;
    move(watch, PHASE_ASLEEP, what->now_ms + watch->backoff_ms);
    watch->backoff_ms = MIN(watch->backoff_ms * 2, BACKOFF_MOST_MS);
    watch->opened_ms = 0;
}

/* The watch's own questions go in no lane: hanging reads must not hold them back. */
static void ask(struct watch *watch, const char *path, bool unversioned)
{
    struct request *request = request_new(ASKED_ENGINE, DOCKER_STREAM, "GET", "%s", path);

    request->unversioned = unversioned;
    request->timeout_ms = ASK_TIMEOUT_MS;
    watch->ask = docker_send(watch->docker, request);
}

static void ask_version(struct watch *watch, const struct what *what)
{
    ask(watch, "/version", true);
    move(watch, PHASE_VERSION, INT64_MAX);
}

/* --- The version ------------------------------------------------------------------- */

static const char *json_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

/* "1.41" → 41; what is no 1.x → `otherwise`. */
static int minor_of(const char *version, int otherwise)
{
    guint64 minor;

    if (!g_str_has_prefix(version, "1.") ||
        !g_ascii_string_to_unsigned(version + 2, 10, 0, G_MAXINT, &minor, NULL))
        return otherwise;
    return (int)minor;
}

static void refuse_version(struct watch *watch, const json_t *version, int64_t now_ms)
{
    g_autofree char *message = g_strdup_printf(
        "Docker Engine %s speaks API %s to %s, this worker 1.%d to 1.%d",
        json_text(version, "Version"), json_text(version, "MinAPIVersion"),
        json_text(version, "ApiVersion"), WATCH_API_LEAST, WATCH_API_MOST);

    tell_trouble(watch, WATCH_UNSUPPORTED, message);
    move(watch, PHASE_ASLEEP, now_ms + UNSUPPORTED_RETRY_MS);
}

static bool is_podman(const json_t *version)
{
    const json_t *components = json_object_get(version, "Components");
    const json_t *component;
    size_t i;

    json_array_foreach(components, i, component)
    {
        if (g_str_equal(json_text(component, "Name"), "Podman Engine"))
            return true;
    }
    return false;
}

static void take_version(struct watch *watch, const struct what *what)
{
    json_t *version = json_loadb(what->reply->body, what->reply->length, 0, NULL);
    int least = MAX(minor_of(json_text(version, "MinAPIVersion"), 0), WATCH_API_LEAST);
    int most = MIN(minor_of(json_text(version, "ApiVersion"), 0), WATCH_API_MOST);

    if (!json_is_object(version)) {
        fall_asleep(watch, &(struct what){.now_ms = what->now_ms,
                                          .message = "GET /version: not a JSON object"});
    } else if (most < least) {
        refuse_version(watch, version, what->now_ms);
    } else {
        docker_set_api(watch->docker, most);
        watch->podman = is_podman(version);
        g_free(watch->engine_version);
        watch->engine_version = g_strdup_printf("%s, API 1.%d",
                                                json_text(version, "Version"), most);
        ask(watch, "/info", false);
        move(watch, PHASE_INFO, INT64_MAX);
    }
    json_decref(version);
}

/* --- The engine and its stream ----------------------------------------------------- */

/* SystemTime, RFC 3339; 0 if it is none, or of a clock so wrong that nanoseconds cannot tell
 * it: those of int64_t begin after 1970 here and end in 2262. */
static int64_t engine_clock_ns(const json_t *info)
{
    g_autoptr(GDateTime)
        time = g_date_time_new_from_iso8601(json_text(info, "SystemTime"), NULL);
    int64_t seconds = time ? g_date_time_to_unix(time) : 0;

    if (seconds <= 0 || seconds >= INT64_MAX / SECOND_NS)
        return 0;
    return seconds * SECOND_NS + (int64_t)g_date_time_get_microsecond(time) * 1000;
}

static void meet_engine(struct watch *watch, const char *engine_id, int64_t clock_ns)
{
    if (watch->known && g_str_equal(watch->engine_id, engine_id))
        return;
    g_free(watch->engine_id);
    watch->engine_id = g_strdup(engine_id);
    watch->known = false;
    watch->since_ns = clock_ns;
    g_queue_clear_full(&watch->seen, g_free);
}

static void open_stream(struct watch *watch)
{
    g_autofree char *filters = g_uri_escape_string(FILTERS, NULL, false);
    struct request *request = request_new(
        ASKED_ENGINE, DOCKER_STREAM, "GET",
        "/events?since=%" G_GINT64_FORMAT ".%09" G_GINT64_FORMAT "&filters=%s",
        watch->since_ns / SECOND_NS, watch->since_ns % SECOND_NS, filters);

    request->lines = true;
    request->first_byte_ms = ASK_TIMEOUT_MS;
    watch->stream = docker_send(watch->docker, request);
    move(watch, PHASE_OPENING, INT64_MAX);
}

/* Podman (compat/info.go) makes an ID anew for each answer; its host and where it keeps its
 * containers tell it from others. */
static char *engine_id_of(const struct watch *watch, const json_t *info)
{
    if (!watch->podman)
        return g_strdup(json_text(info, "ID"));
    return g_strdup_printf("podman:%s:%s", json_text(info, "Name"),
                           json_text(info, "DockerRootDir"));
}

/* Podman names drivers of its own, and has options of its own for them. */
static enum engine_logs engine_logs_of(const struct watch *watch, const json_t *info)
{
    const char *driver = json_text(info, "LoggingDriver");

    if (watch->podman || *driver == '\0')
        return ENGINE_LOGS_UNKNOWN;
    return g_str_equal(driver, "json-file") ? ENGINE_LOGS_IN_FILES
                                            : ENGINE_LOGS_ELSEWHERE;
}

static void take_info(struct watch *watch, const struct what *what)
{
    json_t *info = json_loadb(what->reply->body, what->reply->length, 0, NULL);
    g_autofree char *engine_id = engine_id_of(watch, info);

    if (engine_id[0]) {
        watch->logs = engine_logs_of(watch, info);
        meet_engine(watch, engine_id, engine_clock_ns(info));
        open_stream(watch);
    } else {
        fall_asleep(watch, &(struct what){.now_ms = what->now_ms,
                                          .message = "GET /info: the engine has no ID"});
    }
    json_decref(info);
}

static void begin_streaming(struct watch *watch, enum watch_kind kind, int64_t now_ms)
{
    tell(watch, kind, NULL, NULL);
    watch->told = WATCH_UP;
    watch->known = true;
    move(watch, PHASE_STREAMING, now_ms + PING_EVERY_MS);
}

static void take_opened(struct watch *watch, const struct what *what)
{
    watch->opened_ms = what->now_ms;
    if (watch->known)
        move(watch, PHASE_CATCHING_UP, what->now_ms + REPLAY_MS);
    else
        begin_streaming(watch, WATCH_GAP, what->now_ms);
}

static void stop_catching_up(struct watch *watch, const struct what *what)
{
    begin_streaming(watch, WATCH_GAP, what->now_ms);
}

/* --- Events ------------------------------------------------------------------------ */

static char *event_key(const struct engine_event *event)
{
    return g_strdup_printf("%" G_GINT64_FORMAT " %s %s", event->time_ns,
                           event->container_id, event->action);
}

static bool was_seen(const struct watch *watch, const struct engine_event *event)
{
    g_autofree char *key = event_key(event);

    return g_queue_find_custom((GQueue *)&watch->seen, key, (GCompareFunc)strcmp) != NULL;
}

/* `since` is the last received, not the latest: two events may come in the other order
 * than their times, and the engine's replay ends at the first older one. */
static void remember(struct watch *watch, const struct engine_event *event)
{
    if (event->time_ns > 0)
        watch->since_ns = event->time_ns;
    g_queue_push_tail(&watch->seen, event_key(event));
    if (watch->seen.length > SEEN_MOST)
        g_free(g_queue_pop_head(&watch->seen));
}

static void pass_on(struct watch *watch, struct engine_event *event)
{
    remember(watch, event);
    tell(watch, WATCH_EVENT, event, NULL);
}

/* An event that cannot be read is one that was lost. */
static void take_line(struct watch *watch, const struct what *what)
{
    g_autoptr(EngineEvent)
        event = engine_event_parse(what->line, strlen(what->line), NULL);

    if (!event)
        tell(watch, WATCH_GAP, NULL, NULL);
    else if (!was_seen(watch, event))
        pass_on(watch, g_steal_pointer(&event));
}

static void take_first_line(struct watch *watch, const struct what *what)
{
    g_autoptr(EngineEvent)
        event = engine_event_parse(what->line, strlen(what->line), NULL);

    if (event && was_seen(watch, event)) {
        begin_streaming(watch, WATCH_UP, what->now_ms);
        return;
    }
    begin_streaming(watch, WATCH_GAP, what->now_ms);
    if (event)
        pass_on(watch, g_steal_pointer(&event));
}

static void ping(struct watch *watch, const struct what *what)
{
    ask(watch, "/_ping", true);
    move(watch, PHASE_STREAMING, INT64_MAX);
}

static void take_ping(struct watch *watch, const struct what *what)
{
    move(watch, PHASE_STREAMING, what->now_ms + PING_EVERY_MS);
}

/* --- The table --------------------------------------------------------------------- */

typedef void (*row)(struct watch *watch, const struct what *what);

/* No entry: it cannot happen there, or means nothing there. */
static const row table[PHASE_COUNT][HAPPENING_COUNT] = {
    [PHASE_ASLEEP] = {[HAPPENING_TIME] = ask_version},
    [PHASE_VERSION] =
        {[HAPPENING_ANSWER] = take_version, [HAPPENING_FAILURE] = fall_asleep},
    [PHASE_INFO] = {[HAPPENING_ANSWER] = take_info, [HAPPENING_FAILURE] = fall_asleep},
    [PHASE_OPENING] =
        {[HAPPENING_OPENED] = take_opened, [HAPPENING_FAILURE] = fall_asleep},
    [PHASE_CATCHING_UP] = {[HAPPENING_LINE] = take_first_line,
                           [HAPPENING_TIME] = stop_catching_up,
                           [HAPPENING_FAILURE] = fall_asleep},
    [PHASE_STREAMING] = {[HAPPENING_LINE] = take_line,
                         [HAPPENING_TIME] = ping,
                         [HAPPENING_ANSWER] = take_ping,
                         [HAPPENING_FAILURE] = fall_asleep},
};

static void happen(struct watch *watch, enum happening happening, const struct what *what)
{
    row act = table[watch->phase][happening];

    if (act)
        act(watch, what);
}

int64_t watch_tick(struct watch *watch, int64_t now_ms)
{
    if (now_ms >= watch->due_ms)
        happen(watch, HAPPENING_TIME, &(struct what){.now_ms = now_ms});
    return watch->due_ms;
}

bool watch_line(struct watch *watch, uint64_t ticket, const char *line, int64_t now_ms)
{
    if (ticket != watch->stream)
        return false;
    happen(watch, line[0] ? HAPPENING_LINE : HAPPENING_OPENED,
           &(struct what){.now_ms = now_ms, .line = line});
    return true;
}

/* A stream has no good end: an engine that shuts down may end it properly. */
static char *failure_of(const struct reply *reply, bool is_stream)
{
    g_autofree char *text = NULL;

    if (reply->answer != ANSWER_HTTP)
        return g_strdup(reply->error);
    if (is_stream && reply->status == 200)
        return g_strdup("the engine has ended its event stream");
    text = verdict_text(reply->body, reply->length);
    return g_strdup_printf("the engine answered %d: %s", reply->status, text);
}

bool watch_reply(struct watch *watch, const struct reply *reply, int64_t now_ms)
{
    bool is_stream = reply->ticket == watch->stream;
    g_autofree char *message = NULL;

    if (!is_stream && reply->ticket != watch->ask)
        return false;
    *(is_stream ? &watch->stream : &watch->ask) = 0;
    if (!is_stream && reply->answer == ANSWER_HTTP && reply->status == 200) {
        happen(watch, HAPPENING_ANSWER, &(struct what){.now_ms = now_ms, .reply = reply});
        return true;
    }
    message = failure_of(reply, is_stream);
    happen(watch, HAPPENING_FAILURE,
           &(struct what){.now_ms = now_ms, .message = message});
    return true;
}

enum watch_kind watch_next(struct watch *watch, struct watch_news *ret_news)
{
    struct watch_news *news = g_queue_pop_head(&watch->news);

    if (!news)
        return WATCH_NONE;
    *ret_news = *news;
    g_free(news);
    return ret_news->kind;
}

bool watch_is_up(const struct watch *watch)
{
    return watch->phase == PHASE_STREAMING;
}

const char *watch_engine_id(const struct watch *watch)
{
    return watch->engine_id;
}

enum engine_logs watch_engine_logs(const struct watch *watch)
{
    return watch->logs;
}

const char *watch_engine_version(const struct watch *watch)
{
    return watch->engine_version;
}
