/* SPDX-License-Identifier: Apache-2.0 */
/* A camera's loop for rrto bench: --frames N --device cpu|cuda --times FILE, as examples/ have it, and --mark K: each
 * frame copies K results back, and says by rrto_mark() that it is one. On the CPU it computes the same sums. --check
 * no: it does not look at the results. */
#include "program.h"

#include "rrto/rrto.h"

#include <stdbool.h>
#include <time.h>

enum { N = 4096, LAYERS = 12 };
static float input[N], weights[N], output[N];
static float *device_input, *device_weights, *device_activation[2];

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static void on_cpu(void)
{
    memcpy(output, input, sizeof output);
    for (int layer = 0; layer < LAYERS; layer++)
        for (int i = 0; i < N; i++)
            output[i] += weights[i];
}

static void on_device(int results)
{
    OK(cudaMemcpyAsync(device_input, input, sizeof input, cudaMemcpyHostToDevice, NULL));
    OK(cudaStreamSynchronize(NULL));
    OK(vector_add(device_input, device_weights, device_activation[0], N, NULL));
    for (int layer = 1; layer < LAYERS; layer++) {
        OK(vector_add(device_activation[~layer & 1], device_weights, device_activation[layer & 1], N, NULL));
        if (layer < results)
            OK(cudaMemcpy(output, device_activation[layer & 1], sizeof output, cudaMemcpyDeviceToHost));
    }
    OK(cudaMemcpy(output, device_activation[(LAYERS - 1) & 1], sizeof output, cudaMemcpyDeviceToHost));
}

static void allocate(void)
{
    register_kernels();
    OK(cudaMalloc((void **)&device_input, sizeof input));
    OK(cudaMalloc((void **)&device_weights, sizeof weights));
    OK(cudaMalloc((void **)&device_activation[0], sizeof input));
    OK(cudaMalloc((void **)&device_activation[1], sizeof input));
    OK(cudaMemcpy(device_weights, weights, sizeof weights, cudaMemcpyHostToDevice));
}

static void write_times(const char *path, double load_ms, const double *begins, const double *times, int n)
{
    FILE *file = fopen(path, "we");
    if (!file)
        exit(1);
    fprintf(file, "{\"import_load_ms\": %f, \"first_ms\": %f, \"steady_ms\": [", load_ms, times[0]);
    for (int i = 1; i < n; i++)
        fprintf(file, "%s%f", i > 1 ? ", " : "", times[i]);
    fputs("], \"steady_begin_s\": [", file);
    for (int i = 1; i < n; i++)
        fprintf(file, "%s%f", i > 1 ? ", " : "", begins[i] * 1e-3);
    fputs("]}\n", file);
    fclose(file);
}

int main(int argc, char **argv)
{
    int frames = 10, marks = 0;
    bool cpu = false, check = true;
    const char *times_path = NULL;
    const double start = now_ms();
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--frames") == 0)
            frames = atoi(argv[i + 1]);
        else if (strcmp(argv[i], "--mark") == 0)
            marks = atoi(argv[i + 1]);
        else if (strcmp(argv[i], "--device") == 0)
            cpu = strcmp(argv[i + 1], "cpu") == 0;
        else if (strcmp(argv[i], "--check") == 0)
            check = strcmp(argv[i + 1], "no") != 0; /* where nothing is computed */
        else if (strcmp(argv[i], "--times") == 0)
            times_path = argv[i + 1];
    }
    double *times = calloc((size_t)frames, sizeof *times), *begins = calloc((size_t)frames, sizeof *begins);
    for (int i = 0; i < N; i++)
        weights[i] = (float)(i % 13);
    if (!cpu)
        allocate();
    const double load_ms = now_ms() - start;
    for (int frame = 0; frame < frames; frame++) {
        for (int i = 0; i < N; i++)
            input[i] = (float)((i + frame) % 101);
        begins[frame] = now_ms();
        if (cpu)
            on_cpu();
        else
            on_device(marks);
        times[frame] = now_ms() - begins[frame];
        if (marks)
            rrto_mark();
        for (int i = 0; check && i < N; i++)
            if (output[i] != input[i] + (float)LAYERS * weights[i])
                return 1;
    }
    if (times_path)
        write_times(times_path, load_ms, begins, times, frames);
    if (!cpu)
        unregister_kernels();
    free(times);
    free(begins);
    return 0;
}
