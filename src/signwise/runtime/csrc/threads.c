/* SW_NO_THREADS leaves a team of one, for machines without pthreads. */
#ifndef SW_NO_THREADS
#define _POSIX_C_SOURCE 200809L
#endif

#include "threads.h"

#include "signwise.h"

#ifdef SW_NO_THREADS

struct sw_team {
    void (*work)(void *, int32_t);
    void *context;
};

size_t sw_team_bytes(int32_t threads) {
    (void)threads;
    return sizeof(sw_team);
}

int sw_team_start(sw_team *team, int32_t threads, void (*work)(void *, int32_t), void *context) {
    *team = (sw_team){work, context};
    return threads == 1 ? SW_OK : SW_BAD_THREADS;
}

void sw_team_run(sw_team *team) { team->work(team->context, 0); }
void sw_team_meet(sw_team *team) { (void)team; }
void sw_team_stop(sw_team *team) { (void)team; }

#else

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

enum { SW_SPINS = 2000 }; /* some tens of microseconds: longer than a step takes, shorter than anyone notices */

typedef struct {
    sw_team *team;
    pthread_t thread;
    int32_t part;
} sw_member;

struct sw_team {
    void (*work)(void *, int32_t);
    void *context;
    int32_t threads, sleepers;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    atomic_uint run; /* rises by one with each sw_team_run */
    atomic_int stop;
    _Alignas(64) atomic_uint met; /* rises by one with each meeting */
    _Alignas(64) atomic_int arrived;
    sw_member members[];
};

static void sw_pause(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

void sw_team_meet(sw_team *team) {
    if (team->threads == 1) return;
    const unsigned met = atomic_load_explicit(&team->met, memory_order_relaxed);
    if (atomic_fetch_add_explicit(&team->arrived, 1, memory_order_acq_rel) == team->threads - 1) {
        atomic_store_explicit(&team->arrived, 0, memory_order_relaxed);
        atomic_store_explicit(&team->met, met + 1, memory_order_release);
        return;
    }
    for (int spins = 0; atomic_load_explicit(&team->met, memory_order_acquire) == met; spins++) {
        if (spins < SW_SPINS) {
            sw_pause();
        } else {
            sched_yield(); /* more threads than cores */
        }
    }
}

static void sw_sleep(sw_team *team, unsigned run) {
    pthread_mutex_lock(&team->mutex);
    team->sleepers++;
    while (atomic_load(&team->run) == run) pthread_cond_wait(&team->wake, &team->mutex);
    team->sleepers--;
    pthread_mutex_unlock(&team->mutex);
}

static void *sw_member_main(void *argument) {
    const sw_member *member = argument;
    sw_team *team = member->team;
    for (unsigned run = 0;; run++) {
        for (int spins = 0; spins < SW_SPINS && atomic_load(&team->run) == run; spins++) sw_pause();
        if (atomic_load(&team->run) == run) sw_sleep(team, run);
        if (atomic_load(&team->stop)) return 0;
        team->work(team->context, member->part);
    }
}

static void sw_team_wake(sw_team *team) {
    pthread_mutex_lock(&team->mutex);
    atomic_fetch_add(&team->run, 1);
    if (team->sleepers) pthread_cond_broadcast(&team->wake);
    pthread_mutex_unlock(&team->mutex);
}

void sw_team_run(sw_team *team) {
    if (team->threads > 1) sw_team_wake(team);
    team->work(team->context, 0);
}

size_t sw_team_bytes(int32_t threads) { return sizeof(sw_team) + sizeof(sw_member) * (size_t)threads; }

int sw_team_start(sw_team *team, int32_t threads, void (*work)(void *, int32_t), void *context) {
    team->work = work;
    team->context = context;
    team->threads = 1;
    team->sleepers = 0;
    atomic_init(&team->run, 0);
    atomic_init(&team->stop, 0);
    atomic_init(&team->met, 0);
    atomic_init(&team->arrived, 0);
    if (pthread_mutex_init(&team->mutex, 0)) return SW_BAD_THREADS;
    if (pthread_cond_init(&team->wake, 0)) {
        pthread_mutex_destroy(&team->mutex);
        return SW_BAD_THREADS;
    }
    for (int32_t part = 1; part < threads; part++) {
        sw_member *member = &team->members[part];
        member->team = team;
        member->part = part;
        if (pthread_create(&member->thread, 0, sw_member_main, member)) {
            sw_team_stop(team);
            return SW_BAD_THREADS;
        }
        team->threads++;
    }
    return SW_OK;
}

void sw_team_stop(sw_team *team) {
    atomic_store(&team->stop, 1);
    sw_team_wake(team);
    for (int32_t part = 1; part < team->threads; part++) pthread_join(team->members[part].thread, 0);
    pthread_cond_destroy(&team->wake);
    pthread_mutex_destroy(&team->mutex);
}

#endif
