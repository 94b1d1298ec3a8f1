/* Address space kept back for the Go runtime, which ends the process when the system gives it no
 * memory or no thread. Its calls come here (build.sh links with --wrap): one that fails gives some
 * of the reserve up and is tried again, and whatever runs is told to end with OutOfMemory when
 * little is left. Nothing here calls Go or allocates: the callers are in the midst of that. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "shim.h"

/* One arena of the Go heap is 64 MiB, the stack of a thread 8. Pieces are small, so that others
 * find no room in what is given up for the runtime. */
enum { PIECES = 12, PIECE = 16 << 20, LEAST = 5, SMALL = 64 << 10 };

uint32_t rvi_short; /* 1: little of the reserve is left */

/* Where the pieces lie, NULL: nowhere. No lock: a forked child may allocate, too. */
static _Atomic(void *) pieces[PIECES];

void *__real_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *),
    void *arg);
void *__real_malloc(size_t size);

int32_t rvi_hold_reserve(void)
{
    int i, held = 0;

    for (i = 0; i < PIECES; i++) {
        void *p, *none = NULL;

        if (atomic_load(&pieces[i]) == NULL) {
            p = __real_mmap(NULL, PIECE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                -1, 0);
            if (p == MAP_FAILED)
                continue;
            if (!atomic_compare_exchange_strong(&pieces[i], &none, p))
                munmap(p, PIECE); /* another thread was faster */
        }
        held++;
    }
    if (held < LEAST)
        return 0;
    __atomic_store_n(&rvi_short, 0, __ATOMIC_SEQ_CST);
    return 1;
}

/* Gives one piece up; 0 when there is none. What runs is told when few are left. */
static int give_up(void)
{
    int i, left = 0;
    void *p = NULL;

    for (i = 0; i < PIECES; i++) {
        if (p == NULL)
            p = atomic_exchange(&pieces[i], NULL);
        else
            left += atomic_load(&pieces[i]) != NULL;
    }
    if (left < LEAST)
        __atomic_store_n(&rvi_short, 1, __ATOMIC_SEQ_CST);
    if (p != NULL)
        munmap(p, PIECE);
    return p != NULL;
}

void *__wrap_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
    void *p = __real_mmap(addr, len, prot, flags, fd, offset);

    while (p == MAP_FAILED && errno == ENOMEM && give_up())
        p = __real_mmap(addr, len, prot, flags, fd, offset);
    return p;
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *),
    void *arg)
{
    int kind = __real_pthread_create(thread, attr, start, arg);

    while ((kind == EAGAIN || kind == ENOMEM) && give_up())
        kind = __real_pthread_create(thread, attr, start, arg);
    return kind;
}

void *__wrap_malloc(size_t size)
{
    void *p = __real_malloc(size);

    while (p == NULL && size < SMALL && give_up())
        p = __real_malloc(size);
    return p;
}
