# SPDX-License-Identifier: Apache-2.0
"""The client's side: entries of every call, prototypes of the hand-written bodies, issue functions, the table of calls."""

from .text import banner, declare, prototype, wrap_arguments
from .model import SCALAR_BYTES

NODE_DRIVER = "-"


def symbols_of(api, description):
    """Every symbol that the library's door exports."""
    names = {c.name for c in description.calls} | {n for n, _ in description.unsupported}
    library = description.library
    if library.node != NODE_DRIVER:
        names |= api.symbols.get(library.node, set())
    else:
        prefix = {"driver": "cu", "nvml": "nvml"}.get(library.name)
        names |= {n for n in api.symbols.get("-", set()) if prefix and owner_of(n) == library.name}
    return sorted(names)


def owner_of(symbol):
    """Which library an unversioned symbol belongs to, by its prefix."""
    for prefix, library in (("cuFile", "cufile"), ("cusparseLt", "cusparselt"), ("nccl", "nccl"), ("nvshmem", "nvshmem"),
                            ("nvml", "nvml")):
        if symbol.startswith(prefix):
            return library
    return "driver" if symbol.startswith("cu") and symbol[2:3].isupper() else None


def served(api):
    return [d for d in api.descriptions if d.library]


def is_status(call):
    return call.ret.split()[-1] == call.library.status


def by_hand(call):
    return call.kind in ("custom", "local")


def arguments_of(call):
    return ", ".join(p.name for p in call.params)


def fill_param(api, call, field, scalars_by_handle):
    """Statements that fill one field of the op's arguments."""
    param, name = field.param, field.name
    codes = call.library.codes
    if field.wire == "id":
        return [f"    if (!rrto_client_id_{field.kind}({name}, &args.{name})) {{", f"        outcome = {codes['invalid']};",
                "        goto end;", "    }"]
    if field.wire == "content":
        return [f"    const void *bytes_{name};",
                f"    if (!rrto_client_value_{field.kind}({name}, &bytes_{name}, &args.n_{name})) {{",
                f"        outcome = {codes['value']};", "        goto end;", "    }", f"    args.{name} = bytes_{name};"]
    if field.wire == "dev":
        return [f"    args.{name} = (uint64_t)(uintptr_t){name};"]
    if field.wire == "scalar":
        n_bytes = param.expression or f"sizeof *{name}"
        lines = [f"    args.{name}.device = {'device_scalars' if scalars_by_handle else '0'};"]
        fill = f"rrto_client_scalar(&args.{name}, {name}, {n_bytes})"
        return lines + [f"    if (!{fill}) {{", f"        outcome = {codes['value']};", "        goto end;", "    }"]
    if field.wire == "result":
        if not scalars_by_handle:
            return [f"    args.{name} = (struct rrto_result){{0}};"]
        return [f"    args.{name}.device = device_scalars;",
                f"    args.{name}.address = device_scalars ? (uint64_t)(uintptr_t){name} : 0;"]
    if field.wire == "array":
        return [f"    args.{name} = (const void *){name};", f"    args.n_{name} = (uint32_t)({param.expression or '1'});"]
    category, _ = api.resolve(param.ctype)
    cast = "(int32_t)" if category == "enum" else ""
    return [f"    args.{name} = {cast}{name};"]


def read_replies(call):
    """Statements that unpack the reply and write the outputs."""
    op = call.op
    codes = call.library.codes
    has_result = any(f.wire == "result" for f in op.fields)
    lines = [f"    struct rrto_reply_{call.name} outs;", "    struct rrto_dec dec;",
             "    rrto_dec_init(&dec, reply.data, reply.size);",
             f"    if (!rrto_unpack_reply_{call.name}(&dec, &outs)) {{", f"        outcome = {codes['lost']};", "        goto end;", "    }"]
    for f in op.replies:
        if f.wire == "array":
            n_bytes = f.param.expression or f"sizeof *{f.name}"
            lines += [f"    if ({f.name} && outs.n_{f.name} == {n_bytes})", f"        memcpy({f.name}, outs.{f.name}, outs.n_{f.name});",
                      "    else", f"        outcome = {codes['lost']};"]
        else:
            pointee = f.param.ctype.rsplit("*", 1)[0].strip()
            lines += [f"    if ({f.name})", f"        *{f.name} = ({pointee})outs.{f.name};"]
    if has_result:
        lines = ["    if (!device_scalars) {"] + ["    " + line for line in lines] + ["    }"]
    return lines


LOCALS = ("args", "dec", "device_scalars", "extra", "frame", "gate", "outcome", "outs", "reply")


def plain_entry(api, call):
    for param in call.params:
        if param.name in LOCALS:
            raise param.place.error(f"'{param.name}' is a name of the generated code, call the parameter otherwise")
    op, codes, status = call.op, call.library.codes, call.library.status
    handles = [f for f in op.fields if f.wire == "id"]
    types = {f.name: api.resolve(f.param.ctype)[1] for f in handles}
    prepared = [f for f in handles if types[f.name].prepare]
    modes = [f for f in handles if types[f.name].device_scalars]
    uses_modes = bool(modes) and any(f.wire in ("scalar", "result") for f in op.fields)
    replies = bool(op.replies)
    has_result = any(f.wire == "result" for f in op.fields)
    out = [f"    struct rrto_args_{call.name} args;", f"    int32_t outcome = {codes['ok']};"]
    if replies:
        out += ["    struct rrto_buf reply;", "    rrto_buf_init(&reply, RRTO_OP_MAX_BYTES);"]
    for f in handles:
        out += fill_param(api, call, f, False)
    for f in prepared:
        out += [f"    outcome = rrto_client_prepare_{f.kind}({f.name});", "    if (outcome)", "        goto done;"]
    if uses_modes:
        out.append(f"    bool device_scalars = rrto_client_device_scalars_{modes[0].kind}({modes[0].name});")
    for f in op.fields:
        if f.wire != "id":
            out += fill_param(api, call, f, uses_modes)
    if replies:
        wait = "!device_scalars" if has_result else "true"
        out += [f"    struct rrto_issue_extra extra = {{.wait = {wait}, .reply = &reply}};",
                f"    outcome = rrto_issue_{call.name}(&args, &extra);", "    if (outcome)", "        goto done;"] + read_replies(call)
    else:
        out.append(f"    outcome = rrto_issue_{call.name}(&args, NULL);")
    tail = []
    if prepared or replies:
        tail.append("done:")
    tail += ["    if (outcome < 0)", f"        outcome = rrto_client_lost_{call.library.name}();"]
    needs_end = any("goto end;" in line for line in out)
    if needs_end:
        tail.append("end:")
    if replies:
        tail.append("    rrto_buf_fini(&reply);")
    tail += [f"    return ({status})outcome;"]
    return f"static {prototype(call, 'issue_' + call.name)}\n{{\n" + "\n".join(out + tail) + "\n}\n"


def entry(api, call):
    """One entry: the gate, the work, the bookkeeping."""
    library, codes = call.library, call.library.codes
    text = ""
    number = f"RRTO_CALL_{call.name}"
    if call.kind == "plain":
        text += plain_entry(api, call)
        work = f"issue_{call.name}({arguments_of(call)})"
    elif call.kind == "constant":
        work = f"({call.ret}){call.constant}"
    elif call.kind == "unsupported":
        work = f"({call.ret})UNSUPPORTED"
    else:
        work = f"rrto_client_{(call.base or call).name}({arguments_of(call)})"
    per_thread = call.base and by_hand(call)
    lines = [f"    struct rrto_call_frame frame;", f"    enum rrto_call_gate gate = rrto_call_begin(&frame, {number});"]
    if is_status(call):
        lines += ["    if (gate != RRTO_CALL_GO)",
                  f"        return ({call.ret})(gate == RRTO_CALL_FORKED ? {codes['forked']} : {codes['exiting']});"]
        lines += [f"    (void){p.name};" for p in call.params if call.kind in ("constant", "unsupported")]
        if call.kind == "unsupported":
            lines.append(f"    rrto_call_unsupported({number});")
        if per_thread:
            lines.append("    bool before = rrto_client_per_thread(true);")
        lines.append(f"    {declare(call.ret, 'outcome')} = {work};")
        if per_thread:
            lines.append("    rrto_client_per_thread(before);")
        if library.results and "keeps_last_error" not in call.attributes:
            lines.append(f"    outcome = ({call.ret})rrto_client_result_{library.name}({number}, (int32_t)outcome);")
        lines += ["    rrto_call_end(&frame);", "    return outcome;"]
    else:
        # No status to refuse with: the body runs in any case, and answers from what it has.
        assign = "" if call.ret == "void" else f"{declare(call.ret, 'outcome')} = "
        lines += [f"    {assign}{work};", "    if (gate == RRTO_CALL_GO)", "        rrto_call_end(&frame);"]
        if call.ret != "void":
            lines.append("    return outcome;")
    return text + f"static {prototype(call, 'entry_' + call.name)}\n{{\n" + "\n".join(lines) + "\n}\n"


def bare_stub(library, name):
    """A symbol without a prototype: the arguments are not looked at."""
    codes = library.codes
    number = f"RRTO_CALL_{name}"
    lines = ["    struct rrto_call_frame frame;", f"    enum rrto_call_gate gate = rrto_call_begin(&frame, {number});",
             "    if (gate != RRTO_CALL_GO)", f"        return gate == RRTO_CALL_FORKED ? {codes['forked']} : {codes['exiting']};",
             f"    rrto_call_unsupported({number});", "    int outcome = UNSUPPORTED;"]
    if library.results:
        lines.append(f"    outcome = rrto_client_result_{library.name}({number}, outcome);")
    lines += ["    rrto_call_end(&frame);", "    return outcome;"]
    return f"static int entry_{name}(void)\n{{\n" + "\n".join(lines) + "\n}\n"


SCALAR_HELPER = f"""\
/* One number into its field: its bytes, or its device address. */
__attribute__((unused)) static bool rrto_client_scalar(struct rrto_scalar *scalar, const void *at, size_t n_bytes)
{{
    memset(scalar->bytes, 0, sizeof scalar->bytes);
    if (!at || n_bytes > {SCALAR_BYTES})
        return false;
    if (scalar->device) {{
        uint64_t address = (uint64_t)(uintptr_t)at;
        memcpy(scalar->bytes, &address, sizeof address);
    }} else {{
        memcpy(scalar->bytes, at, n_bytes);
    }}
    return true;
}}
"""


def client_c(api, description):
    library = description.library
    out = [banner(f"The entries of {library.soname}.", f"src/api/{description.stem}.api"), '#include "gen/client_bodies.h"',
           '#include "gen/calls.h"', '#include "gen/issue_ops.h"', '#include "api/entry.h"', '#include "api/scalars.h"', "",
           f"enum {{ UNSUPPORTED = {library.codes['unsupported']} }};", ""]
    if any(c.kind == "plain" for c in description.calls):
        out.append(SCALAR_HELPER)
    described = {c.name for c in description.calls}
    out += [entry(api, call) for call in description.calls]
    out += [bare_stub(library, name) for name in symbols_of(api, description) if name not in described]
    rows = [f'    {{"{name}", (void (*)(void))entry_{name}}},' for name in symbols_of(api, description)]
    out += [f"const struct rrto_entry rrto_entries_{library.name}[] = {{"] + rows + ["};",
            f"const size_t rrto_n_entries_{library.name} = sizeof rrto_entries_{library.name} / sizeof rrto_entries_{library.name}[0];", ""]
    return f"client_{description.stem}.c", "\n".join(out)


PER_THREAD_PROTOTYPE = """\
/* Around the body of a per-thread variant (_ptsz, _ptds): whether a NULL stream means the calling thread's own. Returns what was so before. */
bool rrto_client_per_thread(bool on);
"""


def bodies_h(api):
    out = [banner("What is written by hand on the client's side."), "#ifndef RRTO_GEN_CLIENT_BODIES_H", "#define RRTO_GEN_CLIENT_BODIES_H", ""]
    out += [f'#include "gen/api_{d.stem}.h"' for d in served(api)] + ["", "#include <stdbool.h>", "",
            "/* Never in line, not even where the library is optimised as a whole: an entry's frame is on the stack while the rest is scrubbed",
            " * (src/replay/scrub.h), so it has to be small. */", "#define BODY __attribute__((noinline))", ""]
    out += [PER_THREAD_PROTOTYPE] if any(call.base and by_hand(call) for call in api.all_calls()) else []
    for description in served(api):
        library = description.library
        out += [f"/* {library.soname} */", f"/* The status for the session's sticky error. */", f"int32_t rrto_client_lost_{library.name}(void);"]
        if library.results:
            out += ["/* Last-error bookkeeping: every entry returns what this returns. call: enum rrto_call. */",
                    f"int32_t rrto_client_result_{library.name}(uint16_t call, int32_t result);"]
        for call in description.calls:
            if by_hand(call) and not call.base:
                if call.doc:
                    out.append(f"/* {call.doc} */")
                out.append("BODY " + prototype(call, "rrto_client_" + call.name) + ";")
        out.append("")
    out += ["#undef BODY", ""]
    used = {}
    for call in api.all_calls():
        if call.op:
            for field in call.op.fields:
                if field.wire in ("id", "content"):
                    used[(field.wire, field.kind)] = api.resolve(field.param.ctype)[1]
    out.append("/* Handles and descriptors of plain calls. */")
    for (wire, kind), type_ in sorted(used.items()):
        if wire == "id":
            out.append(f"bool rrto_client_id_{kind}({type_.name} handle, uint32_t *ret_id);")
            if type_.prepare:
                out.append(f"int32_t rrto_client_prepare_{kind}({type_.name} handle);")
            if type_.device_scalars:
                out.append(f"bool rrto_client_device_scalars_{kind}({type_.name} handle);")
        else:
            out.append(f"bool rrto_client_value_{kind}({type_.name} descriptor, const void **ret_bytes, uint32_t *ret_n);")
            helper = f"rrto_client_scalar_bytes_{kind}"
            if any(p.expression and helper in p.expression for c in api.all_calls() for p in c.params):
                out.append(f"size_t {helper}({type_.name} descriptor);")
    out += ["", "#endif", ""]
    return "\n".join(out)


def issue_h(api):
    out = [banner("Packs one op and issues it."), "#ifndef RRTO_GEN_ISSUE_OPS_H", "#define RRTO_GEN_ISSUE_OPS_H", "", '#include "base/status.h"',
           '#include "gen/ops.h"', '#include "replay/issue.h"', "",
            "/* By hand, in src/cuda: issues the op, or captures it. */",
            "int32_t rrto_client_issue(const uint8_t *bytes, size_t n_bytes, const struct rrto_issue_extra *extra);", ""]
    for op in api.all_ops():
        out += [f"static inline int32_t rrto_issue_{op.name}(const struct rrto_args_{op.name} *args, const struct rrto_issue_extra *extra)",
                "{", "    struct rrto_buf *buf = rrto_issue_scratch();", f"    rrto_pack_{op.name}(buf, args);",
                "    return buf->failed ? RRTO_NO_MEMORY : rrto_client_issue(buf->data, buf->size, extra);", "}"]
    out += ["", "#endif", ""]
    return "\n".join(out)


def size_expression(api, call, param):
    """(bytes in, bytes out) of one parameter as C expressions."""
    ctype = param.ctype
    if "(*" in ctype:
        return "8", "0"
    if "*" not in ctype:
        return f"sizeof({ctype})", "0"
    pointee = ctype.rsplit("*", 1)[0].strip()
    if param.annotation == "scalar":
        return "17", "0"
    if param.annotation in ("dev", "in") or pointee.startswith("const ") or pointee.endswith("const"):
        return "8", "0"
    if param.annotation == "result" and "void" in pointee:
        return "8", "16"
    if pointee in ("void", "char", "FILE"):
        return "8", "64" if pointee == "char" else "0"
    if pointee.endswith("*"):
        return "8", "8"
    found = api.types.get(pointee.replace("struct ", "").replace("enum ", ""))
    if found is None and api.resolve(pointee)[0] != "scalar":
        return "8", "0"
    return "8", f"sizeof({pointee})"


def call_rows(api):
    """(name, library, Call or None) of every symbol, in a fixed order."""
    rows = []
    for description in served(api):
        described = {c.name: c for c in description.calls}
        rows += [(name, description.library, described.get(name)) for name in symbols_of(api, description)]
    return rows


def calls_h(api):
    out = [banner("Every call: its number in reports and its sizes."), "#ifndef RRTO_GEN_CALLS_H", "#define RRTO_GEN_CALLS_H", "",
           "#include <stdbool.h>", "#include <stdint.h>", "", "enum rrto_library {", "    RRTO_LIBRARY_NONE,"]
    out += [f"    RRTO_LIBRARY_{d.library.name}," for d in served(api)] + ["    RRTO_LIBRARY_N", "};",
            "extern const char *const rrto_library_names[RRTO_LIBRARY_N];", "", "enum rrto_call {"]
    out += [f"    RRTO_CALL_{name}," for name, _, _ in call_rows(api)] + ["    RRTO_CALL_N", "};", "",
            "enum rrto_call_class { RRTO_CLASS_PLAIN, RRTO_CLASS_CUSTOM, RRTO_CLASS_LOCAL, RRTO_CLASS_UNSUPPORTED, RRTO_CLASS_CONSTANT };",
            "struct rrto_call_info {", "    const char *name;", "    uint8_t library; /* enum rrto_library */",
            "    uint8_t class; /* enum rrto_call_class */", "    bool nocount; /* no round trip of its own in percall mode */",
            "    uint32_t n_bytes_in, n_bytes_out; /* packed arguments and outputs: what percall mode exchanges */", "};",
            "extern const struct rrto_call_info rrto_call_infos[RRTO_CALL_N];", "", "#endif", ""]
    return "\n".join(out)


def calls_c(api):
    out = [banner("Every call: its number in reports and its sizes."), '#include "gen/calls.h"']
    out += [f'#include "gen/api_{d.stem}.h"' for d in served(api)]
    out += ["", "const char *const rrto_library_names[RRTO_LIBRARY_N] = {", '    "",'] + [f'    "{d.library.name}",' for d in served(api)] + ["};", "",
            "const struct rrto_call_info rrto_call_infos[RRTO_CALL_N] = {"]
    for name, library, call in call_rows(api):
        kind = call.kind if call else "unsupported"
        sizes = [size_expression(api, call, p) for p in call.params] if call else []
        n_in = " + ".join(s[0] for s in sizes) or "0"
        n_out = " + ".join(s[1] for s in sizes if s[1] != "0") or "0"
        nocount = "true" if call and "nocount" in call.attributes else "false"
        out.append(wrap_arguments(f"    [RRTO_CALL_{name}] = {{", [f'"{name}"', f"RRTO_LIBRARY_{library.name}", f"RRTO_CLASS_{kind.upper()}", nocount,
                                                                 n_in, n_out], "},"))
    out += ["};", ""]
    return "\n".join(out)
