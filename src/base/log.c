/* SPDX-License-Identifier: Apache-2.0 */
/* The one logger. A line is formatted on the stack and leaves in one write(2), so lines of different threads do not
 * mix. */
#include "base/log.h"

#include "base/format.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 1000 };

static const char *const level_names[] = {"error", "warn", "info", "debug"};
static atomic_int current_level = -1; /* -1: RRTO_LOG has not been read yet */
static _Atomic(const char *) log_name = "rrto";
static atomic_int log_fd = STDERR_FILENO;
static char log_path[1024]; /* empty: log_fd */

/* RRTO_LOG=level[,file=PATH]. Unknown words are ignored: a log setting must not stop anything. Two threads that come
 * here at the same time do the same work with the same result. */
static int read_level(void)
{
    int level = RRTO_LOG_WARN;
    const char *setting = getenv("RRTO_LOG");
    while (setting && *setting) {
        size_t n = strcspn(setting, ",");
        for (int i = RRTO_LOG_ERROR; i <= RRTO_LOG_DEBUG; i++)
            if (strlen(level_names[i]) == n && strncmp(setting, level_names[i], n) == 0)
                level = i;
        if (n > 5 && strncmp(setting, "file=", 5) == 0 && n - 5 < sizeof log_path)
            memcpy(log_path, setting + 5, n - 5);
        setting += n + (setting[n] == ',');
    }
    return level;
}

static int level_now(void)
{
    int level = atomic_load_explicit(&current_level, memory_order_acquire);
    if (level >= 0)
        return level;
    level = read_level();
    int unread = -1;
    return atomic_compare_exchange_strong(&current_level, &unread, level) ? level : unread;
}

bool rrto_log_enabled(enum rrto_log_level level)
{
    return (int)level <= level_now();
}

void rrto_log_set_level(enum rrto_log_level level)
{
    level_now(); /* reads the file name once */
    atomic_store_explicit(&current_level, (int)level, memory_order_release);
}

void rrto_log_set_fd(int fd)
{
    atomic_store(&log_fd, fd);
}

void rrto_log_set_name(const char *name)
{
    atomic_store(&log_name, name);
}

/* The file is opened for each line: the application may close any descriptor that we would keep. */
static void write_line(const char *line, size_t n)
{
    int fd = log_path[0] ? open(log_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600) : -1;
    int to = fd >= 0 ? fd : atomic_load(&log_fd);
    while (n > 0) {
        ssize_t written = write(to, line, n);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            break;
        line += written;
        n -= (size_t)written;
    }
    if (fd >= 0)
        close(fd);
}

void rrto_log(enum rrto_log_level level, const char *format, ...)
{
    if (!rrto_log_enabled(level))
        return;
    int saved_errno = errno;
    char line[LINE_MAX_BYTES];
    size_t n = rrto_format(line, sizeof line, "%s: %s: ", atomic_load(&log_name), level_names[level]);
    va_list list;
    va_start(list, format);
    n += rrto_format_list(line + n, sizeof line - n - 1, format, list);
    va_end(list);
    line[n++] = '\n';
    write_line(line, n);
    errno = saved_errno;
}
