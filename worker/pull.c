/*
 * pull.c - what the lines of a pull add up to.
 *
 * Refuses to guess: a pull has succeeded only when the engine said so, in a "Status: …" line
 * (Podman: see stream_note_end()), and no line told an error.  The end of the stream alone means nothing, and neither does
 * the status 200, which is sent before the first layer is fetched.
 *
 * Lines are cut to length by docker.c; here the number of layers and the kept texts are
 * bounded.
 */
#include "pull.h"

#include <jansson.h>
#include <string.h>

#define LAYERS_MAX 512 /* the engine itself refuses images of more than 127 */
#define TEXT_MAX   1000

struct layer {
    int64_t current; /* bytes downloaded */
    int64_t total;   /* 0: not known yet */
    bool here;       /* pulled, or it was here before */
};

struct pull_stream {
    GHashTable *layers; /* id → struct layer */
    char *status;       /* of the last line that belonged to no layer */
    char *error;
    bool succeeded;
    char *complete; /* Podman: whose "Download complete" the last line was, or NULL */
    bool repeated;  /* and the line before it was the same */
};

struct pull_stream *pull_stream_new(void)
{
    struct pull_stream *stream = g_new0(struct pull_stream, 1);

    stream->layers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    stream->status = g_strdup("");
    return stream;
}

void pull_stream_free(struct pull_stream *stream)
{
    if (stream == NULL)
        return;
    g_hash_table_unref(stream->layers);
    g_free(stream->status);
    g_free(stream->error);
    g_free(stream->complete);
    g_free(stream);
}

static char *dup_cut(const char *text, size_t length)
{
    g_autofree char *valid = g_utf8_make_valid(text, (gssize)MIN(length, 4 * TEXT_MAX));

    if (g_utf8_strlen(valid, -1) <= TEXT_MAX)
        return g_steal_pointer(&valid);
    return g_utf8_substring(valid, 0, TEXT_MAX);
}

/* The first error stays: what follows it are its consequences. */
static void stream_fail(struct pull_stream *stream, const char *text, size_t length)
{
    if (stream->error == NULL)
        stream->error = dup_cut(text, length);
}

static int64_t bytes_of(const json_t *detail, const char *key)
{
    return MAX(json_integer_value(json_object_get(detail, key)), 0);
}

static void layer_announced(struct layer *layer, const json_t *detail)
{
}

static void layer_downloading(struct layer *layer, const json_t *detail)
{
    layer->current = bytes_of(detail, "current");
    layer->total = MAX(bytes_of(detail, "total"), layer->current);
}

static void layer_downloaded(struct layer *layer, const json_t *detail)
{
    layer->current = layer->total;
}

static void layer_here(struct layer *layer, const json_t *detail)
{
    layer->current = layer->total;
    layer->here = true;
}

/* The words of a layer's lines (Engine 20.10 to 29, docker/distribution/xfer).  "Extracting"
 * has bytes too, but of work on the disk, not of the download. */
static const struct {
    const char *status;
    void (*note)(struct layer *layer, const json_t *detail);
} layer_words[] = {
    {"Pulling fs layer", layer_announced},    {"Waiting", layer_announced},
    {"Retrying in", layer_announced},         {"Downloading", layer_downloading},
    {"Verifying Checksum", layer_downloaded}, {"Download complete", layer_downloaded},
    {"Extracting", layer_downloaded},         {"Pull complete", layer_here},
    {"Already exists", layer_here},
};

static struct layer *stream_layer(struct pull_stream *stream, const char *id)
{
    struct layer *layer = g_hash_table_lookup(stream->layers, id);

    if (layer != NULL || g_hash_table_size(stream->layers) >= LAYERS_MAX)
        return layer;
    layer = g_new0(struct layer, 1);
    g_hash_table_insert(stream->layers, g_strdup(id), layer);
    return layer;
}

/* True if the line was one of a layer. */
static bool stream_note_layer(struct pull_stream *stream, const char *status,
                              const char *id, const json_t *detail)
{
    for (size_t i = 0; i < G_N_ELEMENTS(layer_words); i++) {
        if (!g_str_has_prefix(status, layer_words[i].status))
            continue;
        struct layer *layer = stream_layer(stream, id);
        if (layer != NULL)
            layer_words[i].note(layer, detail);
        return true;
    }
    return false;
}

static void stream_note(struct pull_stream *stream, const json_t *line)
{
    const char *status = json_string_value(json_object_get(line, "status"));
    const char *id = json_string_value(json_object_get(line, "id"));
    const json_t *detail = json_object_get(line, "progressDetail");

    if (status == NULL)
        return;
    if (id != NULL && stream_note_layer(stream, status, id, detail))
        return;
    if (g_str_has_prefix(status, "Status: "))
        stream->succeeded = true;
    g_free(stream->status);
    stream->status = dup_cut(status, strlen(status));
}

/* Podman (4.3, compat/images.go) has no "Status: …": it ends a good pull by saying "Download
 * complete" of the image's id twice.  Docker goes on after such lines. */
static void stream_note_end(struct pull_stream *stream, const json_t *line)
{
    const char *status = json_string_value(json_object_get(line, "status"));
    const char *id = json_string_value(json_object_get(line, "id"));
    const bool complete = id != NULL && g_strcmp0(status, "Download complete") == 0;

    stream->repeated = complete && g_strcmp0(id, stream->complete) == 0;
    g_free(stream->complete);
    stream->complete = complete ? dup_cut(id, strlen(id)) : NULL;
}

static const char *line_error(const json_t *line)
{
    const json_t *detail = json_object_get(line, "errorDetail");
    const char *text = json_string_value(json_object_get(detail, "message"));

    if (text != NULL)
        return text;
    return json_string_value(json_object_get(line, "error"));
}

static void stream_take(struct pull_stream *stream, const json_t *line)
{
    const char *error = line_error(line);

    if (error != NULL)
        stream_fail(stream, error, strlen(error));
    else
        stream_note(stream, line);
    stream_note_end(stream, line);
}

static bool is_blank(const char *line, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (!g_ascii_isspace(line[i]))
            return false;
    }
    return true;
}

void pull_stream_line(struct pull_stream *stream, const char *line, size_t length)
{
    if (is_blank(line, length))
        return;

    json_t *object = json_loadb(line, length, 0, NULL);
    if (json_is_object(object))
        stream_take(stream, object);
    else
        stream_fail(stream, line, length);
    json_decref(object);
}

bool pull_stream_succeeded(const struct pull_stream *stream)
{
    return (stream->succeeded || stream->repeated) && stream->error == NULL;
}

const char *pull_stream_error(const struct pull_stream *stream)
{
    return stream->error;
}

/* Sums that foreign numbers cannot make overflow. */
static int64_t add_up(int64_t sum, int64_t more)
{
    return more > G_MAXINT64 - sum ? G_MAXINT64 : sum + more;
}

void pull_stream_bytes(const struct pull_stream *stream, int64_t *ret_current,
                       int64_t *ret_total)
{
    GHashTableIter iter;
    void *value = NULL;
    int64_t current = 0;
    int64_t total = 0;

    g_hash_table_iter_init(&iter, stream->layers);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const struct layer *layer = value;
        current = add_up(current, layer->current);
        total = add_up(total, layer->total);
    }
    *ret_current = current;
    *ret_total = total;
}

static unsigned stream_layers_here(const struct pull_stream *stream)
{
    GHashTableIter iter;
    void *value = NULL;
    unsigned here = 0;

    g_hash_table_iter_init(&iter, stream->layers);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        here += ((const struct layer *)value)->here;
    return here;
}

char *pull_stream_text(const struct pull_stream *stream)
{
    unsigned layers = g_hash_table_size(stream->layers);
    unsigned here = stream_layers_here(stream);
    int64_t current = 0;
    int64_t total = 0;

    if (layers == 0)
        return g_strdup(stream->status);
    pull_stream_bytes(stream, &current, &total);
    if (total == 0)
        return g_strdup_printf("%u of %u layers", here, layers);
    return g_strdup_printf("%u of %u layers, %.1f of %.1f MB", here, layers,
                           (double)current / 1e6, (double)total / 1e6);
}
