/*
 * test_hub.c - news: who gets what, from where on, and who is let go.
 */
#include "hub.h"

#include "place_id.h"

#include <string.h>

#define PARTITIONS 4

struct bench {
    struct hub *hub;
    int asleep, awake, behind;
    struct hub_stream *filled; /* handed over for filling */
    int woken;
};

static void on_sleep(void *reader)
{
    ((struct bench *)reader)->asleep++;
}

static void on_wake(void *reader)
{
    ((struct bench *)reader)->awake++;
}

static void on_behind(void *context, struct hub_stream *stream)
{
    struct bench *bench = context;
    bench->behind++;
    bench->filled = stream;
}

static void on_woken(void *waiter)
{
    ((struct bench *)waiter)->woken++;
}

static void set_up(struct bench *bench, gconstpointer data)
{
    const int64_t next[PARTITIONS] = {0, 5, 0, 0};
    *bench = (struct bench){.hub = hub_new("abcdef", next, PARTITIONS)};
}

static void tear_down(struct bench *bench, gconstpointer data)
{
    hub_free(bench->hub);
}

static struct hub_stream *open_at(struct bench *bench, const char *id,
                                  const char *server_id)
{
    const struct hub_stream_options options = {
        .server_id = server_id,
        .owner = server_id, /* any word will do */
        .sleep = on_sleep,
        .wake = on_wake,
        .behind = on_behind,
        .reader = bench,
        .context = bench,
    };
    bool malformed;
    return hub_stream_new(bench->hub, id, &options, &malformed);
}

/* All that is there, "…" cut off after the room; NULL: over. */
static char *read_all(struct hub_stream *stream)
{
    GString *text = g_string_new("");
    char bytes[7]; /* small, so that messages go out in parts */
    ssize_t count;
    while ((count = hub_stream_read(stream, bytes, sizeof bytes)) > 0)
        g_string_append_len(text, bytes, count);
    if (count == 0 || text->len > 0)
        return g_string_free(text, FALSE);
    g_string_free(text, TRUE);
    return NULL;
}

static void assert_reads(struct hub_stream *stream, const char *expected)
{
    g_autofree char *text = read_all(stream);
    g_assert_cmpstr(text, ==, expected);
}

static void new_readers(struct bench *bench, gconstpointer data)
{
    struct hub_stream *stream = open_at(bench, NULL, NULL);
    assert_reads(stream, "retry: 1000\n\nid: abcdef-1.5\nevent: hello\n"
                         "data: {\"resumed\":false}\n\n");
    g_assert_cmpint(bench->asleep, ==, 1);
    g_assert_true(hub_is_watched(bench->hub));
    hub_tell_log(bench->hub, 1, 7, "agent", "server", "{}");
    g_assert_cmpint(bench->awake, ==, 1);
    hub_tell_row(bench->hub, NEWS_SERVER, "agent", "server", "{\"id\":1}");
    g_assert_cmpint(bench->awake, ==, 1); /* once is enough */
    assert_reads(stream, "id: abcdef-1.8\nevent: log\ndata: {}\n\n"
                         "event: server\ndata: {\"id\":1}\n\n");
    hub_stream_close(stream);
}

static void filters(struct bench *bench, gconstpointer data)
{
    struct hub_stream *stream = open_at(bench, NULL, "one");
    g_free(read_all(stream)); /* the greeting */
    hub_tell_log(bench->hub, 1, 7, "agent", "two", "{\"a\":2}");
    hub_tell_log(bench->hub, 1, 9, "agent", NULL, "{\"a\":0}");
    hub_tell_log(bench->hub, 1, 11, "agent", "one", "{\"a\":1}");
    hub_tell_row(bench->hub, NEWS_AGENT, "agent", NULL, "{}");
    assert_reads(stream, "id: abcdef-1.c\nevent: log\ndata: {\"a\":1}\n\n");
    hub_stream_close(stream);
}

/* Behind an item that is still in the ring: nothing is lost, rows included. */
static void resumes_in_the_ring(struct bench *bench, gconstpointer data)
{
    struct hub_stream *first = open_at(bench, NULL, NULL);
    hub_tell_log(bench->hub, 1, 7, "agent", "server", "{\"n\":1}");
    hub_tell_row(bench->hub, NEWS_SERVER, "agent", "server", "{\"n\":2}");
    struct hub_stream *stream = open_at(bench, "abcdef-1.8", NULL);
    assert_reads(stream,
                 "retry: 1000\n\nid: abcdef-1.8\nevent: hello\n"
                 "data: {\"resumed\":true}\n\nevent: server\ndata: {\"n\":2}\n\n");
    g_assert_cmpint(bench->behind, ==, 0);
    hub_stream_close(stream);
    hub_stream_close(first);
}

static bool is_not(void *context, const char *owner)
{
    return !g_str_equal(owner, context);
}

static void ends_with_its_owner(struct bench *bench, gconstpointer data)
{
    struct hub_stream *nobodys = open_at(bench, NULL, NULL);
    struct hub_stream *stays = open_at(bench, NULL, "one");
    struct hub_stream *ends = open_at(bench, NULL, "two");
    struct hub_stream *streams[] = {nobodys, stays, ends};
    for (size_t i = 0; i < G_N_ELEMENTS(streams); i++)
        g_free(read_all(streams[i])); /* the greeting */
    hub_check(bench->hub, is_not, (void *)(uintptr_t) "two");
    g_assert_cmpint(bench->awake, ==, 1);
    g_assert_null(read_all(ends));
    assert_reads(stays, "");
    assert_reads(nobodys, "");
    for (size_t i = 0; i < G_N_ELEMENTS(streams); i++)
        hub_stream_close(streams[i]);
}

static void catches_up(struct bench *bench, gconstpointer data)
{
    const int64_t end[PARTITIONS] = {0, 5, 0, 0}, later[PARTITIONS] = {0, 10, 0, 0};
    struct hub_stream *stream = open_at(bench, "abcdef-1.2", NULL);
    g_free(read_all(stream)); /* the greeting */
    g_assert_cmpint(bench->behind, ==, 1);
    g_assert_true(bench->filled == stream);
    g_assert_cmpint(hub_stream_places(stream)[1], ==, 2);
    hub_stream_places(stream)[1] = 4;
    hub_stream_add(stream, "{\"n\":3}");
    assert_reads(stream, "id: abcdef-1.4\nevent: log\ndata: {\"n\":3}\n\n");
    g_assert_cmpint(bench->behind, ==, 1); /* it is being filled already */
    hub_tell_log(bench->hub, 1, 9, "agent", "server", "{\"n\":9}");
    hub_tell_row(bench->hub, NEWS_SERVER, "agent", "server", "{\"id\":1}");
    g_assert_false(hub_stream_catches_up(stream, end)); /* there is more by now */
    hub_stream_places(stream)[1] = 10;
    hub_stream_add(stream, "{\"n\":9}");
    g_assert_true(hub_stream_catches_up(stream, later));
    hub_stream_filled(stream);
    hub_stream_unref(stream);
    hub_tell_log(bench->hub, 1, 12, "agent", "server", "{\"n\":12}");
    assert_reads(stream, "id: abcdef-1.a\nevent: log\ndata: {\"n\":9}\n\n"
                         "event: server\ndata: {\"id\":1}\n\n" /* not in the log */
                         "id: abcdef-1.d\nevent: log\ndata: {\"n\":12}\n\n");
    hub_stream_close(stream);
}

static void other_logs(struct bench *bench, gconstpointer data)
{
    static const char *const ids[] = {"123456-1.2", "abcdef-1.6" /* beyond the end */};
    for (size_t i = 0; i < G_N_ELEMENTS(ids); i++) {
        struct hub_stream *stream = open_at(bench, ids[i], NULL);
        assert_reads(stream, "retry: 1000\n\nid: abcdef-1.5\nevent: reset\ndata: {}\n\n");
        hub_stream_close(stream);
    }
    g_assert_null(open_at(bench, "nonsense", NULL));
}

/* One that does not read is let go; one that does is not held back by it. */
static void slow_readers(struct bench *bench, gconstpointer data)
{
    struct hub_stream *slow = open_at(bench, NULL, NULL);
    struct hub_stream *quick = open_at(bench, NULL, NULL);
    g_free(read_all(quick)); /* the greeting */
    g_free(read_all(slow));  /* the greeting */
    for (int i = 0; i < HUB_ITEMS + 1; i++) {
        hub_tell_log(bench->hub, 1, 100 + i, "agent", "server", "{}");
        g_autofree char *text = read_all(quick);
        g_assert_true(g_str_has_prefix(text, "id: "));
    }
    g_assert_null(read_all(slow));
    struct hub_figures figures;
    hub_figures(bench->hub, &figures);
    g_assert_cmpint(figures.dropped, ==, 1);
    hub_stream_close(slow);
    hub_stream_close(quick);
}

static void waits(struct bench *bench, gconstpointer data)
{
    int64_t soon = g_get_monotonic_time() + INT64_C(3600) * G_USEC_PER_SEC;
    int64_t count = hub_count(bench->hub);
    hub_tell_log(bench->hub, 1, 7, "agent", "server", "{}");
    g_assert_false(hub_wait(bench->hub, count, "c", soon, on_woken, bench));
    count = hub_count(bench->hub);
    g_assert_true(hub_wait(bench->hub, count, "c", soon, on_woken, bench));
    hub_tell_command(bench->hub, "another");
    hub_tick(bench->hub);
    g_assert_cmpint(bench->woken, ==, 0);
    hub_tell_command(bench->hub, "c");
    hub_tell_command(bench->hub, "c");
    g_assert_cmpint(bench->woken, ==, 1);
    count = hub_count(bench->hub);
    g_assert_true(hub_wait(bench->hub, count, "c", 1, on_woken, bench)); /* long past */
    hub_tick(bench->hub);
    g_assert_cmpint(bench->woken, ==, 2);
}

static void ends(struct bench *bench, gconstpointer data)
{
    int64_t soon = g_get_monotonic_time() + INT64_C(3600) * G_USEC_PER_SEC;
    struct hub_stream *stream = open_at(bench, NULL, NULL);
    g_free(read_all(stream)); /* the greeting */
    g_assert_true(
        hub_wait(bench->hub, hub_count(bench->hub), "c", soon, on_woken, bench));
    hub_close(bench->hub);
    g_assert_cmpint(bench->woken, ==, 1);
    g_assert_cmpint(bench->awake, ==, 1);
    g_assert_null(read_all(stream));
    g_assert_false(
        hub_wait(bench->hub, hub_count(bench->hub), "c", soon, on_woken, bench));
    hub_stream_close(stream);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define TEST(name, function) \
 g_test_add(name, struct bench, NULL, set_up, function, tear_down)
    TEST("/hub/new_readers", new_readers);
    TEST("/hub/filters", filters);
    TEST("/hub/resumes_in_the_ring", resumes_in_the_ring);
    TEST("/hub/ends_with_its_owner", ends_with_its_owner);
    TEST("/hub/catches_up", catches_up);
    TEST("/hub/other_logs", other_logs);
    TEST("/hub/slow_readers", slow_readers);
    TEST("/hub/waits", waits);
    TEST("/hub/ends", ends);
    return g_test_run();
}
