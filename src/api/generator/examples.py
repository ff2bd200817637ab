# SPDX-License-Identifier: Apache-2.0
"""Examples of every op: random ones in C for tests (op_examples.c), and one fixed one per op, encoded here in Python, as a fuzz seed.
The Python encoder is written from docs/api-format.md and knows nothing of the C one: each checks the other."""

import struct

from .model import SCALARS
from .text import banner

FORMATS = {"u8": "<B", "u16": "<H", "u32": "<I", "u64": "<Q", "i32": "<i", "i64": "<q", "f32": "<f", "f64": "<d"}


def fill(fields):
    """C statements that fill args with random values; arrays live in `room`."""
    out, n_arrays = [], sum(f.n_fixed() is None for f in fields)
    if not fields:
        out.append("    (void)seed;")
    if n_arrays:
        out.append(f"    uint64_t room[{n_arrays}][8];")
    at = 0
    for f in fields:
        if f.n_fixed() is None:
            size = 1 if f.wire == "content" else SCALARS[f.element][0]
            out += [f"    fill(seed, room[{at}], sizeof room[{at}]);", f"    args.{f.name} = (const void *)room[{at}];",
                    f"    args.n_{f.name} = (uint32_t)(next(seed) % {64 // size + 1});"]
            at += 1
        elif f.wire == "scalar":
            out += [f"    fill(seed, args.{f.name}.bytes, sizeof args.{f.name}.bytes);", f"    args.{f.name}.device = next(seed) & 1;"]
        elif f.wire == "result":
            out += [f"    args.{f.name}.address = next(seed);", f"    args.{f.name}.device = next(seed) & 1;"]
        else:
            out.append(f"    fill(seed, &args.{f.name}, sizeof args.{f.name});")
    return out


def example_functions(op):
    out = [f"static void make_{op.name}(struct rrto_buf *buf, uint64_t *seed)", "{", f"    struct rrto_args_{op.name} args = {{0}};"]
    out += fill(op.fields) + [f"    rrto_pack_{op.name}(buf, &args);", "}", ""]
    out += [f"static bool again_{op.name}(const uint8_t *op, size_t n, struct rrto_buf *buf)", "{", "    struct rrto_dec dec;",
            f"    struct rrto_args_{op.name} args;", "    rrto_dec_init(&dec, op, n);", f"    if (!rrto_unpack_{op.name}(&dec, &args))",
            "        return false;", f"    rrto_pack_{op.name}(buf, &args);", "    return true;", "}", ""]
    if op.replies:
        out += [f"static void make_reply_{op.name}(struct rrto_buf *buf, uint64_t *seed)", "{", f"    struct rrto_reply_{op.name} args = {{0}};"]
        out += fill(op.replies) + [f"    rrto_pack_reply_{op.name}(buf, &args);", "}", ""]
        out += [f"static bool again_reply_{op.name}(const uint8_t *reply, size_t n, struct rrto_buf *buf)", "{", "    struct rrto_dec dec;",
                f"    struct rrto_reply_{op.name} args;", "    rrto_dec_init(&dec, reply, n);",
                f"    if (!rrto_unpack_reply_{op.name}(&dec, &args))", "        return false;",
                f"    rrto_pack_reply_{op.name}(buf, &args);", "    return true;", "}", ""]
    return "\n".join(out)


def examples_h():
    return "\n".join([banner("Random examples of every op, for tests."), "#ifndef RRTO_GEN_OP_EXAMPLES_H", "#define RRTO_GEN_OP_EXAMPLES_H", "",
                      '#include "gen/ops.h"', "", "/* make appends a random op (or reply) and advances the seed; again unpacks and, when the bytes are well formed, packs what it read:",
                      " * exactly those bytes. The functions for replies are NULL for an op that has none. */", "struct rrto_op_example {",
                      "    const char *name;", "    uint16_t number;", "    void (*make)(struct rrto_buf *buf, uint64_t *seed);",
                      "    bool (*again)(const uint8_t *op, size_t n, struct rrto_buf *buf);",
                      "    void (*make_reply)(struct rrto_buf *buf, uint64_t *seed);",
                      "    bool (*again_reply)(const uint8_t *reply, size_t n, struct rrto_buf *buf);", "};",
                      "extern const struct rrto_op_example rrto_op_examples[RRTO_OP_COUNT];", "", "#endif", ""])


def examples_c(api):
    out = [banner("Random examples of every op, for tests."), '#include "gen/op_examples.h"', '#include "base/map.h"', "", """\
static uint64_t next(uint64_t *seed)
{
    return rrto_mix64(*seed += 0x9e3779b97f4a7c15u);
}

__attribute__((unused)) static void fill(uint64_t *seed, void *at, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ((uint8_t *)at)[i] = (uint8_t)next(seed);
}
"""]
    out += [example_functions(op) for op in api.all_ops()]
    out.append("const struct rrto_op_example rrto_op_examples[RRTO_OP_COUNT] = {")
    for op in api.all_ops():
        reply = f"make_reply_{op.name}, again_reply_{op.name}" if op.replies else "NULL, NULL"
        out.append(f'    {{"{op.name}", RRTO_OP_{op.name}, make_{op.name}, again_{op.name}, {reply}}},')
    return "\n".join(out + ["};", ""])


def encode(fields, start):
    """The packed fields; start: bytes before them, for alignment."""
    data = b""
    for at, f in enumerate(fields):
        value = 3 * at + 1
        if f.wire in SCALARS:
            data += struct.pack(FORMATS[f.wire], value)
        elif f.wire in ("id", "new", "del"):
            data += struct.pack("<I", value)
        elif f.wire == "dev":
            data += struct.pack("<Q", 0x7F0000000000 + 512 * value)
        elif f.wire == "scalar":
            data += b"\0" + struct.pack("<f", 1.0).ljust(16, b"\0")
        elif f.wire == "result":
            data += b"\0" + struct.pack("<Q", 0)
        else:
            size = 1 if f.wire == "content" else SCALARS[f.element][0]
            count = at + 2
            data += struct.pack("<I", count)
            data += b"\0" * (-(start + len(data)) % 8)
            data += bytes((at + i) & 0xFF for i in range(count * size))
    return data


def seeds(api):
    """name -> bytes: one well-formed op each."""
    result = {}
    for op in api.all_ops():
        body = encode(op.fields, 8)
        result[op.name] = struct.pack("<HHI", op.number, 0, len(body)) + body
    return result
