/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a fuzz target over files without libFuzzer: each input as it is, cut at every length, and with single bits
 * flipped (seeded, at most 2,000 of each per file). A crash or a sanitizer report is the failure; a corpus without
 * files is one too. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { INPUT_MAX_BYTES = 1 << 20, MAX_MUTATIONS = 2000 };

static unsigned long n_runs;

/* An exact copy on the heap: one byte read too far is seen by the sanitizer. */
static void run(const uint8_t *data, size_t n)
{
    uint8_t *copy = malloc(n ? n : 1);
    if (!copy)
        abort();
    memcpy(copy, data, n);
    LLVMFuzzerTestOneInput(copy, n);
    free(copy);
    n_runs++;
}

static void run_file(const char *path)
{
    static uint8_t data[INPUT_MAX_BYTES];
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        exit(1);
    }
    size_t n = fread(data, 1, sizeof data, file);
    fclose(file);
    run(data, n);
    size_t step = 1 + n / MAX_MUTATIONS;
    for (size_t cut = 0; cut < n; cut += step)
        run(data, cut);
    step = 1 + n * 8 / MAX_MUTATIONS;
    for (size_t bit = 0; bit < n * 8; bit += step) {
        data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        run(data, n);
        data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

int main(int argc, char **argv)
{
    unsigned long n_files = 0;
    for (int i = 1; i < argc; i++) {
        DIR *folder = opendir(argv[i]);
        if (!folder)
            continue; /* a target may have seeds and no found crashes, or the other way round */
        for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
            char path[4096];
            if (entry->d_name[0] == '.')
                continue;
            snprintf(path, sizeof path, "%s/%s", argv[i], entry->d_name);
            run_file(path);
            n_files++;
        }
        closedir(folder);
    }
    printf("%lu files, %lu inputs\n", n_files, n_runs);
    return n_files ? 0 : 1;
}
