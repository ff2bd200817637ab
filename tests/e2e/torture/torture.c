/* SPDX-License-Identifier: Apache-2.0 */
/* Random legal programs of CUDA calls, each repeated in rounds with a deviation at every position in turn. Prints one
 * line per program: its number and a hash of every value that was read and of all device memory at its end.
 *
 *     torture SEED FIRST N [steps]     programs FIRST .. FIRST+N-1 of the seed; steps: a line after every step, too
 *
 * Threads hand each other the turn, so that the total order of the calls is the program's.
 *
 * Seen to fail: with a decoder that overlooks one patched op in fifty, and with a comparison that overlooks every 32nd
 * byte (both stop the session by the audit hash, in program 0), and with every synchronise that covers visible work
 * answered on the client (other values, within 63 programs, in all replay variants). */
#include "steps.h"

#include <pthread.h>

enum { MIN_STEPS = 5, MAX_STEPS = 12, USUAL_ROUNDS = 3 };

/* What is done to one position of a round. */
enum deviation {
    LEFT_OUT,
    TWICE,
    OTHER_SIZE,
    OTHER_STREAM,
    OTHER_THREAD,
    OTHER_BUFFER,
    OTHER_STEP,
    STEP_BEFORE,
    STEPS_BEFORE,
    BUFFER_REPLACED,
    MODULE_RELOADED,
    STREAM_REPLACED,
    EVENT_REPLACED,
    BLAS_REPLACED,
    DEVICE_WAIT,
    N_DEVIATIONS
};

/* One worker at a time has the turn; 0 is the main thread. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed[N_THREADS];
    int turn;
    bool stop;
    struct machine *machine;
    const struct step *step;
    struct rng *data;
} hand;

static void *worker(void *argument)
{
    int self = *(int *)argument;
    OK(cuCtxSetCurrent(context));
    pthread_mutex_lock(&hand.lock);
    for (;;) {
        while (hand.turn != self)
            pthread_cond_wait(&hand.changed[self], &hand.lock);
        if (!hand.stop)
            step_run(hand.machine, hand.step, hand.data);
        hand.turn = 0;
        pthread_cond_signal(&hand.changed[0]);
        if (hand.stop)
            break;
    }
    pthread_mutex_unlock(&hand.lock);
    return NULL;
}

static void give_turn(int thread)
{
    pthread_mutex_lock(&hand.lock);
    hand.turn = thread;
    pthread_cond_signal(&hand.changed[thread]);
    while (hand.turn != 0)
        pthread_cond_wait(&hand.changed[0], &hand.lock);
    pthread_mutex_unlock(&hand.lock);
}

static void run_step(struct machine *m, const struct step *step, struct rng *data)
{
    if (step->thread == 0) {
        step_run(m, step, data);
        return;
    }
    hand.machine = m;
    hand.step = step;
    hand.data = data;
    give_turn(step->thread);
}

struct program {
    uint64_t seed, number;
    int n_threads;
    unsigned n_steps;
    bool alternate; /* two buffers change places in every other round */
    struct step steps[MAX_STEPS];
    bool say_steps;
};

/* The step at a position that deviates; what comes before it, or instead. */
static void deviate(struct machine *m, const struct program *program, unsigned position, struct rng *rng)
{
    struct step step = program->steps[position], other = step_make(rng, program->n_threads);
    switch ((enum deviation)rng_below(rng, N_DEVIATIONS)) {
    case LEFT_OUT:
        return;
    case TWICE:
        run_step(m, &step, rng);
        break;
    case OTHER_SIZE:
        step.size = other.size;
        break;
    case OTHER_STREAM:
        step.stream = (step.stream + 1) % N_STREAMS;
        break;
    case OTHER_THREAD:
        step.thread = (step.thread + 1) % program->n_threads;
        break;
    case OTHER_BUFFER:
        step.buffers[0] = (step.buffers[0] + 1) % N_BUFFERS;
        break;
    case OTHER_STEP:
        step = other;
        break;
    case STEPS_BEFORE:
        for (unsigned i = 0; i < 3; i++) {
            struct step more = step_make(rng, program->n_threads);
            run_step(m, &more, rng);
        }
        break;
    case STEP_BEFORE:
        run_step(m, &other, rng);
        break;
    case BUFFER_REPLACED:
        buffer_replace(m, &m->buffers[step.buffers[0]], rng);
        break;
    case MODULE_RELOADED:
        module_reload(m, rng);
        break;
    case STREAM_REPLACED:
        stream_replace(m, 1 + (int)rng_below(rng, N_STREAMS - 1));
        break;
    case EVENT_REPLACED:
        event_replace(m, rng_below(rng, N_EVENTS));
        break;
    case BLAS_REPLACED:
        blas_replace(m);
        break;
    case DEVICE_WAIT:
    case N_DEVIATIONS:
        OK(cuCtxSynchronize());
        break;
    }
    run_step(m, &step, rng);
}

/* deviates_at: the position, or -1 */
static void run_round(struct machine *m, const struct program *program, unsigned round, int deviates_at)
{
    for (unsigned i = 0; i < program->n_steps; i++) {
        struct rng data = rng_of(program->seed, program->number, ((uint64_t)round << 16) + i);
        if ((int)i == deviates_at)
            deviate(m, program, i, &data);
        else
            run_step(m, &program->steps[i], &data);
        if (program->say_steps)
            printf("    round %u step %u %s%s: %016llx\n", round, i, step_name(&program->steps[i]),
                   (int)i == deviates_at ? " deviates" : "", (unsigned long long)m->seen);
    }
    if (program->alternate) {
        struct buffer first = m->buffers[0];
        m->buffers[0] = m->buffers[1];
        m->buffers[1] = first;
    }
    float output[16]; /* an inference ends */
    unsigned last = program->steps[0].buffers[0] ? 1 : 0;
    buffer_take(m, &m->buffers[last], 0);
    OK(cuMemcpyDtoH_v2(output, m->buffers[last].at, sizeof output));
    see(m, output, sizeof output);
}

static void run_program(uint64_t seed, uint64_t number, bool say_steps)
{
    struct program program = {.seed = seed, .number = number, .say_steps = say_steps};
    struct rng rng = rng_of(seed, number, UINT64_MAX);
    program.n_threads = rng_below(&rng, 2) ? 1 : N_THREADS;
    program.n_steps = MIN_STEPS + rng_below(&rng, MAX_STEPS - MIN_STEPS + 1);
    program.alternate = rng_below(&rng, 4) == 0;
    for (unsigned i = 0; i < program.n_steps; i++)
        program.steps[i] = step_make(&rng, program.n_threads);

    pthread_t threads[N_THREADS];
    int names[N_THREADS];
    hand.stop = false;
    for (int i = 1; i < program.n_threads; i++) {
        names[i] = i;
        OK(pthread_create(&threads[i], NULL, worker, &names[i]));
    }
    struct machine machine;
    machine_create(&machine, &rng);
    unsigned round = 0;
    while (round < USUAL_ROUNDS)
        run_round(&machine, &program, round++, -1);
    for (unsigned i = 0; i < program.n_steps; i++)
        run_round(&machine, &program, round++, (int)i);
    run_round(&machine, &program, round, -1);
    hand.stop = true;
    for (int i = 1; i < program.n_threads; i++) {
        give_turn(i);
        pthread_join(threads[i], NULL);
    }
    machine_destroy(&machine);
    printf("%llu: %016llx, %llu values\n", (unsigned long long)number, (unsigned long long)machine.seen,
           (unsigned long long)machine.n_values);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: torture SEED FIRST N [steps]\n");
        return 2;
    }
    uint64_t seed = strtoull(argv[1], NULL, 0), first = strtoull(argv[2], NULL, 0), n = strtoull(argv[3], NULL, 0);
    pthread_mutex_init(&hand.lock, NULL);
    for (int i = 0; i < N_THREADS; i++)
        pthread_cond_init(&hand.changed[i], NULL);
    machine_start();
    for (uint64_t i = first; i < first + n; i++)
        run_program(seed, i, argc > 4 && strcmp(argv[4], "steps") == 0);
    return 0;
}
