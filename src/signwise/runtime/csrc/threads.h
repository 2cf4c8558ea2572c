/* A team of threads that carry out one piece of work together; the caller is its first member. */
#ifndef SW_THREADS_H
#define SW_THREADS_H

#include <stddef.h>
#include <stdint.h>

typedef struct sw_team sw_team;

size_t sw_team_bytes(int32_t threads);
/* Starts the other threads, which wait for sw_team_run: then every member calls work(context, its number). */
int sw_team_start(sw_team *team, int32_t threads, void (*work)(void *, int32_t), void *context);
/* Returns when the caller's own work is done; work ends with sw_team_meet, so that all is. */
void sw_team_run(sw_team *team);
/* Inside work: waits until every member has come here. */
void sw_team_meet(sw_team *team);
void sw_team_stop(sw_team *team);

#endif
