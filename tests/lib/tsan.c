/*
 * tsan.c - what ThreadSanitizer has to be told of libraries that were built without it.
 *
 * It learns that one thing comes before another from the calls that it knows: pthread's, and GLib
 * locks by futexes.  So each call of GLib that hands something to another thread is made through
 * here, and says so.  Linked into every program of -DMUSTER_SANITIZE=thread, and into no other.
 */
#include <dlfcn.h>
#include <glib.h>
#include <pthread.h>
#include <sanitizer/tsan_interface.h>

/* The library's own, behind ours. */
#define REAL(name)                                                  \
 ({                                                                 \
static void *real;                                                   \
if (!__atomic_load_n(&real, __ATOMIC_ACQUIRE))                       \
__atomic_store_n(&real, dlsym(RTLD_NEXT, #name), __ATOMIC_RELEASE); \
(__typeof__(&(name)))__atomic_load_n(&real, __ATOMIC_ACQUIRE);       \
 })

/* --- GLib -------------------------------------------------------------------------------- */

void(g_mutex_lock)(GMutex *mutex)
{
    REAL(g_mutex_lock)(mutex);
    __tsan_acquire(mutex);
}

void(g_mutex_unlock)(GMutex *mutex)
{
    __tsan_release(mutex);
    REAL(g_mutex_unlock)(mutex);
}

void(g_cond_wait)(GCond *cond, GMutex *mutex)
{
    __tsan_release(mutex);
    REAL(g_cond_wait)(cond, mutex);
    __tsan_acquire(mutex);
}

gboolean(g_cond_wait_until)(GCond *cond, GMutex *mutex, gint64 end_time)
{
    __tsan_release(mutex);
    const gboolean woken = REAL(g_cond_wait_until)(cond, mutex, end_time);
    __tsan_acquire(mutex);
    return woken;
}

gboolean(g_once_init_enter)(volatile void *location)
{
    const gboolean first = REAL(g_once_init_enter)(location);
    __tsan_acquire((void *)location);
    return first;
}

void(g_once_init_leave)(volatile void *location, gsize result)
{
    __tsan_release((void *)location);
    REAL(g_once_init_leave)(location, result);
}

void(g_async_queue_push)(GAsyncQueue *queue, gpointer data)
{
    __tsan_release(data);
    REAL(g_async_queue_push)(queue, data);
}

static gpointer taken(gpointer data)
{
    if (data)
        __tsan_acquire(data);
    return data;
}

gpointer(g_async_queue_pop)(GAsyncQueue *queue)
{
    return taken(REAL(g_async_queue_pop)(queue));
}

gpointer(g_async_queue_try_pop)(GAsyncQueue *queue)
{
    return taken(REAL(g_async_queue_try_pop)(queue));
}

gpointer(g_async_queue_timeout_pop)(GAsyncQueue *queue, guint64 timeout)
{
    return taken(REAL(g_async_queue_timeout_pop)(queue, timeout));
}

/* A thread of a pool starts with what was pushed; the pool's end waits for all of them. */
struct pool_call {
    GFunc function;
    gpointer data;
};

static void pool_run(gpointer item, gpointer data)
{
    const struct pool_call *call = data;
    __tsan_acquire(item);
    call->function(item, call->data);
    __tsan_release(data);
}

GThreadPool *(g_thread_pool_new)(GFunc function, gpointer data, gint most,
                                 gboolean exclusive, GError **error)
{
    struct pool_call *call = g_new(struct pool_call, 1);
    *call = (struct pool_call){function, data};
    return REAL(g_thread_pool_new)(pool_run, call, most, exclusive, error);
}

gboolean(g_thread_pool_push)(GThreadPool *pool, gpointer item, GError **error)
{
    __tsan_release(item);
    return REAL(g_thread_pool_push)(pool, item, error);
}

void(g_thread_pool_free)(GThreadPool *pool, gboolean immediate, gboolean wait)
{
    struct pool_call *call = pool->user_data;
    REAL(g_thread_pool_free)(pool, immediate, wait);
    if (!wait)
        return;
    __tsan_acquire(call);
    g_free(call);
}
