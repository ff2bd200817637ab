/* SPDX-License-Identifier: Apache-2.0 */
/* Looks at a command before it is started. */
#include "cli/target.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#if defined __x86_64__
enum { OWN_MACHINE = EM_X86_64 };
#elif defined __aarch64__
enum { OWN_MACHINE = EM_AARCH64 };
#endif
enum { MAX_DEPTH = 4, HEAD_BYTES = 256 };

static bool is_file(const char *path)
{
    struct stat stat_buffer;
    return stat(path, &stat_buffer) == 0 && S_ISREG(stat_buffer.st_mode);
}

/* execvp's rule. Finds a file that may not be executed only when there is none that may. */
static bool resolve(const char *command, char out[PATH_MAX])
{
    if (strchr(command, '/')) {
        snprintf(out, PATH_MAX, "%s", command);
        return access(command, F_OK) == 0;
    }
    const char *path = getenv("PATH");
    bool found = false;
    path = path ? path : "/bin:/usr/bin";
    for (;;) {
        size_t n = strcspn(path, ":");
        char candidate[PATH_MAX];
        snprintf(candidate, sizeof candidate, "%.*s%s%s", (int)n, path, n ? "/" : "", command);
        if (is_file(candidate)) {
            if (!found || access(candidate, X_OK) == 0)
                memcpy(out, candidate, PATH_MAX);
            found = true;
            if (access(candidate, X_OK) == 0)
                return true;
        }
        if (!path[n])
            return found;
        path += n + 1;
    }
}

static bool has_interpreter(int fd, const Elf64_Ehdr *header)
{
    for (unsigned i = 0; i < header->e_phnum; i++) {
        Elf64_Phdr segment;
        off_t at = (off_t)(header->e_phoff + (uint64_t)i * sizeof segment);
        if (pread(fd, &segment, sizeof segment, at) != sizeof segment)
            return false;
        if (segment.p_type == PT_INTERP)
            return true;
    }
    return false;
}

static enum rrto_target_kind inspect_elf(int fd, const char *path, const unsigned char *head, size_t n, char *why,
                                         size_t n_why)
{
    Elf64_Ehdr header;
    if (n < sizeof header) {
        snprintf(why, n_why, "'%s' is a damaged program", path);
        return RRTO_TARGET_NOT_EXECUTABLE;
    }
    memcpy(&header, head, sizeof header);
    if (header.e_ident[EI_CLASS] != ELFCLASS64) {
        snprintf(why, n_why, "'%s' is a 32-bit program: rrto serves 64-bit ones only", path);
        return RRTO_TARGET_FOREIGN;
    }
    if (header.e_machine != OWN_MACHINE) {
        snprintf(why, n_why, "'%s' is a program for another kind of machine: rrto cannot be loaded into it", path);
        return RRTO_TARGET_FOREIGN;
    }
    if (!has_interpreter(fd, &header)) {
        snprintf(why, n_why,
                 "'%s' is statically linked: rrto cannot see its CUDA calls, only those of programs that it starts",
                 path);
        return RRTO_TARGET_STATIC;
    }
    return RRTO_TARGET_FINE;
}

/* The bits count only when they change who the program runs as: nobody minds root's setuid programs run by root. */
static bool is_privileged(int fd, const struct stat *stat_buffer)
{
    if ((stat_buffer->st_mode & S_ISUID) && stat_buffer->st_uid != getuid())
        return true;
    if ((stat_buffer->st_mode & S_ISGID) && stat_buffer->st_gid != getgid())
        return true;
    return geteuid() != 0 && fgetxattr(fd, "security.capability", NULL, 0) > 0;
}

static enum rrto_target_kind inspect(const char *command, int depth, char *why, size_t n_why);

/* head: "#!interpreter argument". The kernel splits at the first run of blanks only; env's own words are split by env.
 */
static enum rrto_target_kind inspect_script(const char *path, char *head, int depth, char *why, size_t n_why)
{
    head[strcspn(head, "\n")] = '\0';
    char *rest = head + 2;
    rest += strspn(rest, " \t");
    char *interpreter = strsep(&rest, " \t");
    if (!*interpreter) {
        snprintf(why, n_why, "'%s' names no interpreter in its first line", path);
        return RRTO_TARGET_NOT_EXECUTABLE;
    }
    enum rrto_target_kind kind = inspect(interpreter, depth + 1, why, n_why);
    const char *name = strrchr(interpreter, '/');
    if (kind != RRTO_TARGET_FINE || strcmp(name ? name + 1 : interpreter, "env") != 0)
        return kind;
    while (rest && *rest) {
        char *word = strsep(&rest, " \t");
        if (*word && *word != '-' && !strchr(word, '='))
            return inspect(word, depth + 1, why, n_why);
    }
    return kind;
}

static enum rrto_target_kind inspect(const char *command, int depth, char *why, size_t n_why)
{
    char path[PATH_MAX];
    struct stat stat_buffer;
    union {
        char text[HEAD_BYTES + 1];
        unsigned char bytes[HEAD_BYTES + 1];
    } head;
    if (!*command || !resolve(command, path)) {
        snprintf(why, n_why, "'%s' is not found", command);
        return RRTO_TARGET_NOT_FOUND;
    }
    if (stat(path, &stat_buffer) != 0 || !S_ISREG(stat_buffer.st_mode) || access(path, X_OK) != 0) {
        snprintf(why, n_why, "'%s' is not an executable file", path);
        return RRTO_TARGET_NOT_EXECUTABLE;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) /* executable but not readable: nothing can be said about it */
        return RRTO_TARGET_FINE;
    enum rrto_target_kind kind = RRTO_TARGET_FINE;
    ssize_t n = read(fd, head.bytes, HEAD_BYTES);
    head.text[n > 0 ? n : 0] = '\0';
    if (is_privileged(fd, &stat_buffer)) {
        snprintf(why, n_why,
                 "'%s' changes its privileges (setuid, setgid or capabilities): nothing can be preloaded into it",
                 path);
        kind = RRTO_TARGET_PRIVILEGED;
    } else if (n >= 4 && memcmp(head.bytes, ELFMAG, SELFMAG) == 0) {
        kind = inspect_elf(fd, path, head.bytes, (size_t)n, why, n_why);
    } else if (n >= 2 && memcmp(head.bytes, "#!", 2) == 0 && depth < MAX_DEPTH) {
        kind = inspect_script(path, head.text, depth, why, n_why);
    }
    close(fd);
    return kind;
}

enum rrto_target_kind rrto_target_inspect(const char *command, char *ret_why, size_t n_why)
{
    return inspect(command, 0, ret_why, n_why);
}
