/* SPDX-License-Identifier: Apache-2.0 */
/* Small files of sysfs. */
#include "energy/backend.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool rrto_energy_path(char out[RRTO_ENERGY_PATH], const char *folder, const char *name)
{
    return snprintf(out, RRTO_ENERGY_PATH, "%s/%s", folder, name) < RRTO_ENERGY_PATH;
}

bool rrto_energy_read_text(const char *path, char *out, size_t n_out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, out, n_out - 1);
    int error = errno;
    close(fd);
    errno = error;
    if (n < 0)
        return false;
    while (n > 0 && (out[n - 1] == '\n' || out[n - 1] == ' '))
        n--;
    out[n] = '\0';
    return true;
}

bool rrto_energy_read_number(const char *path, int64_t *ret_value)
{
    char text[40], *end;
    if (!rrto_energy_read_text(path, text, sizeof text))
        return false;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (end == text || *end)
        errno = EINVAL;
    if (errno)
        return false;
    *ret_value = value;
    return true;
}

bool rrto_energy_is_denied(void)
{
    return errno == EACCES || errno == EPERM;
}

void rrto_energy_note_denied(struct rrto_energy_sensor *sensor, const char *path)
{
    if (rrto_energy_is_denied() && !*sensor->denied)
        snprintf(sensor->denied, sizeof sensor->denied, "%s", path);
}

enum rrto_status rrto_energy_unreadable(const char *path, const char *rule, char *why, size_t n_why)
{
    if (!rrto_energy_is_denied()) {
        snprintf(why, n_why, "%s: %m", path);
        return RRTO_IO;
    }
    snprintf(why, n_why, "%s %s; run as root, or let it be read: sudo chmod a+r %s", path,
             rule ? rule : "may not be read by this user", path);
    return RRTO_REFUSED;
}

size_t rrto_energy_list(const char *folder, const char *prefix, char (*names)[64], size_t max)
{
    struct dirent **entries;
    int n = scandir(folder, &entries, NULL, versionsort);
    size_t n_names = 0;
    for (int i = 0; i < n; i++) {
        const char *name = entries[i]->d_name;
        if (n_names < max && *name != '.' && strncmp(name, prefix, strlen(prefix)) == 0 && strlen(name) < 64)
            memcpy(names[n_names++], name, strlen(name) + 1);
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
    return n_names;
}

struct rrto_energy_part *rrto_energy_add_part(struct rrto_energy_sensor *sensor, const char *label)
{
    if (sensor->n_parts == RRTO_ENERGY_PARTS)
        return NULL;
    struct rrto_energy_part *part = &sensor->parts[sensor->n_parts++];
    *part = (struct rrto_energy_part){0};
    snprintf(part->label, sizeof part->label, "%s", label);
    return part;
}

void rrto_energy_part_names(const struct rrto_energy_sensor *sensor, char *out, size_t n_out)
{
    *out = '\0';
    for (size_t i = 0; i < sensor->n_parts; i++) {
        size_t n = strlen(out);
        snprintf(out + n, n_out - n, "%s%s", n ? ", " : "", sensor->parts[i].label);
    }
}
