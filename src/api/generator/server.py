# SPDX-License-Identifier: Apache-2.0
"""The server's side: the table of vendor functions, and the execution of every op."""

import re

from .text import banner, wrap_arguments


def vendor_libraries(api):
    """Libraries whose functions the server calls: those on which an op can end."""
    return [d for d in api.descriptions if d.library and d.library.name not in ("cudart", "nvml") and d.calls]


def vendor_calls(description):
    """Without per-thread variants: a server's thread is not the application's, its streams travel by id."""
    return [call for call in description.calls if not call.base]


def vendor_h(api):
    out = [banner("The vendor's functions, loaded by name."), "#ifndef RRTO_GEN_VENDOR_H", "#define RRTO_GEN_VENDOR_H", "",
           '#include "gen/calls.h"']
    out += [f'#include "gen/api_{d.stem}.h"' for d in vendor_libraries(api)]
    out += ["", "/* A function that the library lacks is NULL. */", "struct rrto_vendor {"]
    for description in vendor_libraries(api):
        out.append(f"    /* {description.library.soname} */")
        out += [f"    __typeof__(&{call.name}) {call.name};" for call in vendor_calls(description)]
    out += ["    char nothing;", "};", "", "/* Fills the functions of one library from a dlopen handle. Returns how many it lacks; ret_first_missing (may be NULL) names one. */",
            "unsigned rrto_vendor_load(struct rrto_vendor *vendor, enum rrto_library library, void *handle, const char **ret_first_missing);",
            "", "#endif", ""]
    return "\n".join(out)


def vendor_c(api):
    out = [banner("The vendor's functions, loaded by name."), '#include "gen/vendor.h"', "", "#include <dlfcn.h>", "#include <stddef.h>",
           "#include <string.h>", "", "static const struct {", "    const char *name;", "    uint16_t library;", "    uint16_t offset;", "} functions[] = {"]
    for description in vendor_libraries(api):
        for call in vendor_calls(description):
            out.append(f'    {{"{call.name}", RRTO_LIBRARY_{description.library.name}, offsetof(struct rrto_vendor, {call.name})}},')
    out += ["};", "", """\
unsigned rrto_vendor_load(struct rrto_vendor *vendor, enum rrto_library library, void *handle, const char **ret_first_missing)
{
    unsigned n_missing = 0;
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        if (functions[i].library != library)
            continue;
        void *function = dlsym(handle, functions[i].name);
        memcpy((char *)vendor + functions[i].offset, &function, sizeof function);
        if (!function && n_missing++ == 0 && ret_first_missing)
            *ret_first_missing = functions[i].name;
    }
    return n_missing;
}
"""]
    return "\n".join(out)


def bodies_h(api):
    out = [banner("What is written by hand on the server's side."), "#ifndef RRTO_GEN_SERVER_BODIES_H", "#define RRTO_GEN_SERVER_BODIES_H", "",
           '#include "gen/ops.h"', '#include "worker.h"', "",
           "/* Custom ops. Arguments are decoded and lent for the call; handles and ranges are not checked yet. Return the vendor's status, or a negative",
           " * rrto_status when the peer broke the protocol. */"]
    for op in api.all_ops():
        if not op.plain:
            out.append(f"int32_t rrto_server_{op.name}(struct rrto_exec *exec, const struct rrto_args_{op.name} *args);")
    kinds = sorted({f.kind for op in api.all_ops() for f in op.fields if f.wire == "content"})
    out += ["", "/* The vendor's descriptor for a value, built or found; owned by the worker. NULL when the value is refused. */"]
    out += [f"void *rrto_server_value_{kind}(struct rrto_worker *worker, const void *bytes, uint32_t n);" for kind in kinds]
    out += ["", "#endif", ""]
    return "\n".join(out)


def dev_check(field):
    name = f"args.{field.name}"
    if not field.extent:
        return [f"    if ({name} && !rrto_worker_address_ok(exec->worker, {name}, 1))", "        return RRTO_INVALID;"]
    n = "1"
    for factor in field.extent:
        n = f"product({n}, {factor if factor.isdigit() else 'args.' + factor})" if n != "1" else (factor if factor.isdigit() else f"args.{factor}")
    return [f"    if ({n} && !rrto_worker_address_ok(exec->worker, {name}, {n}))", "        return RRTO_INVALID;"]


def prepare_field(field):
    """Statements that turn one decoded field into what the vendor takes."""
    name = field.name
    if field.wire == "id":
        return [f"    void *object_{name} = rrto_objects_get(exec->worker, RRTO_KIND_{field.kind}, args.{name}, &ok);", "    if (!ok)",
                "        return RRTO_INVALID;"]
    if field.wire == "del":
        return [f"    void *object_{name} = rrto_objects_remove(exec->worker, RRTO_KIND_{field.kind}, args.{name});",
                f"    if (!object_{name})", "        return RRTO_INVALID;"]
    if field.wire == "new":
        return [f"    void *object_{name} = NULL;"]
    if field.wire == "content":
        return [f"    void *value_{name} = rrto_server_value_{field.kind}(exec->worker, args.{name}, args.n_{name});",
                f"    if (!value_{name} && args.n_{name})", "        return RRTO_INVALID;"]
    if field.wire == "dev":
        return dev_check(field)
    if field.wire == "scalar":
        return [f"    void *number_{name} = args.{name}.bytes;", f"    if (args.{name}.device) {{", "        uint64_t address;",
                f"        memcpy(&address, args.{name}.bytes, sizeof address);", "        if (!rrto_worker_address_ok(exec->worker, address, 1))",
                "            return RRTO_INVALID;", f"        number_{name} = (void *)(uintptr_t)address;", "    }"]
    if field.wire == "result":
        return [f"    _Alignas(16) uint8_t result_{name}[16] = {{0}};",
                f"    if (args.{name}.device && !rrto_worker_address_ok(exec->worker, args.{name}.address, 1))", "        return RRTO_INVALID;"]
    return []


def argument(field, ctype, is_reply):
    """The C expression of one vendor argument."""
    name = field.name
    if is_reply:
        return f"(void *)&reply.{name}"
    if field.wire in ("id", "del"):
        return f"object_{name}"
    if field.wire == "new":
        return f"(void *)&object_{name}"
    if field.wire == "content":
        return f"value_{name}"
    if field.wire == "dev":
        return f"({ctype})(uintptr_t)args.{name}" if "*" in ctype else f"({ctype})args.{name}"
    if field.wire == "scalar":
        return f"number_{name}"
    if field.wire == "result":
        return f"args.{name}.device ? (void *)(uintptr_t)args.{name}.address : (void *)result_{name}"
    if field.wire == "array":
        return f"(const void *)args.{name}"
    return f"({ctype})args.{name}"


def execute_plain(api, op):
    name = op.name
    if op.call:
        function, vendor_call = name, op.call
        by_name = {f.name: (f, False) for f in op.fields}
        for f in op.replies:
            by_name.setdefault(f.name, (f, True))
        names = [p.name for p in op.call.params]
    else:
        function, names = op.execute
        vendor_call = api.prototypes[function]
        by_name = {f.name: (f, False) for f in op.fields}
        by_name.update({f.name: (f, True) for f in op.replies})
    lines = [f"static int32_t execute_{name}(struct rrto_exec *exec, struct rrto_dec *dec)", "{", f"    struct rrto_args_{name} args;",
             f"    if (!rrto_unpack_{name}(dec, &args))", "        return RRTO_PROTOCOL;",
             "    const struct rrto_vendor *vendor = rrto_worker_vendor(exec->worker);"]
    # An older or a soft library may lack a function: the client then sees the library's own status, the session goes on.
    lacking = [f"    if (!vendor->{function})", f"        return {vendor_call.library.codes['unsupported']};"]
    if any(f.wire == "id" for f in op.fields):
        lines.append("    bool ok = false;")
    if op.replies:
        lines.append(f"    struct rrto_reply_{name} reply = {{0}};")
    # Objects leave their table last: nothing is removed when another argument is refused.
    for f in sorted(op.fields, key=lambda f: f.wire == "del"):
        lines += prepare_field(f)
    lines += lacking
    arguments = []
    for given, param in zip(names, vendor_call.params):
        found = by_name.get(given)
        arguments.append(argument(found[0], param.ctype, found[1]) if found else given)
    lines.append(wrap_arguments(f"    int32_t status = (int32_t)vendor->{function}(", arguments, ");"))
    for f in op.fields:
        if f.wire == "new":
            lines += ["    if (status == 0)",
                      "        status = rrto_objects_add(exec->worker, RRTO_KIND_" + f"{f.kind}, args.{f.name}, object_{f.name});"]
    if op.replies:
        for f in op.replies:
            if f.wire == "array":
                lines += [f"    reply.{f.name} = result_{f.name};", f"    reply.n_{f.name} = {result_bytes(op.call, f)};"]
        lines.append(f"    rrto_pack_reply_{name}(&exec->reply, &reply);")
    lines += ["    return status;", "}", ""]
    return "\n".join(lines)


def result_bytes(call, field):
    param = field.param
    if param.expression:
        return "(uint32_t)" + rename(call, param.expression)
    pointee = param.ctype.rsplit("*", 1)[0].strip()
    return f"sizeof({pointee})"


def rename(call, expression):
    """An expression over the call's parameters, over the decoded arguments instead."""
    for param in call.params:
        expression = re.sub(rf"\b{param.name}\b", f"({param.ctype})args.{param.name}", expression)
    return expression


def execute_custom(op):
    name = op.name
    lines = [f"static int32_t execute_{name}(struct rrto_exec *exec, struct rrto_dec *dec)", "{", f"    struct rrto_args_{name} args;",
             f"    if (!rrto_unpack_{name}(dec, &args))", "        return RRTO_PROTOCOL;"]
    for f in op.fields:
        if f.wire == "dev" and f.extent:
            lines += dev_check(f)
    lines += [f"    return rrto_server_{name}(exec, &args);", "}", ""]
    return "\n".join(lines)


def dispatch_c(api):
    out = [banner("Decodes and executes one op."), '#include "gen/server_bodies.h"', '#include "gen/vendor.h"', '#include "api/scalars.h"',
           '#include "base/status.h"', "", "#include <stdbool.h>", "", """\
/* a * b, or the largest number when that overflows: no range is that long. */
__attribute__((unused)) static uint64_t product(uint64_t a, uint64_t b)
{
    uint64_t result;
    return __builtin_mul_overflow(a, b, &result) ? UINT64_MAX : result;
}
"""]
    for op in api.all_ops():
        out.append(execute_plain(api, op) if op.plain else execute_custom(op))
    out += ["typedef int32_t execute(struct rrto_exec *exec, struct rrto_dec *dec);",
            "static execute *const executes[RRTO_OP_NUMBER_MAX + 1] = {"]
    out += [f"    [RRTO_OP_{op.name}] = execute_{op.name}," for op in api.all_ops()]
    out += ["};", "", """\
int32_t rrto_server_execute(struct rrto_exec *exec, const uint8_t *op, size_t n_bytes)
{
    struct rrto_op_header header;
    if (n_bytes < sizeof header)
        return RRTO_PROTOCOL;
    memcpy(&header, op, sizeof header);
    if (header.number > RRTO_OP_NUMBER_MAX || !executes[header.number])
        return RRTO_PROTOCOL;
    struct rrto_dec dec;
    rrto_dec_init(&dec, op, n_bytes);
    return executes[header.number](exec, &dec);
}
"""]
    return "\n".join(out)
