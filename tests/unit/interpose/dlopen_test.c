/* SPDX-License-Identifier: Apache-2.0 */
/* The dlopen wrapper, preloaded: prints what became of each case, one word a line. Arguments: doors folder, a folder
 * with decoys. */
#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <string.h>

/* Where the opened library lies: "door", "decoy", "other", "none" (with an error text) or "not-loaded" (without one).
 */
static const char *where(const char *file, int flags, const char *doors, const char *decoys)
{
    void *handle = dlopen(file, flags);
    if (!handle)
        return dlerror() ? "none" : "not-loaded";
    struct link_map *map = NULL;
    if (dlinfo(handle, RTLD_DI_LINKMAP, &map) != 0 || !map)
        return "no map";
    const char *result = "other";
    if (strncmp(map->l_name, doors, strlen(doors)) == 0)
        result = "door";
    else if (strncmp(map->l_name, decoys, strlen(decoys)) == 0)
        result = "decoy";
    return result;
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    const char *doors = argv[1], *decoys = argv[2];
    char path[4096];
    snprintf(path, sizeof path, "%s/libcudart.so.13", decoys);
    printf("absolute %s\n", where(path, RTLD_NOW | RTLD_GLOBAL, doors, decoys));
    snprintf(path, sizeof path, "%s/libcudart.so.12", decoys);
    printf("other-version %s\n", where(path, RTLD_NOW, doors, decoys));
    snprintf(path, sizeof path, "%s/libcusparse.so.12", decoys);
    printf("not-ours %s\n", where(path, RTLD_NOW, doors, decoys));
    printf("bare %s\n", where("libnvidia-ml.so.1", RTLD_LAZY, doors, decoys));
    printf("development-name %s\n", where("libcuda.so", RTLD_LAZY, doors, decoys));
    printf("longer-name %s\n", where("libcuda.so.1.bak", RTLD_LAZY, doors, decoys));
    printf("missing %s\n", where("librrto-no-such-library.so", RTLD_NOW, doors, decoys));
    printf("program %s\n", dlopen(NULL, RTLD_NOW) ? "ok" : "none");
    /* A bare name is looked for along this program's RUNPATH: the real dlopen must see this program as its caller. */
    printf("runpath %s\n", where("libdecoy-runpath.so", RTLD_NOW, doors, decoys));
    printf("noload %s\n", where("libcublas.so.13", RTLD_NOW | RTLD_NOLOAD, doors, decoys));
    return 0;
}
