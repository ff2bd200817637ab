/* SPDX-License-Identifier: Apache-2.0 */
/* What kernels print is in the program's standard output when a synchronise returns, whatever the way of waiting: all
 * of it, once, in the order of the stream, and between what the program printed before and after; a megabyte in pieces,
 * each larger than a pipe holds, and two threads. What a failed assertion says is in standard error, once, when the
 * synchronise returns 710; nothing else that the server says is. On a GPU the text is in stdio's hands then, so it is
 * looked at behind an fflush.
 *
 * Rule: 27
 * Seen to fail: standard output and standard error of the worker stay what they were (as before TEXT): everything is
 * wrong in all modes; TEXT goes behind the reply: everything in percall, async and replay but for the pipe, in plain
 * the assertions; an event that was queried is not synchronised: all ways of waiting, order and megabyte in all modes,
 * the assertions not; a device found failed at a launch is not synchronised: the assertions in all modes, without the
 * scheduler and under seed 2; the client does not write at the end of its calls: everything; only at the end of those
 * that waited: the assertion behind a query in async and replay; it writes with write(2): the program's own lines in
 * all modes; it writes twice: everything; the worker's log goes where the libraries write: the assertions in all modes;
 * the worker keeps 64 KiB: the megabyte in async and replay; nobody empties the pipes meanwhile: it hangs there. That
 * a second thread does not return while the first one writes is seen by tests/unit/replay/text_test.c only. */
#define _GNU_SOURCE
#include "../programs/text_ptx.h"
#include "driver.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHAIN = 20, PIECES = 10, BLOCKS = 16, THREADS = 256, EACH = 40, FAILED = CUDA_ERROR_ASSERT };

static CUfunction print_number, fail_assertion;
static CUstream stream;
static CUevent event;
static CUdeviceptr memory;

static void load(void)
{
    CUmodule module;
    start();
    OK(cuModuleLoadData(&module, text_ptx));
    OK(cuModuleGetFunction(&print_number, module, "print_number"));
    OK(cuModuleGetFunction(&fail_assertion, module, "fail_assertion"));
    stream = new_stream(true); /* a copy on the legacy stream waits for it */
    event = new_event();
    memory = device_floats(16);
}

static void launch(CUfunction function, unsigned value, unsigned blocks, unsigned threads, CUstream to)
{
    void *args[] = {&value};
    OK(cuLaunchKernel(function, blocks, 1, 1, threads, 1, 1, 0, to, args, NULL));
}

/* --- what stands in a descriptor: redirected to a file from begin to end */

struct capture {
    int fd, saved, file;
};

static struct capture capture_begin(int fd)
{
    struct capture capture = {fd, dup(fd), memfd_create("text", MFD_CLOEXEC)};
    fflush(stdout);
    if (capture.saved < 0 || capture.file < 0 || dup2(capture.file, fd) < 0)
        exit(2);
    return capture;
}

/* What is there by now; the caller's to free. */
static char *captured(const struct capture *capture)
{
    fflush(stdout);
    off_t n = lseek(capture->file, 0, SEEK_END);
    char *text = calloc(1, (size_t)n + 1);
    for (off_t at = 0; text && at < n;) {
        ssize_t got = pread(capture->file, text + at, (size_t)(n - at), at);
        if (got <= 0)
            exit(2);
        at += got;
    }
    return text;
}

static char *capture_end(const struct capture *capture)
{
    char *text = captured(capture);
    dup2(capture->saved, capture->fd);
    close(capture->saved);
    close(capture->file);
    return text;
}

static bool is(char *text, const char *wanted)
{
    bool right = text && strcmp(text, wanted) == 0;
    free(text);
    return right;
}

/* --- ways of waiting */

static void by_stream(void)
{
    OK(cuStreamSynchronize(stream));
}
static void by_context(void)
{
    OK(cuCtxSynchronize());
}
static void by_event(void)
{
    OK(cuEventRecord(event, stream));
    OK(cuEventSynchronize(event));
}
static void by_copy(void)
{
    float out[16];
    OK(cuMemcpyDtoH_v2(out, memory, sizeof out));
}
/* The synchronise finds that the query has seen the end already. */
static void by_query(void)
{
    CUresult result;
    OK(cuEventRecord(event, stream));
    while ((result = cuEventQuery(event)) == CUDA_ERROR_NOT_READY)
        sched_yield();
    OK(result);
    OK(cuEventSynchronize(event));
}

static bool arrives(void (*wait)(void), unsigned value)
{
    char wanted[100];
    snprintf(wanted, sizeof wanted, "kernel says %u\n", value);
    struct capture capture = capture_begin(1);
    launch(print_number, value, 1, 1, stream);
    wait();
    return is(capture_end(&capture), wanted);
}

static bool in_order(unsigned value)
{
    char wanted[CHAIN * 40];
    size_t n = 0;
    struct capture capture = capture_begin(1);
    for (unsigned i = 0; i < CHAIN; i++) {
        launch(print_number, value + i, 1, 1, stream);
        add(memory, memory, memory, 16, stream);
        n += (size_t)snprintf(wanted + n, sizeof wanted - n, "kernel says %u\n", value + i);
    }
    OK(cuStreamSynchronize(stream));
    return is(capture_end(&capture), wanted);
}

static bool between_own_lines(unsigned value)
{
    char wanted[200];
    struct capture capture = capture_begin(1);
    printf("before %u\n", value);
    launch(print_number, value, 1, 1, stream);
    OK(cuStreamSynchronize(stream));
    printf("after %u\n", value);
    snprintf(wanted, sizeof wanted, "before %u\nkernel says %u\nafter %u\n", value, value, value);
    return is(capture_end(&capture), wanted);
}

/* Two launches of 4,096 threads each: all of the first one's lines, then all of the second one's. */
static bool piece(unsigned value)
{
    struct capture capture = capture_begin(1);
    for (unsigned i = 0; i < 2; i++)
        launch(print_number, value + i, BLOCKS, THREADS, stream);
    OK(cuStreamSynchronize(stream));
    char *text = capture_end(&capture), *at = text, line[40];
    bool right = text != NULL;
    for (unsigned i = 0; right && i < 2 * BLOCKS * THREADS; i++) {
        int n = snprintf(line, sizeof line, "kernel says %u\n", value + i / (BLOCKS * THREADS));
        right = strncmp(at, line, (size_t)n) == 0;
        at += right ? n : 0;
    }
    right = right && !*at;
    free(text);
    return right;
}

static bool through_a_pipe(unsigned value)
{
    char wanted[100], text[200] = "";
    int pair[2], saved = dup(1);
    fflush(stdout);
    if (saved < 0 || pipe(pair) != 0 || dup2(pair[1], 1) < 0)
        return false;
    close(pair[1]);
    launch(print_number, value, 1, 1, stream);
    OK(cuStreamSynchronize(stream));
    fflush(stdout);
    dup2(saved, 1); /* the pipe's last writer is gone: reading ends */
    close(saved);
    ssize_t n = read(pair[0], text, sizeof text - 1);
    close(pair[0]);
    snprintf(wanted, sizeof wanted, "kernel says %u\n", value);
    return n > 0 && strcmp(text, wanted) == 0;
}

/* --- two threads, one standard output */

static unsigned count(const char *text, const char *what)
{
    unsigned n = 0;
    for (const char *at = text; (at = strstr(at, what)); at++)
        n++;
    return n;
}

struct talker {
    const struct capture *capture;
    unsigned first, missed;
};

static void *talk(void *arg)
{
    struct talker *talker = arg;
    use_context();
    CUstream own = new_stream(false);
    for (unsigned i = 0; i < EACH; i++) {
        char line[40];
        launch(print_number, talker->first + i, 1, 1, own);
        OK(cuStreamSynchronize(own));
        snprintf(line, sizeof line, "kernel says %u\n", talker->first + i);
        char *text = captured(talker->capture);
        talker->missed += count(text, line) != 1;
        free(text);
    }
    return NULL;
}

static bool two_threads(void)
{
    struct capture capture = capture_begin(1);
    struct talker talkers[2] = {{&capture, 10000, 0}, {&capture, 20000, 0}};
    pthread_t threads[2];
    for (unsigned i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, talk, &talkers[i]);
    for (unsigned i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    char *text = capture_end(&capture);
    bool right = !talkers[0].missed && !talkers[1].missed && count(text, "\n") == 2 * EACH;
    free(text);
    return right;
}

/* --- assertions; in a process of its own, since nothing helps afterwards */

static int assertion(void (*wait_for_it)(void), CUresult *result)
{
    load();
    for (unsigned i = 0; i < 3; i++) {
        add(memory, memory, memory, 16, stream);
        OK(cuStreamSynchronize(stream));
    }
    struct capture capture = capture_begin(2);
    unsigned line = 7;
    void *args[] = {&line};
    *result = cuLaunchKernel(fail_assertion, 1, 1, 1, 1, 1, 1, 0, stream, args, NULL);
    if (!*result)
        wait_for_it();
    else /* the launch may know by now */
        (void)cuCtxSynchronize();
    char *text = capture_end(&capture);
    unsigned said = count(text, "false:7: false: block: [0,0,0], thread: [0,0,0] Assertion `false` failed.\n");
    unsigned foreign = count(text, "rrto-worker") + count(text, "rrtod");
    bool right = *result == (CUresult)FAILED && said == 1 && foreign == 0;
    if (!right)
        printf("result %d, said %u times:\n%s\n", (int)*result, said, text);
    free(text);
    fflush(stdout);
    return right ? 0 : 1;
}

static CUresult asserted;

static void assert_by_stream(void)
{
    asserted = cuStreamSynchronize(stream);
}
static void assert_by_context(void)
{
    asserted = cuCtxSynchronize();
}
static void assert_by_copy(void)
{
    float out[16];
    asserted = cuMemcpyDtoH_v2(out, memory, sizeof out);
}
static void assert_by_query(void)
{
    while ((asserted = cuStreamQuery(stream)) == CUDA_ERROR_NOT_READY)
        sched_yield();
    (void)cuStreamSynchronize(stream);
}

static bool in_a_child(void (*wait_for_it)(void))
{
    int status = -1;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0)
        _exit(assertion(wait_for_it, &asserted));
    waitpid(pid, &status, 0);
    return status == 0;
}

int main(void)
{
    static const struct {
        const char *name;
        void (*wait)(void);
    } ways[] = {{"a stream's synchronise", by_stream},
                {"the context's synchronise", by_context},
                {"an event's synchronise", by_event},
                {"a copy to the host", by_copy},
                {"an event that was seen by a query", by_query}},
      ends[] = {{"assertion: a stream's synchronise", assert_by_stream},
                {"assertion: the context's synchronise", assert_by_context},
                {"assertion: a copy to the host", assert_by_copy},
                {"assertion: a query, then a synchronise", assert_by_query}};
    for (unsigned i = 0; i < sizeof ends / sizeof ends[0]; i++)
        check(ends[i].name, in_a_child(ends[i].wait));
    load();
    for (unsigned i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        bool right = true;
        for (unsigned round = 0; round < ROUNDS; round++)
            right = arrives(ways[i].wait, 100 * i + round) && right;
        check(ways[i].name, right);
    }
    bool order = true, lines = true, pieces = true, piped = true;
    for (unsigned round = 0; round < ROUNDS; round++) {
        order = in_order(1000 * round) && order;
        lines = between_own_lines(round) && lines;
        piped = through_a_pipe(round) && piped;
    }
    for (unsigned round = 0; round < PIECES; round++)
        pieces = piece(2 * round) && pieces;
    check("in the order of the stream", order);
    check("between the program's own lines", lines);
    check("through a pipe", piped);
    check("a megabyte in pieces", pieces);
    check("two threads", two_threads());
    return wrong;
}
