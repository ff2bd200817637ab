/* SPDX-License-Identifier: Apache-2.0 */
/* However many events are polled in turn, waiting ends; also when all but the last of them stand behind host functions
 * that wait for what the last one tells.
 *
 * Rule: 4, 5
 * Seen to fail: with and without the scheduler, in async and replay: the client remembers since when it has been asked
 * about eight positions at a time (so it was): all three lines are wrong. */
#include "../programs/hold.h"
#include "driver.h"

enum { N = 3000, MANY = 40, NOT_READY = CUDA_ERROR_NOT_READY };
enum {
    PAUSE_US = 1000
}; /* between rounds of polling: two cores are not to be kept from those who make what is waited for */

/* Polls each in turn until all have been seen to be done, or for too long. */
static bool poll_all(CUevent *events, int n)
{
    bool done[MANY] = {false};
    time_t end = time(NULL) + 20;
    for (int left = n; left > 0;) {
        for (int i = 0; i < n; i++) {
            int result = done[i] ? NOT_READY : (int)cuEventQuery(events[i]);
            if (result != 0 && result != NOT_READY)
                return false;
            done[i] = done[i] || result == 0;
            left -= result == 0;
        }
        usleep(PAUSE_US);
        if (time(NULL) > end)
            return false;
    }
    return true;
}

int main(void)
{
    static float data[N];
    CUstream streams[MANY];
    CUevent events[MANY];
    float *pinned[MANY];
    bool all = true, right = true;
    start();
    CUdeviceptr memory = device_floats(N * MANY);
    for (int i = 0; i < MANY; i++) {
        streams[i] = new_stream(false);
        events[i] = new_event();
        pinned[i] = pinned_floats(N);
    }
    for (int round = 1; round <= ROUNDS; round++) {
        for (int i = 0; i < MANY; i++) {
            CUdeviceptr own = memory + (size_t)i * N * sizeof(float);
            fill(data, N, round + i);
            OK(cuMemcpyHtoDAsync_v2(own, data, sizeof data, streams[i]));
            add(own, own, own, N, streams[i]);
            OK(cuMemcpyDtoHAsync_v2(pinned[i], own, sizeof data, streams[i]));
            OK(cuEventRecord(events[i], streams[i]));
        }
        all = all && poll_all(events, MANY);
        for (int i = 0; i < MANY; i++)
            right = right && filled(pinned[i], N, round + i, 2);
    }
    check("in turn", all);
    check("and their bytes are there", right);

    all = true;
    for (int round = 1; round <= ROUNDS && all; round++) {
        for (int i = 0; i < MANY - 1; i++) {
            OK(cuLaunchHostFunc(streams[i], hold, (void *)(size_t)round));
            OK(cuEventRecord(events[i], streams[i]));
        }
        OK(cuMemsetD32Async(memory, (unsigned)round, N, streams[MANY - 1]));
        OK(cuEventRecord(events[MANY - 1], streams[MANY - 1]));
        time_t end = time(NULL) + 20;
        bool told = false;
        for (; !told && time(NULL) < end; usleep(PAUSE_US))
            for (int i = 0; i < MANY; i++)
                told = cuEventQuery(events[i]) == CUDA_SUCCESS || told;
        all = told && !atomic_load(&lost_patience);
        atomic_store(&may_go, round);
        all = all && poll_all(events, MANY);
    }
    check("behind functions", all);
    return wrong;
}
