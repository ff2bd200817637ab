/* SPDX-License-Identifier: Apache-2.0 */
/* A thread that asks a sensor at its pace. */
#include "energy/sampler.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct rrto_energy_sampler {
    struct rrto_energy_sensor *sensor;
    struct rrto_energy_meter meter;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wanted; /* stopping has been set */
    bool stopping;
    enum rrto_status status;
    char why[1024];
};

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* Waits until then; true when the sampler is to stop. */
static bool wait_until(struct rrto_energy_sampler *sampler, uint64_t then_ns)
{
    struct timespec then = {.tv_sec = (time_t)(then_ns / 1000000000), .tv_nsec = (long)(then_ns % 1000000000)};
    pthread_mutex_lock(&sampler->lock);
    while (!sampler->stopping && pthread_cond_timedwait(&sampler->wanted, &sampler->lock, &then) != ETIMEDOUT)
        ;
    bool stopping = sampler->stopping;
    pthread_mutex_unlock(&sampler->lock);
    return stopping;
}

static void sleep_until(uint64_t then_ns)
{
    struct timespec then = {.tv_sec = (time_t)(then_ns / 1000000000), .tv_nsec = (long)(then_ns % 1000000000)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &then, NULL) == EINTR)
        ;
}

/* Returns when the next one is due: a period after this one, whenever it was, lest one be asked for too early. */
static uint64_t sample(struct rrto_energy_sampler *sampler)
{
    uint64_t now_ns = now();
    sampler->status = rrto_energy_sample(sampler->sensor, &sampler->meter, now_ns, sampler->why, sizeof sampler->why);
    return now_ns + rrto_energy_sensor_period_ns(sampler->sensor);
}

static void *run(void *data)
{
    struct rrto_energy_sampler *sampler = data;
    uint64_t next_ns = sample(sampler);
    while (sampler->status == RRTO_OK && !wait_until(sampler, next_ns))
        next_ns = sample(sampler);
    if (sampler->status == RRTO_OK) { /* what is measured ended before this sample */
        sleep_until(next_ns);
        sample(sampler);
    }
    return NULL;
}

enum rrto_status rrto_energy_sampler_start(struct rrto_energy_sensor *sensor, struct rrto_energy_sampler **ret_sampler)
{
    struct rrto_energy_sampler *sampler = calloc(1, sizeof *sampler);
    pthread_condattr_t attributes;
    if (!sampler)
        return RRTO_NO_MEMORY;
    sampler->sensor = sensor;
    pthread_mutex_init(&sampler->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&sampler->wanted, &attributes);
    pthread_condattr_destroy(&attributes);
    if (pthread_create(&sampler->thread, NULL, run, sampler) != 0) {
        free(sampler);
        return RRTO_NO_MEMORY;
    }
    *ret_sampler = sampler;
    return RRTO_OK;
}

enum rrto_status rrto_energy_sampler_stop(struct rrto_energy_sampler *sampler, struct rrto_energy_meter *ret_meter,
                                          char *why, size_t n_why)
{
    pthread_mutex_lock(&sampler->lock);
    sampler->stopping = true;
    pthread_cond_signal(&sampler->wanted);
    pthread_mutex_unlock(&sampler->lock);
    pthread_join(sampler->thread, NULL);
    enum rrto_status status = sampler->status;
    *ret_meter = sampler->meter;
    if (status != RRTO_OK)
        snprintf(why, n_why, "%s", sampler->why);
    pthread_cond_destroy(&sampler->wanted);
    pthread_mutex_destroy(&sampler->lock);
    free(sampler);
    return status;
}

enum rrto_status rrto_energy_mean_watts(struct rrto_energy_sensor *sensor, uint64_t duration_ns, double *ret_watts,
                                        char *why, size_t n_why)
{
    struct rrto_energy_sampler *sampler;
    struct rrto_energy_meter meter;
    struct rrto_energy_figure figure;
    enum rrto_status status = rrto_energy_sampler_start(sensor, &sampler);
    if (status != RRTO_OK) {
        snprintf(why, n_why, "%s", rrto_status_text(status));
        return status;
    }
    sleep_until(now() + duration_ns);
    status = rrto_energy_sampler_stop(sampler, &meter, why, n_why);
    if (status == RRTO_OK) {
        status = rrto_energy_measure(&meter, meter.samples[0].at_ns, meter.samples[meter.n - 1].at_ns, 0, &figure);
        if (status == RRTO_OK)
            *ret_watts = figure.joules / figure.seconds;
        else
            snprintf(why, n_why, "%s does not move", rrto_energy_sensor_name(sensor));
    }
    rrto_energy_meter_fini(&meter);
    return status;
}
