/*
 * errand.c - a thread pool whose results are collected by the loop.
 */
#include "errand.h"

struct errands {
    GThreadPool *pool;
    GAsyncQueue *done;
    void (*wake)(void *context);
    void *context;
    unsigned running; /* started and not collected; the loop's own count */
};

struct errand {
    errand_work work;
    errand_done done;
    void *data;
};

static void run(void *data, void *user_data)
{
    struct errand *errand = data;
    struct errands *errands = user_data;
    errand->work(errand->data);
    g_async_queue_push(errands->done, errand);
    errands->wake(errands->context);
}

struct errands *errands_new(unsigned threads, void (*wake)(void *context), void *context)
{
    struct errands *errands = g_new0(struct errands, 1);
    errands->done = g_async_queue_new();
    errands->wake = wake;
    errands->context = context;
    errands->pool = g_thread_pool_new(run, errands, (int)threads, FALSE, NULL);
    return errands;
}

void errands_free(struct errands *errands)
{
    if (!errands)
        return;
    g_thread_pool_free(errands->pool, FALSE, TRUE);
    errands_collect(errands);
    g_async_queue_unref(errands->done);
    g_free(errands);
}

void errands_start(struct errands *errands, errand_work work, errand_done done,
                   void *data)
{
    struct errand *errand = g_new0(struct errand, 1);
    errand->work = work;
    errand->done = done;
    errand->data = data;
    errands->running++;
    g_thread_pool_push(errands->pool, errand, NULL);
}

bool errands_collect(struct errands *errands)
{
    bool any = false;
    for (;;) {
        g_autofree struct errand *errand = g_async_queue_try_pop(errands->done);
        if (!errand)
            return any;
        errands->running--;
        errand->done(errand->data);
        any = true;
    }
}

unsigned errands_running(const struct errands *errands)
{
    return errands->running;
}
